"""What an approval for the task licenses: further calls of its tool, like the one that was shown.

Pure. Guarantees: a further call is of the same tool under the same contract and the same rules, for
the same task, before the same expiry; its arguments are those that the person saw, but for the ones
that the contract says may differ; and one of those that nobody trusted has said, where that is
asked, is covered only as the person saw it. So many of them and no more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from handrail.contract.canonical import canonical, plain
from handrail.contract.failure import Refused
from handrail.contract.for_task import ForTask
from handrail.rails.binding import Binding
from handrail.rails.gateway import Call
from handrail.rails.vouching import unvouched


@dataclass(frozen=True, slots=True)
class Licence:
    """An approval for the task that a lane has taken."""

    bound: Binding  #: with the arguments that the person saw
    digest: str  #: of it, as the person has approved it
    by: str
    given: ForTask

    def why_not(self, call: Call, policy_version: str, now_ms: int) -> str | None:
        """Say why a call is none of those that it licenses; None for one that is."""
        if now_ms >= self.bound.expires_ms:
            return "it has expired"
        try:
            seen, read = self.bound.arguments, call.tool.checked(call.arguments)
        except Refused:
            return "its contract does not take its arguments"
        found = cast("Mapping[str, Any]", plain(read))
        changed = {
            name
            for name in {*found, *seen}
            if name not in found
            or name not in seen
            or canonical(found[name]) != canonical(seen[name])
        }
        free = {*self.given.free} & {*_free_now(call)}
        if not changed <= free & {*seen}:
            return "other arguments were approved"
        if changed & unvouched(call.tool, read, call.read):
            return "what differs was chosen by whoever was read"
        like = replace(
            self.bound,
            tool=call.tool.name,
            tool_version=call.tool.version,
            policy_version=policy_version,
            arguments={**found, **{name: seen[name] for name in changed}},
            task=call.task_id,
            tenant=call.tenant,
        )
        return None if like.digest == self.digest else "another tool, other rules or another task"


def _free_now(call: Call) -> Sequence[str]:
    approval = call.tool.terms.approval
    return () if approval is None else approval.free
