"""How what has to be done whole is done."""

import asyncio

import pytest

from handrail.runtime.worker.lane_state import end_task, to_its_end


async def test_what_a_lane_has_in_hand_is_passed_on_however_often_its_end_is_cut_off() -> None:
    gate, passed_on = asyncio.Event(), list[str]()

    async def let_go() -> None:
        passed_on.append("begun")
        await gate.wait()
        passed_on.append("whole")

    async def live() -> None:
        try:
            raise ConnectionError
        finally:
            await to_its_end(let_go())

    living = asyncio.create_task(live())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    ending = [asyncio.create_task(end_task(living)) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*ending)

    assert living.cancelled()
    assert passed_on == ["begun", "whole"]


async def test_its_own_failure_comes_out() -> None:
    async def fails() -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await to_its_end(fails())
