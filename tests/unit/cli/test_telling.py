"""The order in which a running task is told."""

from handrail.cli.telling import Telling
from handrail.ledger.event import Event
from handrail.ledger.queries import Told
from tests.unit.ledger.told import Story


def told(*events: Event) -> list[Told]:
    return [Told(0, offset, event) for offset, event in enumerate(events)]


def names(events: list[Told]) -> list[str]:
    return [type(one.event).__name__ for one in events]


def test_who_asked_is_told_first_where_both_arrive_together() -> None:
    s = Story()
    telling = Telling(whole=False)

    fresh = telling.take(told(s.accepted(), s.submitted(), s.finished("s1")))

    assert names(fresh) == ["Submitted", "Accepted", "Finished"]
    assert telling.told == fresh


def test_what_was_taken_in_before_a_persons_eyes_is_not_submitted_afterwards() -> None:
    s = Story()
    taken, asked, done = s.accepted(), s.submitted(), s.finished("s1")
    telling = Telling(whole=False)

    assert names(telling.take(told(taken))) == ["Accepted"]
    assert names(telling.take(told(taken, asked, done))) == ["Finished"]
    assert names(telling.told) == ["Accepted", "Finished"]


def test_a_program_gets_every_event_once_however_late() -> None:
    s = Story()
    taken, asked = s.accepted(), s.submitted()
    telling = Telling(whole=True)

    telling.take(told(taken))

    assert names(telling.take(told(taken, asked))) == ["Submitted"]
    assert telling.take(told(taken, asked)) == []


def test_a_file_that_is_folded_anew_repeats_nothing() -> None:
    s = Story()
    all_of_it = told(s.submitted(), s.accepted(), s.finished("s1"))
    telling = Telling(whole=False)
    telling.take(all_of_it[:2])

    assert telling.take(all_of_it[:1]) == []
    assert names(telling.told) == ["Submitted"]
    assert names(telling.take(all_of_it)) == ["Finished"]
    assert names(telling.told) == ["Submitted", "Accepted", "Finished"]
