"""When a process that ended on its own is started again."""

import pytest

from handrail.runtime.restart import DELAY_S_MAX, Restart, after_exit


@pytest.mark.parametrize(
    ("exits_s", "expected"),
    [
        ([100.0], Restart(0.5, 1, loop=False)),
        ([99.0, 100.0], Restart(1.0, 2, loop=False)),
        ([98.0, 99.0, 99.5, 100.0], Restart(4.0, 4, loop=False)),
        ([96.0, 97.0, 98.0, 99.0, 100.0], Restart(DELAY_S_MAX, 5, loop=True)),
        ([10.0, 20.0, 30.0, 39.0, 100.0], Restart(0.5, 1, loop=False)),
    ],
)
def test_the_delay_doubles_until_a_crash_loop_is_named(
    exits_s: list[float], expected: Restart
) -> None:
    assert after_exit(exits_s, 100.0) == expected
