"""What the policy of a team is asked about acts that are no calls of tools, and its no in words.

The person is whoever asked for the task, whichever agent acts; for a decision and for sending back
it is whoever decides or sends back. Every question has the same context: agent, tenant, `approved`,
which is false, and `arguments`. A team without policy files is asked nothing.
"""

from handrail.contract.failure import Refused, State
from handrail.errors.policy import PolicyDenied
from handrail.rails.policy import ANONYMOUS, Access, Denied, Policy
from handrail.wire.envelope import Envelope

ROLE_CLAIMED = " (role:"  #: what follows a name that claims a role


def _access(
    action: str, kind: str, on: str, *, person: str | None, agent: str, tenant: str, **given: object
) -> Access:
    arguments = {name: value for name, value in given.items() if value is not None}
    context = {"agent": agent, "tenant": tenant, "approved": False, "arguments": arguments}
    return Access(person=person or ANONYMOUS, action=action, kind=kind, on=on, context=context)


def submission(envelope: Envelope, topic: str) -> Access:
    """Somebody asks for work on a topic."""
    return _access(
        "task.submit",
        "Topic",
        topic,
        person=envelope.asked_by,
        agent="",
        tenant=envelope.tenant,
        priority=envelope.priority or "normal",
    )


def handoff(envelope: Envelope, agent: str, topic: str) -> Access:
    """An agent hands a message on, or asks a question, on a topic."""
    return _access(
        "handoff.send",
        "Topic",
        topic,
        person=envelope.asked_by,
        agent=agent,
        tenant=envelope.tenant,
    )


def memory(envelope: Envelope, agent: str, right: str, space: str, key: str | None) -> Access:
    """An agent reads from or writes to a memory space; a search has no key."""
    return _access(
        f"memory.{right}",
        "Space",
        space,
        person=envelope.asked_by,
        agent=agent,
        tenant=envelope.tenant,
        key=key,
    )


def decision(by: str, tool: str, *, agent: str, tenant: str, asked_by: str | None) -> Access:
    """A person decides on an act that waits for an approval."""
    person = by.partition(ROLE_CLAIMED)[0].removeprefix("role:")
    return _access(
        "approval.decide",
        "Request",
        tool,
        person=person,
        agent=agent,
        tenant=tenant,
        asked_by=asked_by,
    )


def redrive(by: str, agent: str, tenant: str, reason: str, *, discard: bool) -> Access:
    """A person sends a dead letter back, or gives it up."""
    return _access(
        "dead_letter.redrive",
        "DeadLetter",
        agent,
        person=by,
        agent=agent,
        tenant=tenant,
        reason=reason,
        discard=discard,
    )


def refusal(policy: Policy, access: Access) -> Refused | None:
    """Give the refusal of an act of a handler; None when the policy lets it be done."""
    denied = policy.judge(access)
    if denied is None:
        return None
    detail = f"{access.action} on {access.on}: {denied.title} (rule {denied.rule})"
    return Refused(State.DENIED_BY_POLICY, detail, title=denied.title, remedy=denied.remedy)


def denial(policy: Policy, access: Access) -> PolicyDenied | None:
    """Give the same as an error of the engine, for what no handler is told."""
    denied = policy.judge(access)
    if denied is None:
        return None
    return PolicyDenied(
        person=access.person,
        action=access.action,
        on=access.on,
        title=denied.title,
        rule=denied.rule,
        remedy=denied.remedy,
    )


def in_words(denied: Denied) -> str:
    """Give a no as one sentence and its cure."""
    return f"{denied.title} (rule {denied.rule}). {denied.remedy}".rstrip(".")
