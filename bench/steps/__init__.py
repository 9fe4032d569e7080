"""Measures what recorded steps cost: `python -m bench.steps`."""
