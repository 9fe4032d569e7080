"""Sees to it that a partition which was given up is assigned again.

A group that has moved on assigns anew by itself. One that has not, because only the answer to a
proof of membership was lost, has to be asked.
"""

import asyncio
from collections.abc import Callable

from handrail.bus.port import Membership
from handrail.runtime.worker.lane_state import end_task

REJOIN_DELAY_S_MIN, REJOIN_DELAY_S_MAX = 1.0, 30.0

assert REJOIN_DELAY_S_MIN <= REJOIN_DELAY_S_MAX


class AskingAgain:
    """Asks the group of one lane to assign anew, each time in a row after a longer wait."""

    def __init__(self, rejoin: Callable[[Membership], None], name: str) -> None:
        """Ask by `rejoin`."""
        self._rejoin = rejoin
        self._name = name
        self._refusals_count = 0
        self._task: asyncio.Task[None] | None = None

    def begin(self, refused: Membership) -> None:
        """Ask because this membership was refused: a rejoin costs the whole group a pause."""
        self._refusals_count += 1
        self._task = asyncio.create_task(self._ask(refused, self._refusals_count), name=self._name)

    def succeeded(self) -> None:
        """The lane is open again: the next refusal is the first in a row."""
        self._refusals_count = 0

    async def end(self) -> None:
        """Ask no more."""
        await end_task(self._task)

    async def _ask(self, refused: Membership, number: int) -> None:
        if number > 1:
            wait_s = REJOIN_DELAY_S_MIN * 2 ** (number - 2)
            await asyncio.sleep(min(wait_s, REJOIN_DELAY_S_MAX))
        self._rejoin(refused)
