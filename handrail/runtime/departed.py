"""Tells groups of members whose process is dead, so that nobody waits until their session is over.

Who knows of a death is whoever started the process, and a process that is started again and finds
what its predecessor wrote. Only processes of this machine are judged. Telling is a courtesy: a
group that cannot be told notices by itself.
"""

import asyncio
import contextlib
from pathlib import Path

import structlog

from handrail.bus.port import Bus
from handrail.errors import HandrailError
from handrail.runtime.note import ProcessNote, ProcessState, notes

log = structlog.get_logger("handrail.process")

TELL_WITHIN_S = 5.0


async def tell_groups(bus: Bus, dead: ProcessNote) -> None:
    """Have every group drop the member that this process was. Raises BrokerUnreachable."""
    for group, member_id in dead.members.items():
        await bus.admin.remove_member(group, member_id)
        log.info("dead member reported", group=group, process=dead.name, pid=dead.pid)


async def bury_predecessors(bus: Bus, project: Path, predecessor: ProcessNote | None) -> None:
    """Report the process that had our note, and those that nobody started again under its name.

    A process that was not started by a supervisor has its number in its name; its note is no
    successor's, and goes. Never raises for a broker that does not answer.
    """
    if predecessor is not None and _left_no_word(predecessor):
        await _tell_in_time(bus, predecessor)
    for path, note in list(notes(project)):
        if note.name.endswith(f"-{note.pid}") and _left_no_word(note):
            await _tell_in_time(bus, note)
            path.unlink(missing_ok=True)


def _left_no_word(note: ProcessNote) -> bool:
    return note.known_dead and note.state is not ProcessState.STOPPED


async def _tell_in_time(bus: Bus, dead: ProcessNote) -> None:
    with contextlib.suppress(TimeoutError, HandrailError):
        async with asyncio.timeout(TELL_WITHIN_S):
            await tell_groups(bus, dead)
