"""A story is told with its cause first, whoever was quicker to write."""

from handrail.ledger.event import Event
from handrail.ledger.queries import Told, asked_first
from tests.unit.ledger.told import Story


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
