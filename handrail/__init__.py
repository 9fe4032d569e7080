"""Handrail runs a team of agents on Kafka; these names are all that a team needs.

Importing `handrail` itself loads nothing else: each name is loaded when it is first used, and no
name that an agent file needs loads a Kafka client.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from handrail.contract.agent import agent
    from handrail.contract.confinement import Level
    from handrail.contract.context import Context
    from handrail.contract.effect import Effect, Idempotent, Queryable
    from handrail.contract.failure import Refused, State
    from handrail.contract.handoff import Handoff
    from handrail.contract.memory import (
        NEW,
        Access,
        Applied,
        Hit,
        Memory,
        MemoryClass,
        PersonalData,
        Quota,
        Record,
    )
    from handrail.contract.parts import Parts
    from handrail.contract.passage import Passage
    from handrail.contract.plan import Anything, OneOf, Within, may
    from handrail.contract.recall import Recall, Recalled
    from handrail.contract.remote import remote_tool
    from handrail.contract.terms import (
        Approval,
        Cost,
        Example,
        Key,
        Limit,
        Reach,
        Retry,
    )
    from handrail.contract.tool import ToolContext, tool
    from handrail.contract.topic import Topic, results
    from handrail.errors.client import StillRunning, TaskFailed, WaitingForPerson
    from handrail.errors.memory import Conflict, StaleView
    from handrail.errors.model import ModelNeeded
    from handrail.errors.root import HandrailError
    from handrail.models.answer import Excerpt, Selected
    from handrail.runtime.client import Client
    from handrail.wire.label import Integrity

__version__ = "0.1.0"

__all__ = [
    "Client",
    "Context",
    "Effect",
    "Excerpt",
    "HandrailError",
    "Handoff",
    "Idempotent",
    "ModelNeeded",
    "Parts",
    "Passage",
    "Queryable",
    "Refused",
    "Selected",
    "State",
    "StillRunning",
    "TaskFailed",
    "ToolContext",
    "Topic",
    "WaitingForPerson",
    "agent",
    "remote_tool",
    "results",
    "tool",
    # what may be done after an untrusted read
    "Anything",
    "OneOf",
    "Within",
    "may",
    # the terms of a tool
    "Approval",
    "Cost",
    "Example",
    "Key",
    "Level",
    "Limit",
    "Reach",
    "Retry",
    # memory
    "Access",
    "Applied",
    "Conflict",
    "Hit",
    "Integrity",
    "Memory",
    "MemoryClass",
    "NEW",
    "PersonalData",
    "Quota",
    "Recall",
    "Recalled",
    "Record",
    "StaleView",
]

_ROOM_OF = {
    "Client": "handrail.runtime.client",
    "Context": "handrail.contract.context",
    "Effect": "handrail.contract.effect",
    "Excerpt": "handrail.models.answer",
    "HandrailError": "handrail.errors.root",
    "Handoff": "handrail.contract.handoff",
    "Idempotent": "handrail.contract.effect",
    "ModelNeeded": "handrail.errors.model",
    "Parts": "handrail.contract.parts",
    "Passage": "handrail.contract.passage",
    "Queryable": "handrail.contract.effect",
    "Refused": "handrail.contract.failure",
    "Selected": "handrail.models.answer",
    "State": "handrail.contract.failure",
    "StillRunning": "handrail.errors.client",
    "TaskFailed": "handrail.errors.client",
    "ToolContext": "handrail.contract.tool",
    "Topic": "handrail.contract.topic",
    "WaitingForPerson": "handrail.errors.client",
    "agent": "handrail.contract.agent",
    "remote_tool": "handrail.contract.remote",
    "results": "handrail.contract.topic",
    "tool": "handrail.contract.tool",
    "Anything": "handrail.contract.plan",
    "OneOf": "handrail.contract.plan",
    "Within": "handrail.contract.plan",
    "may": "handrail.contract.plan",
    "Approval": "handrail.contract.terms",
    "Cost": "handrail.contract.terms",
    "Example": "handrail.contract.terms",
    "Key": "handrail.contract.terms",
    "Level": "handrail.contract.confinement",
    "Limit": "handrail.contract.terms",
    "Reach": "handrail.contract.terms",
    "Retry": "handrail.contract.terms",
    "Access": "handrail.contract.memory",
    "Applied": "handrail.contract.memory",
    "Hit": "handrail.contract.memory",
    "Integrity": "handrail.wire.label",
    "Memory": "handrail.contract.memory",
    "MemoryClass": "handrail.contract.memory",
    "NEW": "handrail.contract.memory",
    "PersonalData": "handrail.contract.memory",
    "Quota": "handrail.contract.memory",
    "Recall": "handrail.contract.recall",
    "Recalled": "handrail.contract.recall",
    "Record": "handrail.contract.memory",
    "Conflict": "handrail.errors.memory",
    "StaleView": "handrail.errors.memory",
}


def __getattr__(name: str) -> object:
    """Load a name of the front door on its first use."""
    try:
        room = _ROOM_OF[name]
    except KeyError:
        message = f"module 'handrail' has no attribute {name!r}"
        raise AttributeError(message) from None
    value: object = getattr(import_module(room), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the front door, loaded or not."""
    return sorted({*globals(), *__all__})
