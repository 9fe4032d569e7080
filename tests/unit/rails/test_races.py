"""Races about approvals, a few of each; `python -m bench.rails` runs a thousand."""

import pytest

from bench.rails.races import AT_ONCE_OF, FIRST_DECIDES, RACES, race

TRIALS = 20
#: Races after which every act that was approved has taken place, and those after which none has.
ALL = frozenset({"replay"})
#: Races for more acts than one of a task, and those in which a process dies in each stand.
FURTHER = frozenset({"further calls"})
CRASH = frozenset({"crash between"})
NONE = frozenset({"swap target", "change policy", "expire"})


@pytest.mark.parametrize("name", RACES)
async def test_no_race_makes_an_act_that_nobody_approved_or_makes_one_twice(name: str) -> None:
    came = await race(name, TRIALS)

    assert (came.trials, came.unauthorised, came.double, came.missed) == (TRIALS, 0, 0, 0)
    if name in NONE:
        assert came.acts == 0
    else:
        assert 0 < came.acts <= came.approved
    if name in FURTHER:
        assert came.acts > TRIALS
        assert came.crashes.total() > 0
    if name in CRASH:
        assert came.crashes.total() >= TRIALS / AT_ONCE_OF[name]
        assert len(came.crashes) > 2
    if name in FIRST_DECIDES:
        assert came.acts == came.approved < TRIALS
    if name in ALL:
        assert came.acts == came.approved == TRIALS


async def test_a_change_of_policy_that_changes_nothing_lets_the_acts_take_place() -> None:
    came = await race("change policy", TRIALS, at_once=TRIALS, second="first")

    assert came.unauthorised == came.acts == TRIALS
