"""A schedule of faults follows from its seed and holds some of every kind that is asked for."""

import pytest

from handrail.chaos.proof import round_s
from handrail.chaos.strikes import (
    LONG_FREEZE_S,
    LONG_ROUND_S,
    LONGEST_FREEZE_S,
    PAST_SESSION_S,
    WEIGHTS,
    Kind,
    Severity,
    schedule,
)

NAMES = ("opener", "mixer", "registrar")
SEVERITY = Severity(moments_with=("pay",))


def test_the_same_seed_draws_the_same_faults() -> None:
    assert schedule(3, [*Kind], 60, NAMES, SEVERITY) == schedule(3, [*Kind], 60, NAMES, SEVERITY)
    assert schedule(3, [*Kind], 60, NAMES, SEVERITY) != schedule(4, [*Kind], 60, NAMES, SEVERITY)


def test_faults_come_in_order_within_the_time_and_to_processes_that_are_there() -> None:
    strikes = schedule(5, [*Kind], 300, NAMES, SEVERITY)

    times = [strike.at_s for strike in strikes]
    assert times == sorted(times)
    assert 0 < times[0] <= times[-1] < 300
    assert {strike.target for strike in strikes} <= {*NAMES, ""}


@pytest.mark.parametrize("seed", range(20))
def test_a_short_round_has_some_of_every_kind(seed: int) -> None:
    strikes = schedule(seed, [*Kind], 60, NAMES, SEVERITY)

    assert {strike.kind for strike in strikes[: len(Kind)]} == {*Kind}


def test_over_a_long_time_each_kind_comes_as_often_as_its_weight_says() -> None:
    strikes = schedule(1, [*Kind], 60 * sum(WEIGHTS.values()), NAMES, SEVERITY)
    share = len(strikes) / sum(WEIGHTS.values())

    for kind, weight in WEIGHTS.items():
        count = sum(strike.kind is kind for strike in strikes)
        assert weight * (share - 1) <= count <= weight * (share + 1)


def test_only_what_is_asked_for_strikes_and_nothing_when_nothing_is() -> None:
    only = schedule(1, [Kind.FREEZE], 600, NAMES, SEVERITY)

    assert {strike.kind for strike in only} == {Kind.FREEZE}
    past = sum(strike.lasts_s > PAST_SESSION_S for strike in only)
    assert 0.3 < past / len(only) < 0.7, "half of them outlast the session"
    long = sum(strike.lasts_s > 30 for strike in only)
    assert 0.03 < long / len(only) < 0.2, "some outlast whatever a process waits for"
    assert schedule(1, [], 600, NAMES, SEVERITY) == []


def freezes_of(over_s: float) -> list[float]:
    """How long the freezes of many rounds last."""
    rounds = [schedule(seed, [Kind.FREEZE], over_s, NAMES, SEVERITY) for seed in range(100)]
    return [strike.lasts_s for strikes in rounds for strike in strikes]


def test_in_a_round_that_is_long_enough_some_freezes_last_for_up_to_ninety_seconds() -> None:
    long, short = freezes_of(LONG_ROUND_S), freezes_of(LONG_ROUND_S - 1)

    assert LONG_FREEZE_S[1] + 20 < max(long) <= LONGEST_FREEZE_S
    assert max(short) <= LONG_FREEZE_S[1]


def test_only_a_long_proof_has_long_rounds_and_the_share_of_ci_is_none() -> None:
    assert {round_s(number, minutes=2) for number in range(9)} == {60.0}
    assert [round_s(number, minutes=10) for number in range(6)] == [60, 60, 150, 60, 60, 150]


def test_a_moment_of_a_step_is_for_those_who_take_it() -> None:
    severity = Severity(moments_with=("pay",), moments_of=("mixer",))

    kills = schedule(1, [Kind.KILL], 600, (*NAMES, "mixer-2"), severity)

    at_steps = {kill.target for kill in kills if "/pay" in kill.moment}
    assert at_steps == {"mixer", "mixer-2"}
    assert {kill.target for kill in kills if "/pay" not in kill.moment} == {*NAMES, "mixer-2"}


def test_kills_come_at_any_time_and_at_named_moments_and_some_are_told_to_nobody() -> None:
    kills = schedule(1, [Kind.KILL], 600, NAMES, SEVERITY)

    assert {bool(kill.moment) for kill in kills} == {True, False}
    assert {kill.told for kill in kills} == {True, False}
    assert any(kill.moment == "after_act/pay:1" for kill in kills)
