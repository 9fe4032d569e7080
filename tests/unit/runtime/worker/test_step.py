"""What a handler awaits: in its own task only, once, and side by side."""

import asyncio

import pytest

from handrail.errors import ForeignTask, StepInvalid
from handrail.runtime.worker.step import Step, side_by_side


def a_step(name: str, result: object, began: list[str]) -> Step[object]:
    async def work() -> object:
        began.append(name)
        await asyncio.sleep(0)
        if isinstance(result, Exception):
            raise result
        return result

    return Step(name, work, asyncio.current_task())


async def test_a_step_that_nobody_awaits_does_nothing() -> None:
    began: list[str] = []

    a_step("a", 1, began)
    await asyncio.sleep(0)

    assert began == []


async def test_a_step_stands_for_one_outcome() -> None:
    step = a_step("a", 1, [])

    assert await step == 1
    with pytest.raises(StepInvalid, match="awaited already"):
        await step


@pytest.mark.parametrize("way", [asyncio.gather, asyncio.ensure_future])
async def test_a_foreign_task_may_not_await_it(way) -> None:
    began: list[str] = []

    with pytest.raises(ForeignTask):
        await way(a_step("a", 1, began))

    assert began == []


async def test_steps_side_by_side_give_their_results_in_order() -> None:
    began: list[str] = []

    found = await side_by_side((a_step("a", 1, began), a_step("b", 2, began)))

    assert found == (1, 2)
    assert await side_by_side(()) == ()


async def test_all_come_to_their_end_and_the_first_error_in_order_is_raised() -> None:
    began: list[str] = []
    ended: list[str] = []

    async def late() -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        ended.append("late")
        raise ValueError("late but first")

    first: Step[object] = Step("first", late, asyncio.current_task())

    with pytest.raises(ValueError, match="late but first"):
        await side_by_side((first, a_step("b", KeyError("early"), began)))

    assert ended == ["late"]


async def test_whoever_gives_up_waiting_ends_all_of_them() -> None:
    cancelled: list[int] = []

    async def long() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(1)
            raise

    steps = tuple(Step("long", long, asyncio.current_task()) for _ in range(2))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await side_by_side(steps)

    assert cancelled == [1, 1]
