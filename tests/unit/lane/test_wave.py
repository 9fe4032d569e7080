"""A wave of dead letters goes slowly first, then at its rate, and stops when too many fail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.lane.wave import (
    CANARY_WAIT_S,
    FAILED_SHARE_MAX,
    JUDGED_COUNT_MIN,
    LAST_WAIT_S,
    End,
    Halted,
    Pace,
    SendNext,
    Wave,
)

STEP_S = 0.1


class Played:
    """A wave played to its end; each that is sent ends as `becomes` says, after `after_s`."""

    def __init__(self, becomes: list[End], pace: Pace, after_s: float = 0.5) -> None:
        self.wave, self.becomes, self.after_s = Wave(len(becomes), pace), becomes, after_s
        self.sent_s: list[float] = []
        self.now_s = 0.0
        self.halted: Halted | None = None
        while self.halted is None:
            self.turn()

    def turn(self) -> None:
        ends = {
            number: self.becomes[number] if self.now_s - sent_s >= self.after_s else End.OPEN
            for number, sent_s in enumerate(self.sent_s)
        }
        match self.wave.next(ends, self.now_s):
            case SendNext(count):
                self.sent_s += [self.now_s] * count
                self.wave.sent(count, self.now_s)
            case halted:
                self.halted = halted
        self.now_s += STEP_S


def test_the_first_few_have_ended_before_any_other_is_sent() -> None:
    played = Played([End.WELL] * 20, Pace(canary=3), after_s=7.0)

    assert played.halted is Halted.DONE
    assert played.sent_s[:3] == [0.0] * 3
    assert played.sent_s[3] >= 7.0


def test_a_canary_that_waits_for_a_person_is_the_last_one_that_was_sent() -> None:
    played = Played([End.WAITING] + [End.WELL] * 20, Pace())

    assert played.halted is Halted.CANARY_WAITING
    assert len(played.sent_s) == 1
    assert played.now_s < CANARY_WAIT_S


def test_those_that_wait_for_a_person_say_nothing_of_how_many_fail() -> None:
    played = Played([End.WELL, End.WAITING] * 10 + [End.FAILED], Pace())

    assert played.halted is Halted.DONE
    assert len(played.sent_s) == 21


def test_a_canary_that_fails_again_is_the_last_one_that_was_sent() -> None:
    played = Played([End.FAILED] + [End.WELL] * 20, Pace())

    assert played.halted is Halted.CANARY_FAILED
    assert len(played.sent_s) == 1


def test_a_canary_that_has_not_ended_in_a_minute_holds_the_others_back() -> None:
    played = Played([End.WELL] * 20, Pace(), after_s=CANARY_WAIT_S + 1)

    assert played.halted is Halted.CANARY_SLOW
    assert len(played.sent_s) == 1


def test_it_keeps_to_its_rate() -> None:
    played = Played([End.WELL] * 41, Pace(canary=1, rate_per_s=4.0))
    rest = played.sent_s[1:]

    assert played.halted is Halted.DONE
    assert rest[-1] - rest[0] == pytest.approx(39 / 4.0, abs=2 * STEP_S)


def test_without_a_canary_the_rate_holds_from_the_first_one_on() -> None:
    played = Played([End.WELL] * 5, Pace(canary=0, rate_per_s=1.0))

    assert played.sent_s == pytest.approx([0, 1, 2, 3, 4], abs=STEP_S)


def test_it_stops_once_over_a_fifth_have_failed_again() -> None:
    becomes = [End.WELL] * 10 + [End.FAILED] * 90
    played = Played(becomes, Pace(rate_per_s=2.0))

    assert played.halted is Halted.TOO_MANY_FAILED
    assert len(played.sent_s) < 20


def test_a_fifth_that_fails_stops_nothing() -> None:
    becomes = [End.FAILED if number % 5 == 4 else End.WELL for number in range(50)]

    assert Played(becomes, Pace(rate_per_s=2.0)).halted is Halted.DONE


def test_those_that_were_sent_last_are_waited_for_and_not_for_ever() -> None:
    played = Played([End.WELL] * 2, Pace(canary=0), after_s=1e9)

    assert played.halted is Halted.DONE
    assert played.now_s == pytest.approx(LAST_WAIT_S, abs=1)


def test_one_alone_is_done_however_it_ends() -> None:
    assert Played([End.WELL], Pace()).halted is Halted.DONE
    assert Played([End.FAILED], Pace()).halted is Halted.TOO_MANY_FAILED


@given(
    st.lists(st.sampled_from([End.WELL, End.FAILED]), min_size=1, max_size=60),
    st.integers(0, 5),
)
def test_no_more_is_sent_than_a_stop_allows(becomes: list[End], canary: int) -> None:
    played = Played(becomes, Pace(canary=canary, rate_per_s=2.0), after_s=0.0)

    sent = len(played.sent_s)
    assert sent <= len(becomes)
    # Before the last one was sent there were few ends, or few of them had failed.
    known = becomes[: max(0, sent - 1)]
    failed = known.count(End.FAILED)
    in_first = sent <= max(1, canary)
    assert in_first or len(known) < JUDGED_COUNT_MIN or failed <= FAILED_SHARE_MAX * len(known)
