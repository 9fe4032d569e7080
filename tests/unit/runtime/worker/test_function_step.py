"""A plain function as a step."""

from collections.abc import Callable

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, computed_field

from handrail.contract.tool import ToolContext
from handrail.errors import StepInvalid
from handrail.runtime.worker.function_step import FunctionStep

CTX = ToolContext(idem_key="k", task_id="t", tenant="default", deadline_ms=0)


class Odd(BaseModel):
    """A result whose JSON for others is not what it is made of."""

    model_config = ConfigDict(extra="forbid")
    a: int = Field(serialization_alias="A")
    b: int = Field(validation_alias="B")

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own order
    @property
    def both(self) -> int:
        return self.a + self.b


async def plain(number: int) -> int:
    return number + 1


async def keyed(ctx: ToolContext, text: str) -> str:
    return ctx.idem_key + text


async def odd() -> Odd:
    return Odd(a=1, B=2)


async def liar() -> int:
    return "no number"  # type: ignore[return-value]  # what is tested


async def test_the_key_is_given_to_a_function_that_wants_it() -> None:
    assert await FunctionStep.of(keyed, None).run(CTX, ("x",)) == "kx"
    assert await FunctionStep.of(plain, None).run(CTX, (1,)) == 2


def test_its_name_is_the_function_s_unless_another_is_given() -> None:
    assert FunctionStep.of(plain, None).name == "plain"
    assert FunctionStep.of(plain, "count").name == "count"


async def test_what_is_recorded_makes_the_same_result_again() -> None:
    step = FunctionStep.of(odd, None)
    result = await step.run(CTX, ())

    assert step.decode(step.encode(result)) == result


async def test_a_result_that_is_not_what_was_declared_is_refused() -> None:
    with pytest.raises(ValidationError):
        await FunctionStep.of(liar, None).run(CTX, ())


def not_async() -> int:
    return 1


async def without_result():
    return 1


async def of_no_form() -> Callable[[], int]:
    return lambda: 1


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (not_async, "not an async function"),
        (lambda: 1, "not an async function"),
        (without_result, "does not say what it gives back"),
    ],
)
def test_a_function_that_cannot_be_recorded_is_refused_with_its_cure(function, words: str) -> None:
    with pytest.raises(StepInvalid, match=words) as raised:
        FunctionStep.of(function, None)
    assert raised.value.do
