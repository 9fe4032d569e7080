"""The port to a team's policy: who may do what, and under which version of the rules.

A team without policy files has no policy: every act is as free as its own code, topics and tool
contracts make it, which is what such a team has always had. As soon as there is one, what no rule
permits is denied.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

ANONYMOUS = "anonymous"  #: who asked for a task that nobody has put a name to


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One question to the policy: whether this person may have this done."""

    person: str  #: who asked for the task, not the agent between
    action: str  #: such as `tool.call`
    kind: str  #: of what it is done to: Tool, Topic, Space, Request
    on: str  #: its name
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])  #: of what it is done to
    context: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Denied:
    """It may not be done; the rule says why, in the words of whoever wrote it."""

    rule: str  #: id of the rule; `default` when no rule permits it
    title: str
    remedy: str
    approval_by: str | None = None  #: who may approve it all the same
    also_by: tuple[str, ...] = ()  #: what that person has to be as well, by other rules

    @property
    def approvers(self) -> str:
        """Who may approve it, in words."""
        return " and ".join((self.approval_by or "nobody", *self.also_by))


class Policy(Protocol):
    """The rules of a team."""

    @property
    def version(self) -> str:
        """A digest of all rules; it changes with any of them."""
        ...

    def judge(self, access: Access) -> Denied | None:
        """Say whether it may be done; None when it may."""
        ...

    def permitted_by(self, access: Access) -> tuple[str, ...]:
        """Give the ids of the rules that let it be done; none where it is denied."""
        ...

    def roles_of(self, person: str) -> frozenset[str] | None:
        """The roles that somebody has; None when the rules know nobody and a claim counts."""
        ...


class NoPolicy:
    """A team without policy files."""

    version = "none"

    def judge(self, access: Access) -> Denied | None:
        """Nothing is denied by it."""
        del access
        return None

    def permitted_by(self, access: Access) -> tuple[str, ...]:
        """Nothing is denied, and no rule says so."""
        del access
        return ()

    def roles_of(self, person: str) -> frozenset[str] | None:
        """It knows nobody."""
        del person
        return None
