"""What a process opens of its team's memory: the view, if one of its agents may read, and the keys.

A process whose agents may not read any space follows no topic and keeps no file.
"""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handrail.bus.port import Bus
from handrail.contract.agent import Agent
from handrail.contract.memory_reader import PATIENCE_S
from handrail.contract.team import TeamDescription
from handrail.runtime.clock import Clock
from handrail.runtime.worker.memory_reads import is_local
from handrail.runtime.worker.place import WorkerMemory

if TYPE_CHECKING:
    from handrail.runtime.memory_view import MemoryView
    from handrail.store.subject_keys import SubjectKeys

KEYS_FILE = "subject_keys.sqlite"


@dataclass(frozen=True, slots=True)
class MemoryPlace:
    """Where a process has its memory; without a folder its files end with it."""

    namespace: str
    clock: Clock
    folder: Path | None = None  #: of the views of this machine's processes
    keys: Path | None = None  #: the file of keys that they share; None: one that vanishes
    patience_s: float = PATIENCE_S  #: how long a read waits for what was written before it
    project: Path | None = None  #: where a store of keys of the team's own is looked for


class ProcessMemory:
    """The memory of one process."""

    def __init__(
        self,
        bus: Bus,
        team: TeamDescription,
        agents: Sequence[Agent[..., Any]],
        place: MemoryPlace,
    ) -> None:
        """Open nothing but the keys; the view is filled by `start`."""
        self._opened = ExitStack()
        self.view: MemoryView | None = None  #: there when one of the agents may read
        self._keys: SubjectKeys | None = None
        names = [agent.name for agent in agents]
        may_read = any(space.may_read(name) for space in team.spaces.values() for name in names)
        # All of them, or the view would never know how far commands are taken that wrote elsewhere
        # only: what a handler may read is asked for each of its reads.
        read = sorted(team.spaces) if may_read else []
        personal = any(space.is_personal for space in team.spaces.values())
        if personal:
            self._keys = _keys(place.keys or self._scratch() / KEYS_FILE, place.project)
            self._opened.callback(_close_keys, self._keys)
        if read:
            self.view = _view(bus, place, read, self._keys)
        self.worker = WorkerMemory(team.spaces, self.view, self._keys)

    def _scratch(self) -> Path:
        folder = tempfile.TemporaryDirectory(prefix="handrail-keys-")
        return Path(self._opened.enter_context(folder))

    async def start(self) -> None:
        """Fill the view, however long it takes. Raises TopicsMissing, BrokerUnreachable.

        Of what is not read yet a handler would be told that it is not there.
        """
        if self.view is not None:
            await self.view.start()
            await self.view.until_current()

    def check_alive(self) -> None:
        """Raise what ended the view, if anything has."""
        if self.view is not None:
            self.view.check_alive()

    async def close(self) -> None:
        """Give everything back."""
        if self.view is not None:
            await self.view.close()
        self._keys = None
        self._opened.close()


# Only a team with memory pays for SQLite and for cryptography.


def _keys(path: Path, project: Path | None) -> "SubjectKeys":
    from handrail.runtime.key_store import open_keys  # noqa: PLC0415

    return open_keys(path, project)


def _close_keys(keys: "SubjectKeys") -> None:
    from handrail.runtime.key_store import close_keys  # noqa: PLC0415

    close_keys(keys)


def _view(
    bus: Bus, place: MemoryPlace, spaces: Sequence[str], keys: "SubjectKeys | None"
) -> "MemoryView":
    from handrail.memory.sealing import opened  # noqa: PLC0415
    from handrail.runtime.memory_view import MemoryView, ViewSettings  # noqa: PLC0415

    opener = None if keys is None else partial(opened, keys=keys)
    settings = ViewSettings(
        place.namespace,
        spaces,
        place.folder,
        opener,
        place.clock,
        patience_s=place.patience_s,
        opener_waits=keys is not None and not is_local(keys),
    )
    return MemoryView(bus, settings)
