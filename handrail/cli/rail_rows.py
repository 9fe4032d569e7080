"""What commands write about rails: tools and rules, as the published schema has them."""

from dataclasses import dataclass


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
