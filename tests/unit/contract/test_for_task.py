"""What may be said of an approval for the task: by a contract, by a person, by a request."""

import pytest

from handrail import Approval, Effect, tool
from handrail.contract.derived import approval_in_words
from handrail.contract.for_task import CALLS_COUNT_MAX, ForTask, for_task_schema, free_of
from handrail.contract.json_schema import misfit
from handrail.errors.contract import ToolInvalid


@pytest.mark.parametrize(
    "approval",
    [
        {"when": "amount > 100", "free": ["amount"]},
        {"text": "Pay {amount}", "free": ["to", "amount"]},
    ],
)
def test_what_a_condition_judges_or_a_person_reads_cannot_be_free(
    approval: dict[str, object],
) -> None:
    with pytest.raises(ValueError, match="free= names amount, which when= judges or text= shows"):
        Approval(**approval)  # type: ignore[arg-type]


def test_what_is_free_is_an_argument_and_part_of_the_version() -> None:
    def named(*free: str) -> str:
        @tool(effect=Effect.UNSAFE, approval=Approval(by="ann", free=free))
        async def pay(to: str, text: str) -> str:
            """Pay."""
            return f"{to} {text}"

        said = approval_in_words(pay.terms)
        assert said == "every call, by ann, within 86400 s" + (
            f", for the task with any {free[0]}" if free else ""
        )
        return pay.version

    assert len({named(), named("to"), named("text")}) == 3
    with pytest.raises(ToolInvalid, match="its terms name amount, which it does not take"):
        named("amount")


def test_a_request_takes_so_many_calls_and_only_what_its_contract_calls_free() -> None:
    schema = for_task_schema(["text"])

    assert free_of({"properties": {"for_task": schema}}) == ("text",)
    assert free_of({"properties": {"for_task": for_task_schema([])}}) == ()
    assert free_of({"properties": {}}) is None
    assert misfit(schema, (), ForTask(1, ("text",)).as_json()) is None
    assert misfit(schema, (), ForTask(CALLS_COUNT_MAX).as_json()) is None
    assert misfit(for_task_schema([]), (), ForTask(1).as_json()) is None
    for wrong in (ForTask(0), ForTask(CALLS_COUNT_MAX + 1), ForTask(1, ("to",))):
        assert misfit(schema, (), wrong.as_json()) is not None
    assert misfit(for_task_schema([]), (), ForTask(1, ("text",)).as_json()) is not None


@pytest.mark.parametrize(
    "read", [None, [], {}, {"calls": 2}, {"calls": "2", "free": []}, {"calls": 0, "free": []}]
)
def test_what_is_none_licenses_nothing(read: object) -> None:
    assert ForTask.of(read) is None


def test_it_says_how_many_go_on_and_how_free() -> None:
    assert ForTask(1).in_words() == "up to 1 further call just like it"
    assert ForTask(3, ("text", "subject")).in_words() == (
        "up to 3 further calls with any text and any subject"
    )
    assert ForTask.of(ForTask(3, ("text",)).as_json()) == ForTask(3, ("text",))
