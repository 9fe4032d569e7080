"""Deterministic ids: the same cause always gives the same id, so a repeat is seen as one.

Every id is the text of a version 5 UUID under one namespace that never changes. The parts that an
id is made of are joined so that no two different lists of parts give the same text.
"""

from uuid import UUID, uuid5

#: Fixed for ever: with another namespace a re-run would no longer repeat the ids of the first run.
NAMESPACE = UUID("6f1c8f5a-1f0e-5c57-9a43-3c9a7b0e6d11")

PATH_OF_RETURN = "return"  #: the step path of what a handler returns


def _id(kind: str, *parts: str) -> str:
    # Each part goes in with its length, so that ("a/b", "c") and ("a", "b/c") differ.
    return str(uuid5(NAMESPACE, kind + "".join(f"|{len(part)}:{part}" for part in parts)))


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
