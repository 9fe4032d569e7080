"""Says whether a writer may write to a space, and whether a key is one that it may name."""

from typing import Any

from handrail.contract.failure import State
from handrail.contract.memory import Memory
from handrail.errors.memory import MemoryKeyInvalid
from handrail.memory.asked import Asked, Reason, Refusal
from handrail.wire.memory import NO_SUBJECT, Op, key_in_words

#: What only people do, by hand, or when they take something back.
_OF_PEOPLE = frozenset({Op.REMOVE, Op.FLAG, Op.ENDORSE, Op.FORGET, Op.HOLD, Op.RELEASE})
_TAKES_AWAY = frozenset({Op.REMOVE, Op.FLAG})


def tenant_part(tenant: str) -> str:
    """Give a tenant as it stands at the beginning of a full key."""
    return tenant.replace("/", "%2F")


def tenant_of(full_key: str) -> str:
    """Give the tenant to whom a full key belongs."""
    return full_key.partition("/")[0].replace("%2F", "/")


def refused_right(asked: Asked, space: Memory[Any]) -> Refusal | None:
    """Refuse a writer that may not write this; None when it may."""
    command = asked.command
    if asked.by_person:
        return None
    if command.op in _OF_PEOPLE:
        return Refusal(
            Reason.RIGHT,
            State.DENIED_BY_POLICY,
            f"only people may {command.op} memory, and {command.by} is an agent",
            "let a person do it, with `handrail memory`",
        )
    if not space.rules.by_agents:
        return Refusal(
            Reason.APPROVAL,
            State.NEEDS_APPROVAL,
            f"space {space.name} holds what people have decided; agents only read it",
            f"let a person write it: handrail memory put {space.name}"
            f" {key_in_words(command.key)} VALUE",
        )
    if not space.may_write(command.by):
        return Refusal(
            Reason.RIGHT,
            State.DENIED_BY_POLICY,
            f"{command.by} is not among the writers of space {space.name}",
            f"name it in Access(writers=...) of space {space.name}, or write to another space",
        )
    return None


def refused_key(asked: Asked, space: Memory[Any]) -> Refusal | None:
    """Refuse a key of another tenant, task or kind, and one that is no key; None for a good one."""
    tenant, _, rest = asked.command.key.partition("/")
    owner, _, own = rest.partition("/")
    if tenant != tenant_part(asked.tenant):
        return _key(State.DENIED_BY_POLICY, "it belongs to another tenant")
    if space.rules.of_one_task:
        if not owner.startswith("!"):
            return _key(State.INVALID_INPUT, "scratch belongs to a task, which it does not name")
        if owner[1:] != asked.task_id and not asked.by_person:
            return _key(State.DENIED_BY_POLICY, "it belongs to another task")
    elif space.is_personal and (not owner.startswith("~") or len(owner) == 1):
        return _key(State.INVALID_INPUT, "a record of personal data names its subject")
    elif not space.is_personal and owner != NO_SUBJECT:
        return _key(State.INVALID_INPUT, "a space without personal data has no subjects")
    try:
        # What holds a trace of a person from before must be possible to take away.
        (space.check_form if asked.command.op in _TAKES_AWAY else space.check_key)(own)
    except MemoryKeyInvalid as error:
        return Refusal(
            Reason.KEY,
            State.INVALID_INPUT,
            f"the key cannot be used: {error.facts['detail']}",
            str(error.facts["cure"]),
        )
    return None


def _key(state: State, why: str) -> Refusal:
    remedy = "write through ctx.memory, which gives each key its owner"
    return Refusal(Reason.KEY, state, f"the key cannot be used: {why}", remedy)
