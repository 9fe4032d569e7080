"""Deterministic ids: the same cause always gives the same id, so a repeat is seen as one.

Every id is the text of a version 5 UUID under one namespace that never changes. The parts that an
id is made of are joined so that no two different lists of parts give the same text.
"""

import hashlib
from uuid import UUID

#: Fixed for ever: with another namespace a re-run would no longer repeat the ids of the first run.
NAMESPACE = UUID("6f1c8f5a-1f0e-5c57-9a43-3c9a7b0e6d11")

_PREFIX = NAMESPACE.bytes
_VARIANT = {f"{digit:x}": "89ab"[digit & 3] for digit in range(16)}  #: RFC 9562: two bits are 10

PATH_OF_RETURN = "return"  #: the step path of what a handler returns


def _id(kind: str, *parts: str) -> str:
    # Each part goes in with its length, so that ("a/b", "c") and ("a", "b/c") differ.
    name = "".join((kind, *[f"|{len(part)}:{part}" for part in parts]))
    return _uuid5(name)


def _uuid5(name: str) -> str:
    # The same text as `str(uuid.uuid5(NAMESPACE, name))` at a quarter of its cost: several ids
    # are made for every handoff, and nobody needs the UUID object between them.
    text = hashlib.sha1(_PREFIX + name.encode(), usedforsecurity=False).hexdigest()
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:32]}"


def handoff_id(invocation_id: str, run: int, path: str = PATH_OF_RETURN, index: int = 0) -> str:
    """Give the id of message number `index` that a step of an invocation sends."""
    return _id("handoff", invocation_id, str(run), path, str(index))


def fan_out_id(invocation_id: str, run: int) -> str:
    """Give the id of the fan-out that an invocation opens by returning a list."""
    return _id("fanout", invocation_id, str(run))


def gather_invocation_id(fan_out: str) -> str:
    """Give the id of the invocation that gathers a fan-out, whichever part arrives first."""
    return _id("gather", fan_out)


def task_id_of(tenant: str, reference: str) -> str:
    """Give the task that a reference of a tenant stands for."""
    return _id("task", tenant, reference)


def id_of_foreign(topic: str, partition: int, offset: int) -> str:
    """Give the id of a record that carries none, from where it was first written."""
    return _id("foreign", topic, str(partition), str(offset))
