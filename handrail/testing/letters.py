"""The dead letters of a team under test: sending them back, and giving them up."""

import asyncio
from typing import Protocol

from handrail.errors.wire import WireError
from handrail.lane.bounds import TIMER_RESOLUTION_S
from handrail.ledger.event import Discarded, Event, Redriven
from handrail.ledger.event_record import LEDGER, UnknownEvent, decode
from handrail.ledger.task_state import TaskFacts, fold
from handrail.runtime.dead_letters import (
    Fate,
    FoundLetter,
    all_letters,
    ask_to_settle,
    fate_of,
    is_about,
)
from handrail.testing.accounting import read_all
from handrail.testing.member import POLL_S
from handrail.testing.task import TeamTask
from handrail.testing.team_ground import TeamGround
from handrail.wire.settling import Edited


class LetterGround(TeamGround, Protocol):
    """What the dead letters of a team need of it."""

    async def advance(self, *, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Move time on."""
        ...

    def check(self) -> None:
        """Raise what a process or a script has come to."""
        ...


class LetterHands:
    """What a test can do with the dead letters of its team; `Team` has it."""

    async def redrive(
        self: LetterGround,
        task: TeamTask,
        *,
        from_step: int | None = None,
        edit: object = None,
        by: str = "a test",
    ) -> None:
        """Send the open dead letters of a task back; returns once their lanes have taken them.

        Recorded steps are not repeated, unless they are `from_step` or follow it. `edit` is the
        message that takes the place of the original one; where steps are recorded it needs
        `from_step`. Raises AssertionError when there is no
        open letter, or a lane refuses one, with its words.
        """
        await _settle(self, task, by=by, from_step=from_step, edit=edit)

    async def discard(self: LetterGround, task: TeamTask, why: str, *, by: str = "a test") -> None:
        """Give the open dead letters of a task up for good. Raises AssertionError as `redrive`."""
        await _settle(self, task, by=by, discard_why=why)


async def open_letters(team: LetterGround, task: TeamTask) -> list[FoundLetter]:
    """Give the dead letters of a task that nobody has settled, the oldest first."""
    told = await _told(team, task.id)
    settled = [event for event in told if isinstance(event, Redriven | Discarded)]
    found = await all_letters(team.bus, team.namespace)
    return [
        one
        for one in found
        if one.task == task.id and not any(is_about(event, one.id) for event in settled)
    ]


async def _settle(
    team: LetterGround,
    task: TeamTask,
    *,
    by: str,
    discard_why: str | None = None,
    from_step: int | None = None,
    edit: object = None,
) -> None:
    """Settle the open dead letters of a task; returns once their lanes have taken them.

    Raises AssertionError when there is none, or a lane refuses.
    """
    letters = await open_letters(team, task)
    assert letters, f"{task} has no open dead letter"
    for found in letters:
        edited = None if edit is None else _edited(team, found, edit)
        await settle_letter(
            team, task, found, by=by, discard_why=discard_why, from_step=from_step, edited=edited
        )


async def settle_letter(
    team: LetterGround,
    task: TeamTask,
    found: FoundLetter,
    *,
    by: str = "a test",
    discard_why: str | None = None,
    from_step: int | None = None,
    edited: Edited | None = None,
) -> None:
    """Settle one dead letter of a task; returns once its lane has taken it.

    Raises AssertionError when the lane refuses, with its words.
    """
    before = len(await _told(team, task.id))
    await ask_to_settle(
        team.bus,
        team.namespace,
        found,
        by=by,
        now_ms=team.clock.now_ms(),
        discard_why=discard_why,
        from_step=from_step,
        edited=edited,
    )
    await team.advance(seconds=TIMER_RESOLUTION_S)
    fate, words = await _taken(team, task, found, before)
    assert fate is not Fate.REFUSED, f"dead letter {found.id} stays where it is: {words}"


async def _taken(
    team: LetterGround, task: TeamTask, found: FoundLetter, before: int
) -> tuple[Fate, str]:
    # What the ledger said before may be another refusal of the same letter.
    try:
        async with asyncio.timeout(team.patience_s):
            while True:
                team.check()
                told = await _told(team, task.id)
                fate, words = fate_of(told[before:], found.id)
                # The test looks at the task's state next, which follows the ledger.
                if fate is not Fate.ASKED and await task.state() == _state(told):
                    return fate, words
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        message = f"nobody has taken dead letter {found.id}"
        raise AssertionError(message) from None


def _edited(team: LetterGround, found: FoundLetter, message: object) -> Edited:
    """Check a message against the agent's topic, as `handrail dead redrive --edit` does."""
    agent = next(one for one in team.description.agents if found.id.agent in one.lanes)
    topic = agent.reads
    try:
        body = topic.encode(message)
        kind = topic.type_of(message)
        topic.decode(kind, body)
    except WireError as error:
        raise AssertionError(str(error)) from error
    return Edited(type=kind, message=body)


def _state(told: list[Event]) -> str:
    facts: TaskFacts | None = None
    for event in told:
        facts = fold(facts, event)
    return "" if facts is None else facts.state.value


async def _told(team: LetterGround, task_id: str) -> list[Event]:
    records = await read_all(team.bus, f"{team.namespace}.{LEDGER}")
    told = [event for event in map(decode, records) if not isinstance(event, UnknownEvent)]
    return [event for event in told if event.task_id == task_id]
