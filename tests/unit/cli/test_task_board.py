"""What each agent has done for a task, folded from the task's events."""

from handrail.cli.task_board import TaskBoard, state_of
from handrail.ledger.event import DropReason, Event, PartKind, RequestKind
from tests.unit.ledger.told import Story


def board(*events: Event) -> TaskBoard:
    found = TaskBoard()
    found.take(events)
    return found


def states(found: TaskBoard, now_ms: int) -> dict[str, str]:
    return {seat.agent or seat.topic: state_of(seat, now_ms) for seat in found.seats}


def test_an_agent_stands_below_the_one_that_first_wrote_to_it() -> None:
    s = Story()

    found = board(
        s.submitted(),
        s.accepted(),
        s.finished("s1", "d1@drafts"),
        s.finished("d1", "o1@objections", "r1@reviewed", agent="reviewer", topic="drafts"),
        s.finished("o1", "d2@drafts", agent="reviser", topic="objections"),
    )

    depths = [(seat.agent or seat.topic, seat.depth) for seat in found.seats]
    assert depths == [("planner", 0), ("reviewer", 1), ("reviser", 2), ("reviewed", 2)]
    assert (found.opened, found.ended) == (5, 3)


def test_what_is_written_and_not_ended_is_open_since_it_was_written() -> None:
    s = Story()

    found = board(s.accepted(), s.finished("s1", "q1@questions", "q2@questions"))

    assert states(found, now_ms=5_000) == {"planner": "done", "questions": "2 open, for 3.0 s"}


def test_a_gather_says_how_many_parts_it_has_until_it_has_run() -> None:
    s = Story()
    found = board(
        s.accepted(),
        s.finished("s1", "q1@findings", "q2@findings"),
        s.part("q1", 0, 2),
        s.part("q2", 1, 2, what=PartKind.LOST),
    )
    assert states(found, s.now_ms)["writer"] == "has all 2 parts, for 1.0 s"

    found.take([s.finished("g1", agent="writer", topic="findings", gathered="f1", missing=1)])

    assert states(found, s.now_ms)["writer"] == "done"
    assert found.opened == found.ended == 4


def test_a_submission_that_is_said_twice_is_counted_once() -> None:
    s = Story()

    found = board(s.accepted(), s.accepted(), s.dropped("s1", DropReason.COPY, intake=True))

    assert (found.opened, found.ended) == (1, 1)


def test_what_died_is_lost_until_it_is_sent_back() -> None:
    s = Story()
    found = board(s.accepted(), s.dead())
    assert states(found, s.now_ms) == {"planner": "1 lost"}

    found.take([s.redriven("s1")])

    assert states(found, s.now_ms) == {"planner": "1 open, for 0 ms"}


def test_times_and_tokens_add_up_and_unknown_waiting_stays_unknown() -> None:
    s = Story()

    found = board(
        s.accepted(),
        s.finished("s1", "q1@questions", model_calls=1, tokens_in=10, tokens_out=5),
        s.finished("q1", agent="researcher", topic="questions", waited_ms=30),
        s.finished("q2", agent="researcher", topic="questions", waited_ms=12),
    )

    planner, researcher = found.seats
    assert (planner.waited_ms, planner.worked_ms, planner.tokens) == (None, 400, 15)
    assert (researcher.waited_ms, researcher.worked_ms, researcher.tokens) == (42, 800, 0)


def test_an_agent_that_waits_for_a_person_says_so_until_it_has_its_answer() -> None:
    s = Story()
    asked = {"agent": "clerk", "topic": "complaints"}
    found = board(
        s.accepted(), s.finished("s1", "c1@complaints"), s.passed("x", topic="complaints")
    )
    clerk = found.seats[-1]
    clerk.agent = asked["agent"]

    found.take([s.asks("r1", RequestKind.APPROVAL)])
    waits = state_of(clerk, s.now_ms)
    found.take([s.answered("r1")])

    assert waits == "waits for a person"
    assert state_of(clerk, s.now_ms).startswith("1 open")
