"""Runs the desk's measurement: `python -m bench.desk`."""

from bench.desk.run import main

main()
