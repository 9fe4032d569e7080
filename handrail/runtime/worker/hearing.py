"""Hears the answers to a lane's questions as soon as they are written.

A reader of its own stands on the lane's answers while a question to another agent is open, and a
few seconds longer. A lane without questions has none: what steers it is looked for once a second.
"""

import asyncio

import structlog

from handrail.errors import HandrailError
from handrail.runtime.worker.answering import Answering
from handrail.runtime.worker.ground import LaneGround

log = structlog.get_logger("handrail.lane")

POLL_S = 1.0
LINGERS_S = 10.0  #: on the machine's own clock: the next question then needs no new reader


class Hearing:
    """The reader of one open lane's answers."""

    def __init__(self, ground: LaneGround, answering: Answering) -> None:
        """Read nothing yet."""
        self._ground = ground
        self._answering = answering
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """See to it that somebody listens: a question is open, or about to be."""
        if self._task is None or self._task.done():
            name = f"answers of {self._ground.place.answers.topic}"
            self._task = asyncio.create_task(self._hear(), name=name)

    def look(self) -> None:
        """Listen if a question is open that was asked before the lane was opened."""
        if self._ground.lane.steps.asking:
            self.begin()

    async def close(self) -> None:
        """Let go of the reader."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _hear(self) -> None:
        ground, where = self._ground, self._ground.place.answers
        loop = asyncio.get_running_loop()
        try:
            tail = await ground.worker.bus.tail({where: self._answering.next})
        except HandrailError as error:
            # What has come is found by the look that follows within a second.
            log.warning("answers not heard", topic=where.topic, why=str(error))
            return
        try:
            until_s = loop.time() + LINGERS_S
            while loop.time() < until_s:
                records = await tail.poll(timeout_s=POLL_S)
                if records:
                    await self._answering.take_in(records)
                if records or ground.lane.steps.asking:
                    until_s = loop.time() + LINGERS_S
        except HandrailError as error:
            log.warning("answers no longer heard", topic=where.topic, why=str(error))
        finally:
            await tail.close()
