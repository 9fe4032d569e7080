"""What an invocation that rests costs its process in memory, once its lane was opened anew."""

import pytest

from bench.resting.ground import bytes_each

COUNT = 2_700  #: just below where tables grow


@pytest.mark.parametrize(
    ("intents", "outcomes", "bytes_max"), [(0, 0, 1_100), (1, 0, 2_400), (1, 3, 4_900)]
)
def test_what_rests_takes_so_much_memory_at_most(
    intents: int, outcomes: int, bytes_max: int
) -> None:
    assert bytes_each(COUNT, intents, outcomes) <= bytes_max
