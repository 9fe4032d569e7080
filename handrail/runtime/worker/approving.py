"""The step that waits until a person approves an act, and what a decision has to be to count.

The request commits together with the intent of its step, in the transaction that parks the run.
Guarantees: a decision counts only when it names the digest of the very act, is taken in before the
request expires, and comes from somebody who may decide it; the first that counts is the one. No
decision in time is a refusal. Nothing that stands on `human` alone licenses anything.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import orjson

from handrail.contract.canonical import plain
from handrail.contract.effect import Effect
from handrail.contract.failure import Refused, State
from handrail.contract.for_task import FOR_TASK, ForTask, for_task_schema
from handrail.contract.json_schema import refers_within
from handrail.contract.terms import Approval
from handrail.lane.denials import APPROVAL_OF, DENIED
from handrail.lane.invocation import Why
from handrail.lane.journal import Entry
from handrail.lane.steps import WAITS_FOR_PERSON, Asked
from handrail.ledger.asked import followed_by
from handrail.ledger.event import PersonAsked, RequestKind
from handrail.rails import acts
from handrail.rails.binding import Binding
from handrail.rails.gateway import ANYONE, ROLE, Call, NeedsApproval, unknown_asker
from handrail.runtime.worker.asking import Asker
from handrail.runtime.worker.digest import call_in_full, call_in_words, digest_of, whole
from handrail.runtime.worker.ground import LaneGround
from handrail.runtime.worker.refusals import call_facts, not_approved
from handrail.runtime.worker.requests import NOBODY, request_closed, request_id, request_of
from handrail.runtime.worker.wait import Closing, Opening, Wait
from handrail.runtime.worker.waiting import waiting_act
from handrail.wire.human import HUMAN, Closed, Request, closed_key
from handrail.wire.record import Outgoing

ARGUMENTS: Final = "urn:handrail:arguments"


@dataclass(frozen=True, slots=True)
class Decided:
    """What a person has decided."""

    approve: bool
    by: str
    reason: str
    arguments: Mapping[str, Any] | None  #: as the person has changed them; None: as they were


@dataclass(frozen=True, slots=True)
class UntilApproved:
    """An act that waits for its approval."""

    asker: Asker
    asked: Asked
    call: Call
    needed: NeedsApproval  #: with the arguments as the contract reads them
    why: Why = Why.PERSON

    async def opening(self, now_ms: int, attempt: int) -> Opening:
        """Give the request, and the event by which its task waits for somebody."""
        asker, call = self.asker, self.call
        parent, ground = asker.envelope, asker.ground
        until_ms = now_ms + math.ceil(self.approval.expires_s * 1000)
        if parent.deadline_ms is not None:
            until_ms = min(until_ms, parent.deadline_ms)
        bound = self._bound(until_ms, attempt)
        act = call_in_full(call.tool.name, self.needed.arguments)
        text = whole(self.approval.in_words(act, self.needed.arguments))
        why = whole(self.needed.why)
        request = Request(
            id=bound.request,
            task_id=parent.task_id,
            tenant=parent.tenant,
            agent=ground.worker.agent.name,
            text=followed_by(text, why),
            schema=decision_schema(call.tool.args_schema, bound.digest, self._free),
            reply_to=asker.reply_to,
            asked_ms=now_ms,
            expires_ms=until_ms,
            kind=RequestKind.APPROVAL.value,
            act=bound.as_json(),
        )
        event = PersonAsked(
            task_id=parent.task_id,
            tenant=parent.tenant,
            time_ms=now_ms,
            request=request.id,
            kind=RequestKind.APPROVAL,
            text=text,
            invocation=asker.invocation.id,
            agent=request.agent,
            expires_ms=until_ms,
            act=call.tool.name,
            call=act,
            because=why or None,
            free=tuple(self._free),
            reply_to=request.reply_to,
            decides=" and ".join(self.needed.by),
        )
        human = ground.worker.team.full(HUMAN)
        records = [request.outgoing(human)]
        if asker.invocation.redrive_count:
            # It may have been asked and closed before its handoff was sent back to ask it again.
            records.append(Outgoing(human, closed_key(request.id), None))
        return Opening(self._facts(request, bound.digest), records, [event])

    @property
    def approval(self) -> Approval:
        """The terms on which it is asked for."""
        return self.needed.approval

    @property
    def _free(self) -> Sequence[str]:
        """What may differ in further calls; nothing where the contract asks for no approval."""
        own = self.call.tool.terms.approval
        return () if own is None else own.free

    def _bound(self, until_ms: int, attempt: int) -> Binding:
        call, parent = self.call, self.asker.envelope
        return Binding(
            request=request_of(self.asker.invocation.id, self.asked.path, attempt),
            tool=call.tool.name,
            tool_version=call.tool.version,
            policy_version=self.asker.ground.worker.rails.policy.version,
            arguments=cast("Mapping[str, Any]", plain(self.needed.arguments)),
            task=parent.task_id,
            tenant=parent.tenant,
            expires_ms=until_ms,
        )

    def _facts(self, request: Request, digest: str) -> dict[str, object]:
        return {
            "waits": WAITS_FOR_PERSON,
            "until_ms": request.expires_ms,
            "schema": request.schema,
            "choices": [],
            "task": request.task_id,
            "tenant": request.tenant,
            "approval": {
                "digest": digest,
                "by": self.needed.by[0] if len(self.needed.by) == 1 else [*self.needed.by],
                "by_asker": self.approval.by_asker,
                "asked_by": self.asker.envelope.asked_by,
                "call": call_facts(self.call.tool, self.asked.path, self.asker),
            },
        }

    def closing(self, intent: Entry) -> Closing:
        """Nobody has decided; whoever does so now is too late."""
        error = expired(self.call.tool.name, "nobody has decided in time")
        closed = Closed(request_id(intent), NOBODY, "nobody has decided in time")
        ground = self.asker.ground
        records = request_closed(ground, intent, closed)
        return Closing(error, records, [not_approved(ground, intent, error)])

    def in_memory_until_ms(self, until_ms: int | None, now_ms: int) -> int:
        """People take their time."""
        del until_ms
        return now_ms


def approval_wait(asker: Asker, path: str, call: Call, needed: NeedsApproval) -> Wait[Decided]:
    """Give the step that waits for the approval of a call."""
    shown = call_in_words(call.tool.name, needed.arguments)
    digest = digest_of(call.arguments)
    asked = Asked(path, f"{APPROVAL_OF}{call.tool.name}", digest, shown, Effect.ASK)
    until = UntilApproved(asker, asked, call, needed)
    return Wait(waiting_act(asked, f"{asker.invocation.id}/{path}", _decided), until)


def expired(tool: str, because: str) -> Refused:
    """Give the refusal of an act whose approval is worth nothing any more."""
    return Refused(State.APPROVAL_EXPIRED, f"{tool} was not approved: {because}")


def rejected(tool: str, decided: Decided) -> Refused:
    """Give the refusal of an act that a person has denied."""
    because = f": {decided.reason}" if decided.reason else ""
    return Refused(State.APPROVAL_REJECTED, f"{decided.by} has not approved {tool}{because}")


def decision_schema(
    arguments: Mapping[str, Any], digest: str, free: Sequence[str] = ()
) -> dict[str, object]:
    """Give the JSON Schema of a decision on this very act, which may let further calls through.

    Not those that the person has changed the call into: nobody has asked for such.
    """
    within = refers_within(arguments)
    # As a document of its own it is where its references begin, whatever stands around it.
    own = {**arguments, "$id": ARGUMENTS} if within else _without_defs(arguments)
    schema: dict[str, object] = {
        "type": "object",
        "properties": {
            "approve": {"type": "boolean"},
            "digest": {"const": digest},
            "reason": {"type": "string", "maxLength": 2_000},
            "arguments": own,
            "for_task": for_task_schema(free),
        },
        "required": ["approve", "digest"],
        "dependentSchemas": {
            "for_task": {
                "properties": {"approve": {"const": True}, "arguments": False},
            }
        },
        "additionalProperties": False,
    }
    if "$defs" in arguments and not within:
        schema["$defs"] = arguments["$defs"]
    return schema


def _without_defs(arguments: Mapping[str, Any]) -> dict[str, object]:
    return {name: value for name, value in arguments.items() if name != "$defs"}


def no_decision(ground: LaneGround, intent: Entry, by: str, now_ms: int) -> str | None:
    """Say in words why what somebody has decided does not count; None when it does."""
    facts = cast("Mapping[str, Any]", intent.facts)
    approval: Mapping[str, Any] = facts["approval"]
    if now_ms >= int(facts["until_ms"]):
        return "it came too late"
    named = approval["by"]
    wanted = (named,) if isinstance(named, str) else tuple(map(str, named))
    by_asker = bool(approval["by_asker"])
    asked_by = approval["asked_by"]
    why = may_not_decide(ground, wanted, by, asked_by=asked_by, by_asker=by_asker)
    if why is not None:
        return why
    access = acts.decision(
        by,
        str(facts["name"]).removeprefix(APPROVAL_OF),
        agent=ground.worker.agent.name,
        tenant=str(facts["tenant"]),
        asked_by=asked_by,
    )
    denied = ground.worker.rails.policy.judge(access)
    return None if denied is None else acts.in_words(denied)


def may_not_decide(
    ground: LaneGround, wanted: Sequence[str], by: str, *, asked_by: str | None, by_asker: bool
) -> str | None:
    """Say why somebody may not decide what needs all of `wanted`; None for whoever may."""
    if unknown_asker(wanted, asked_by, by_asker=by_asker):
        return "nobody knows who has asked for the task, and whoever did may not approve it"
    claimed, _, _ = by.partition(f" ({ROLE}")
    if asked_by is not None and asked_by in (by, claimed, by.removeprefix(ROLE)) and not by_asker:
        return f"{by} has asked for the task, and nobody approves what they have asked for"
    return next((why for one in wanted if (why := not_entitled(ground, one, by))), None)


def not_entitled(ground: LaneGround, wanted: str, by: str) -> str | None:
    """Say why somebody is not the one who may decide; None for whoever is."""
    roles = ground.worker.rails.policy.roles_of(by.removeprefix(ROLE))
    if wanted == ANYONE:
        return None
    if not wanted.startswith(ROLE):
        return None if by == wanted else f"only {wanted} may decide it"
    if roles is None:
        # No rules say who has which role: as with every other name, a claim is believed.
        return None if by == wanted or by.endswith(f" ({wanted})") else f"{by} is not {wanted}"
    if wanted.removeprefix(ROLE) in roles:
        return None
    if by.startswith(ROLE) or f" ({ROLE}" in by:
        claims = f"{by} claims a role, and with a policy a name decides (--by NAME)"
        return f"{claims}; who is {wanted} stands in policy/people.toml"
    return f"{by} is not {wanted}"


def decision_body(value: bytes, by: str) -> bytes:
    """Give the outcome of the step: what was decided, and by whom."""
    return orjson.dumps({**orjson.loads(value), "by": by})


def denial_told(ground: LaneGround, intent: Entry, body: bytes) -> list[Outgoing]:
    """Give what the ledger is told of the act that a decision denies; nothing for a yes."""
    decided = _decided(body)
    if decided.approve:
        return []
    refused = rejected(str(intent.facts["name"]).removeprefix(APPROVAL_OF), decided)
    return [ground.saying.record(not_approved(ground, intent, refused, decided.by))]


def decision_facts(value: object) -> dict[str, object]:
    """Give what the journal says of a decision beside it: if it is a no, and for what a yes is."""
    fields = cast("Mapping[str, object]", value)
    approves = fields.get("approve") is True
    given = ForTask.of(fields.get("for_task")) if approves else None
    facts: dict[str, object] = {DENIED: not approves}
    return facts if given is None else {**facts, FOR_TASK: given.as_json()}


def _decided(body: bytes) -> Decided:
    fields: Mapping[str, Any] = orjson.loads(body)
    return Decided(
        approve=fields["approve"] is True,
        by=str(fields["by"]),
        reason=str(fields.get("reason") or ""),
        arguments=fields.get("arguments"),
    )
