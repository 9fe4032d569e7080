"""Opens the memory of a project for a command: a view as of now, and the keys of subjects."""

import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from handrail.cli.team import checked_team
from handrail.errors import SpacesUndeclared, SpaceUnknown, WriteRefused

if TYPE_CHECKING:
    from handrail.bus.port import Bus
    from handrail.bus.settings import Settings
    from handrail.contract.memory import Memory
    from handrail.runtime.memory_acts import OnMemory

R = TypeVar("R")

TENANT_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose memory is meant."""

    tenant: str = TENANT_DEFAULT
    subject: str | None = None
    task: str | None = None


def whose_options(function: Callable[..., R]) -> Callable[..., R]:
    """Give a command `--tenant`, `--subject` and `--task`."""
    for option in (
        click.option("--task", metavar="ID", help="Whose scratch it is, in a working space."),
        click.option("--subject", metavar="NAME", help="Whom it is about, in a personal space."),
        tenant_option,
    ):
        function = option(function)
    return function


def tenant_option(function: Callable[..., R]) -> Callable[..., R]:
    """Give a command `--tenant`."""
    return click.option(
        "--tenant", metavar="NAME", default=TENANT_DEFAULT, show_default=True, help="Whose memory."
    )(function)


def spaces_of(settings: "Settings") -> "Mapping[str, Memory[Any]]":
    """Give the declared spaces of a project. Raises what is wrong with its team."""
    return {space.name: space for space in checked_team(settings).description.spaces.values()}


def known_space(spaces: "Mapping[str, Memory[Any]]", name: str) -> "Memory[Any]":
    """Give a declared space. Raises SpaceUnknown."""
    if name not in spaces:
        known = ", ".join(sorted(spaces)) or "none"
        raise SpaceUnknown(space=name, detail=f"declared are: {known}.")
    return spaces[name]


def full_key_of(
    space: "Memory[Any]", key: str, whose: Whose, memory: "OnMemory", *, writes: bool = False
) -> str:
    """Give a key as it stands in topics. Raises MemoryKeyInvalid, or says what is missing.

    Where nothing is written, also a key is taken that nobody may write to any more.
    """
    from handrail.wire.memory import full_key

    (space.check_key if writes else space.check_form)(key)
    check_whose(space, whose)
    digest = None if whose.subject is None else memory.keys.digest(whose.tenant, whose.subject)
    task = whose.task if space.rules.of_one_task else None
    return full_key(whose.tenant, key, subject=digest, task=task)


def check_whose(space: "Memory[Any]", whose: Whose, *, is_one: bool = True) -> None:
    """Say what is missing to name the owner of a record, and what a space has none of.

    Unless `is_one` record is meant, nothing has to be named.
    """
    if is_one and space.is_personal and whose.subject is None:
        raise click.UsageError(f"{space.name} is about people: say whom with --subject NAME.")
    if not space.is_personal and whose.subject is not None:
        raise click.UsageError(f"{space.name} holds nothing about people: leave --subject out.")
    if is_one and space.rules.of_one_task and whose.task is None:
        raise click.UsageError(f"{space.name} is the scratch of tasks: say which with --task ID.")


def write_refused(space: "Memory[Any]", key: str, sentence: str, cure: str) -> WriteRefused:
    """Say why a record stays as it is, and what to do instead."""
    return WriteRefused(
        space=space.name,
        key=key,
        sentence=sentence,
        reason=space.keeps.value,
        cure=cure or "read what is there and decide again",
    )


@contextlib.asynccontextmanager
async def opened_memory(settings: "Settings", tenant: str) -> "AsyncGenerator[OnMemory]":
    """Reach the broker and show memory as it is now. Raises SpaceUnknown for a team without any."""
    from handrail.cli.broker import connected

    async with connected(settings) as bus, memory_on(bus, settings, tenant) as memory:
        yield memory


@contextlib.asynccontextmanager
async def memory_on(bus: "Bus", settings: "Settings", tenant: str) -> "AsyncGenerator[OnMemory]":
    """Show memory as it is now, through a connection that is there already.

    Raises StaleView where it cannot all be read in two minutes; what was read so far is kept.
    """
    from handrail.memory.sealing import opened
    from handrail.runtime.clock import WallClock
    from handrail.runtime.key_store import close_keys, open_keys
    from handrail.runtime.memory_acts import OnMemory
    from handrail.runtime.memory_commands import CommandSender
    from handrail.runtime.memory_view import MemoryView, ViewSettings
    from handrail.store.subject_keys import keys_file

    spaces = spaces_of(settings)
    if not spaces:
        raise SpacesUndeclared
    namespace = settings.namespace
    # Unlike a worker, a command asks the store of keys on its event loop: it does one thing at a
    # time, and what else is on the loop may stand still as long. That is the following of its view,
    # which is asked for nothing meanwhile, and a client that has no place in a group and no open
    # transaction: a command is sent and committed before the next key is asked for.
    keys = open_keys(keys_file(settings.project_dir), settings.project_dir)
    folder = views_folder(settings.project_dir)
    view = MemoryView(
        bus, ViewSettings(namespace, list(spaces), folder, lambda one: opened(one, keys))
    )
    try:
        await view.start()
        view.check_current()  # or a hold would be missed, and a record be said not to be there
        sender = CommandSender(bus, namespace, tenant)
        yield OnMemory(bus, sender, spaces, keys, view, WallClock().now_ms())
    finally:
        await view.close()
        close_keys(keys)


def views_folder(project: Path) -> Path:
    """Say where the views of this machine's processes lie."""
    return project / ".handrail" / "memory"
