"""Judges a recorded run by what was promised: one file for each family of invariants."""
