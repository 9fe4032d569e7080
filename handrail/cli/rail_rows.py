"""What commands write about rails: tools and rules, as the published schema has them."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ToolRow:
    """A tool, by its contract."""

    tool: str
    effect: str
    reach: str
    approval: str
    owner: str | None
    version: str
    missing: tuple[str, ...]  #: what its contract leaves out


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule of the policy."""

    rule: str
    effect: str  #: permit or forbid
    title: str
    remedy: str
    approval: str | None  #: who may approve what it forbids


@dataclass(frozen=True, slots=True)
class RemoteToolRow:
    """A tool of an MCP server."""

    tool: str
    server: str
    effect: str
    standing: str  #: pinned, new, changed, held, gone, unusable, unwanted or away
    detail: str


@dataclass(frozen=True, slots=True)
class UndoRow:
    """An act of a task that is to be taken back, the newest first."""

    act: str  #: the call, shortened
    undo: str  #: the tool that takes it back
    arguments: dict[str, Any]  #: what that is called with
    label: str | None  #: where these come from; null: nobody vouches for them
    until: str | None  #: until when it may be
    task: str | None  #: the task that takes it back; null for a dry run
