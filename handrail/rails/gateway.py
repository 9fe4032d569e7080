"""The gateway: whether an act may take place, judged in a fixed order by pure stages.

contract → labels → policy → budget and rate → approval → sandbox; then the worker acts, the result
is validated, and the outcome goes to the lane. Guarantees: the first stage that says no ends it;
every no is one of the 23 states with words a person can act on; a stage that fails by itself is a
no as well.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from handrail.contract.canonical import unkept
from handrail.contract.confinement import Level
from handrail.contract.failure import Refused, State
from handrail.contract.terms import QUOTED_COUNT_MAX, Approval
from handrail.contract.tool import Tool
from handrail.rails.limits import CallLimits
from handrail.rails.policy import ANONYMOUS, Access, NoPolicy, Policy
from handrail.rails.vouching import HasRead, doubtful

ROLE = "role:"
ANYONE = "anyone"


class Stage(StrEnum):
    """Where an act can be stopped, in the order in which it is asked."""

    CONTRACT = "contract"
    LABELS = "labels"
    POLICY = "policy"
    BUDGET = "budget"
    APPROVAL = "approval"
    SANDBOX = "sandbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An act that is asked for."""

    tool: Tool[..., Any]
    arguments: Mapping[str, Any]  #: as given; the first stage reads them by the contract
    agent: str
    asked_by: str | None
    tenant: str
    task_id: str
    now_ms: int
    approved: bool = False  #: a person has approved this very act
    read: HasRead = field(default_factory=HasRead)  #: what its run has read


@dataclass(frozen=True, slots=True)
class Rails:
    """What the gateway of one process knows."""

    policy: Policy = field(default_factory=NoPolicy)
    limits: CallLimits = field(default_factory=CallLimits)
    confines: Callable[[Tool[..., Any]], Refused | None] = lambda tool: _no_sandbox(tool)
    """Say why a tool is not run here as confined as it declares; None when it is."""


@dataclass(frozen=True, slots=True)
class Go:
    """It may take place, with these arguments."""

    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NeedsApproval:
    """A person has to approve it first, who is every one of `by`."""

    approval: Approval
    arguments: Mapping[str, Any]
    by: tuple[str, ...]
    why: str = ""  #: in words, where the contract does not say it


@dataclass(frozen=True, slots=True)
class Stopped:
    """It may not take place; which stage says so, and in which words."""

    stage: Stage
    refused: Refused


Verdict = Go | NeedsApproval | Stopped


def judge(call: Call, rails: Rails) -> Verdict:
    """Say whether an act may take place. Takes no place in any limit; `admit` does."""
    stage = Stage.CONTRACT
    try:
        if (held := call.tool.held()) is not None:
            return Stopped(stage, held)
        arguments, needed = call.tool.checked(call.arguments), dict[Stage, NeedsApproval]()
        for stage, check in _CHECKS:
            found = check(call, arguments, rails)
            if isinstance(found, Refused):
                return Stopped(stage, found)
            if isinstance(found, NeedsApproval) and not call.approved:
                needed[stage] = found
            if stage is Stage.APPROVAL and needed:
                # Whoever finds that a person has to decide, all of them are asked for here: what
                # may be refused without a person is refused before.
                if (hidden_why := unkept(arguments) or _too_many(arguments)) is not None:
                    return Stopped(Stage.CONTRACT, _not_shown(call.tool.name, hidden_why))
                return _by_another(call, _together(needed))
    except Refused as refused:
        return Stopped(stage, refused)
    except Exception as error:  # noqa: BLE001 - answered by a refusal
        # Whatever is wrong with a rule, an act that nobody could judge does not take place.
        return Stopped(stage, _defect(stage, error))
    return Go(arguments)


def facts_of(tool: Tool[..., Any]) -> Mapping[str, str]:
    """Give what a policy may know of a tool, from its contract."""
    return {
        "effect": tool.effect.value,
        "reach": tool.terms.reach.value,
        "permission": tool.terms.permission or "",
        "owner": tool.terms.owner or "",
    }


def _defect(stage: Stage, error: Exception) -> Refused:
    refused = Refused(State.INTERNAL, f"the {stage} stage could not judge it")
    refused.__cause__ = error
    return refused


def _too_many(arguments: Mapping[str, Any]) -> str | None:
    """Say that arguments would be out of sight; a schema of somebody else may take any number."""
    if len(arguments) <= QUOTED_COUNT_MAX:
        return None
    return f"there are {len(arguments)} of them, and at most {QUOTED_COUNT_MAX} are seen at once"


def _not_shown(tool: str, why: str) -> Refused:
    detail = f"{tool} needs an approval, and nobody can be shown its arguments as they are: {why}"
    return Refused(State.INVALID_INPUT, detail)


def _labels(
    call: Call, arguments: Mapping[str, Any], rails: Rails
) -> Refused | NeedsApproval | None:
    del rails
    why = doubtful(call.tool, arguments, call.read)
    if why is None:
        return None
    if call.read.plan.refuses:
        return Refused(State.TAINTED_INPUT, f"{call.tool.name}: {why}")
    # Whoever has asked may decide: what is doubted is what others have written, not the asker.
    approval = call.tool.terms.approval or Approval(by_asker=True)
    return NeedsApproval(approval, arguments, (approval.by,), f"It is asked because {why}.")


def _together(needed: Mapping[Stage, NeedsApproval]) -> NeedsApproval:
    """Make one request of all; a rule that asks has looked at what the contract asks for."""
    unsure = needed.get(Stage.LABELS)
    found = needed.get(Stage.POLICY) or needed.get(Stage.APPROVAL)
    if unsure is None or found is None:
        return next(iter(needed.values()))
    by = found.by if unsure.by == (ANYONE,) else (*found.by, *unsure.by)
    return replace(found, by=tuple(dict.fromkeys(by)), why=unsure.why)


def _policy(
    call: Call, arguments: Mapping[str, Any], rails: Rails
) -> Refused | NeedsApproval | None:
    tool = call.tool
    denied = rails.policy.judge(
        Access(
            person=call.asked_by or ANONYMOUS,
            action="tool.call",
            kind="Tool",
            on=tool.name,
            facts=facts_of(tool),
            context={
                "agent": call.agent,
                "tenant": call.tenant,
                "approved": call.approved,
                "arguments": arguments,
            },
        )
    )
    if denied is None:
        return None
    if denied.approval_by is not None:
        own, wanted = tool.terms.approval, (denied.approval_by, *denied.also_by)
        if own is None:
            return NeedsApproval(Approval(by=denied.approval_by), arguments, wanted)
        # The words and the time are the contract's. Whom the rule names it cannot replace, nor
        # can it let the asker approve what a rule has forbidden.
        by = (*wanted, own.by) if own.is_needed(arguments) else wanted
        return NeedsApproval(replace(own, by=by[0], by_asker=False), arguments, by)
    return Refused(
        State.DENIED_BY_POLICY,
        f"{tool.name}: {denied.title} (rule {denied.rule})",
        title=denied.title,
        remedy=denied.remedy,
    )


def _limits(call: Call, arguments: Mapping[str, Any], rails: Rails) -> Refused | None:
    del arguments
    wait_ms = rails.limits.wait_ms(call.tool.name, call.tenant, call.tool.terms.limit, call.now_ms)
    if not wait_ms:
        return None
    return Refused(
        State.RATE_LIMITED,
        f"{call.tool.name}: its limit for {call.tenant} is reached",
        retry_after_s=wait_ms / 1000,
    )


def _approval(call: Call, arguments: Mapping[str, Any], rails: Rails) -> NeedsApproval | None:
    del rails
    approval = call.tool.terms.approval
    if approval is None or not approval.is_needed(arguments):
        return None
    return NeedsApproval(approval, arguments, (approval.by,))


def _by_another(call: Call, needed: NeedsApproval) -> NeedsApproval | Stopped:
    """Ask nobody where no decision could count: whoever asked might be the one who approves."""
    if not unknown_asker(needed.by, call.asked_by, by_asker=needed.approval.by_asker):
        return needed
    by = " and ".join(needed.by)
    detail = (
        f"{call.tool.name} needs an approval by {by}, not by whoever asked, and nobody said who"
    )
    return Stopped(Stage.APPROVAL, Refused(State.UNAUTHENTICATED, detail))


def unknown_asker(wanted: Sequence[str], asked_by: str | None, *, by_asker: bool) -> bool:
    """Say whether nobody can know that whoever is named, or has a role, is not who asked."""
    return asked_by is None and not by_asker and any(one != ANYONE for one in wanted)


def _sandbox(call: Call, arguments: Mapping[str, Any], rails: Rails) -> Refused | None:
    del arguments
    return rails.confines(call.tool)


def _no_sandbox(tool: Tool[..., Any]) -> Refused | None:
    level = tool.terms.sandbox
    if level is Level.NONE:
        return None
    why = f"{tool.name}: nothing here confines a tool at level {level}"
    return Refused(State.SANDBOX_UNAVAILABLE, why)


_Check = Callable[[Call, Mapping[str, Any], Rails], Refused | NeedsApproval | None]

_CHECKS: Final[tuple[tuple[Stage, _Check], ...]] = (
    (Stage.LABELS, _labels),
    (Stage.POLICY, _policy),
    (Stage.BUDGET, _limits),
    (Stage.APPROVAL, _approval),
    (Stage.SANDBOX, _sandbox),
)
