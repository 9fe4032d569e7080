"""A story is told with its cause first; what memory refuses is counted."""

from pathlib import Path

from handrail.ledger.event import Event
from handrail.ledger.memory_event import MemoryRefused
from handrail.ledger.projection import Projection
from handrail.ledger.queries import RefusedOften, Told, asked_first, refusals_of_memory
from tests.unit.ledger.told import Story, as_record


def told(*events: Event) -> list[Told]:
    return [Told(0, offset, event) for offset, event in enumerate(events)]


def test_a_submission_stands_before_what_the_intake_made_of_it() -> None:
    story = Story()
    first, again = story.submitted("s1"), story.submitted("s1")
    taken, done = story.accepted("s1"), story.finished("s1", "q1@questions")
    other, refused = story.submitted("s2"), story.rejected("s2")

    late = asked_first(told(taken, done, first, again, refused, other))

    assert [one.event for one in late] == [first, taken, done, again, other, refused]


def test_a_story_in_order_stays_as_it_is() -> None:
    story = Story()
    events = told(
        story.submitted("s1"), story.accepted("s1"), story.submitted("s1"), story.accepted("s2")
    )

    assert asked_first(events) == events


def refused(offset: int, *, reason: str, space: str = "facts", by: str = "clerk") -> Event:
    return MemoryRefused(
        task_id="t1",
        tenant="default",
        time_ms=100 + offset,
        space=space,
        key="default/-/k",
        op="put",
        by=by,
        partition=0,
        offset=offset,
        reason=reason,
        state="precondition_failed",
        sentence="It says nothing new.",
    )


def test_refusals_of_memory_are_counted_by_space_reason_and_writer(tmp_path: Path) -> None:
    projection = Projection(tmp_path / "p.db")
    events = [
        refused(0, reason="echo"),
        refused(1, reason="quota", by="scribe"),
        Story("t1").submitted("s1"),
        refused(3, reason="echo"),
    ]
    records = [as_record(event, offset) for offset, event in enumerate(events)]

    projection.take(records, projection.beginning())

    assert refusals_of_memory(projection) == [
        RefusedOften("facts", "echo", "clerk", 2, 103),
        RefusedOften("facts", "quota", "scribe", 1, 101),
    ]
    projection.close()
