"""Shares the suite out between two processes: what needs a Kafka or time, and the rest beside it.

The first worker alone runs what talks to a Kafka, kills processes or waits for sessions to end, one
test after another, as if nothing ran beside it; the others are nicer than it and take the rest file
by file, so that a broker and its team find the processor free whenever they ask for it. Without
workers (`pytest` as it is) everything runs in one process, in the order of the files.
"""

import os

import pytest

FIRST = "gw0"  #: pytest-xdist 3.8: the name of the first worker
TIMED = ("tests/faults/", "tests/kafka/", "tests/simulation/")
NICENESS = 10


def is_worker(config: pytest.Config) -> bool:
    """Say whether this process runs a share of a suite that another one tells of."""
    return hasattr(config, "workerinput")


def is_beside(config: pytest.Config) -> bool:
    """Say whether this process runs what may wait."""
    return is_worker(config) and config.workerinput["workerid"] != FIRST


def yield_to_the_first(config: pytest.Config) -> None:
    """Let whoever runs beside, and all that it starts, take what the first worker leaves."""
    if is_beside(config):
        os.nice(NICENESS)
