"""What a task says of invocations that rest and go on by themselves."""

from handrail.ledger.event import DropReason, RestWhy
from handrail.ledger.explanation import waiting_for, why
from handrail.ledger.rest import RESTS_COUNT_MAX
from handrail.ledger.story import sentence
from handrail.ledger.task_state import TaskState, fold
from tests.unit.ledger.told import Story, folded


def test_a_retry_is_told_with_its_time_and_its_reason_and_the_task_goes_on_working() -> None:
    story = Story()
    event = story.rested("s1", failed_count=2, until_ms=60_000, sentence="The archive is away.")

    facts = folded(story.accepted(), event)

    words = "planner has failed 2 times and tries again at 1970-01-01T00:01:00.000Z"
    assert facts.state is TaskState.WORKING
    assert waiting_for(facts)[0] == f"{words}, because The archive is away"
    assert sentence(event) == f"{words}, because The archive is away."


def test_work_that_waits_for_a_provider_says_so() -> None:
    story = Story()

    facts = folded(story.accepted(), story.rested("s1", why=RestWhy.PROVIDER, until_ms=60_000))

    assert "planner waits for a provider, because No; it goes on by itself" in why(facts)


def test_a_rest_is_forgotten_when_its_invocation_has_ended() -> None:
    story = Story()
    facts = folded(story.accepted(), story.finished("s1", "a@q", "b@q", "c@q"))
    for one in ("a", "b", "c"):
        facts = fold(facts, story.rested(one))

    facts = fold(facts, story.finished("a", topic="q"))
    facts = fold(facts, story.dead("b", topic="q"))
    facts = fold(facts, story.dropped("c", DropReason.CANCELED, intake=False))

    assert facts.rests == ()


def test_the_newest_rests_are_kept_one_for_each_invocation() -> None:
    story = Story()
    facts = folded(story.accepted())
    for number in range(RESTS_COUNT_MAX + 4):
        facts = fold(facts, story.rested(f"i{number}"))
        facts = fold(facts, story.rested(f"i{number}", failed_count=2))

    assert [rest.invocation for rest in facts.rests] == [f"i{n}" for n in range(4, 12)]
    assert {rest.failed_count for rest in facts.rests} == {2}
