"""Ctrl-C ends what a person waits for, whatever a library makes of the cancellation."""

import asyncio
import signal
from contextlib import suppress

import pytest

from handrail.cli.interrupted import run_until_interrupted


async def waits_for_ever() -> None:
    asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)
    await asyncio.Event().wait()


async def takes_it_for_its_own() -> None:
    with suppress(asyncio.CancelledError):
        await waits_for_ever()
    await asyncio.Event().wait()


async def answers() -> int:
    return 7


def test_what_ends_by_itself_gives_its_result() -> None:
    assert run_until_interrupted(answers()) == 7


def test_ctrl_c_ends_what_waits() -> None:
    with pytest.raises(KeyboardInterrupt):
        run_until_interrupted(waits_for_ever())


def test_a_cancellation_that_was_swallowed_comes_again() -> None:
    with pytest.raises(KeyboardInterrupt):
        run_until_interrupted(takes_it_for_its_own(), again_after_s=0.01)


def test_what_is_cancelled_otherwise_is_no_interruption() -> None:
    async def cancelled() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run_until_interrupted(cancelled())
