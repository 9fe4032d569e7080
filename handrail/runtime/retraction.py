"""Finds what a message has led to: records of memory, further messages, acts of tools, and so on.

Memory and the ledger each know a part: memory which record was made from which, the ledger which
message was handed on because of which and what of memory models were given. So all are asked in
turn until none knows of more. A handler that has made a record from what is retracted, or was given
such a record by `ctx.recall`, has heard of it: what it has handed on and done is found too. One
that only added to such a record has not. Other records of its are not found, since records say
themselves what they come from.

Guarantee: it ends, since each turn finds a message or a task that was not known before; of more
than it looks at it says so.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from handrail.ledger.consequences import Act, Aftermath
from handrail.ledger.event import Wrote
from handrail.ledger.memory_event import MEMORY_TASK
from handrail.ledger.projection import Projection
from handrail.ledger.queries import (
    EVENTS_COUNT_MAX,
    TASKS_COUNT_MAX,
    events,
    given_of_memory,
    tasks_telling_of,
)
from handrail.memory.changes import Plan
from handrail.memory.derivation import derived, reference
from handrail.runtime.memory_acts import MemoryActs
from handrail.wire.memory import StoredRecord

EVENTS_MAX: Final = 10 * EVENTS_COUNT_MAX  #: of all tasks together


@dataclass(frozen=True, slots=True)
class Retraction:
    """What would be taken back, and what cannot be."""

    plan: Plan
    known: bool  #: the ledger or memory has heard of the message
    acts: tuple[Act, ...]
    left: tuple[Wrote, ...]  #: messages that have left the team
    cut: bool  #: more came of it than is looked at


async def plan_retraction(
    projection: Projection, acts: MemoryActs, message: str, tenant: str
) -> Retraction:
    """Find everything that came of a message, and plan to take back what memory holds of it."""
    story, versions, messages = _Story(projection, tenant), await acts.versions(), {message}
    story.read(tasks_telling_of(projection, message))
    while True:
        follows = derived(versions, messages=messages)
        made = [one for one in versions if follows.includes(one)]
        heard = [one for one in made if follows.heard(one)]
        given = story.given(made)
        grown = story.read({one.task_id for one in heard if one.task_id} | {*given.values()})
        handlers = ({one.message_id for one in heard if one.message_id} | {*given}) - messages
        found = story.told.consequences(messages, handlers)
        if not grown and messages.issuperset(found.messages):
            break
        messages.update(found.messages)
    plan = await acts.retracting(messages, versions)
    return Retraction(plan, bool(found.messages or made), found.acts, found.left, story.cut)


class _Story:
    """What the ledger tells a tenant of the tasks that have come up so far."""

    def __init__(self, projection: Projection, tenant: str) -> None:
        self.told, self.cut = Aftermath(), False
        self._projection, self._tenant = projection, tenant
        self._tasks, self._events_count = {MEMORY_TASK}, 0
        self._asked_of: set[str] = set()  # versions
        self._given: dict[str, str] = {}

    def given(self, versions: Sequence[StoredRecord]) -> dict[str, str]:
        """Give the invocations that any of these versions was put before, each with its task."""
        fresh = {reference(one) for one in versions} - self._asked_of
        if fresh:
            self._asked_of |= fresh
            found = given_of_memory(self._projection, self._tenant, fresh)
            self.cut = self.cut or len(found) == EVENTS_COUNT_MAX
            self._given |= found
        return self._given

    def read(self, tasks: Collection[str]) -> bool:
        """Read tasks that were not read yet; say whether there were any."""
        fresh = sorted({*tasks} - self._tasks)
        for task in fresh:
            if len(self._tasks) > TASKS_COUNT_MAX or self._events_count >= EVENTS_MAX:
                self.cut = True
                return False
            self._tasks.add(task)
            found = events(self._projection, task)
            self.cut = self.cut or len(found) == EVENTS_COUNT_MAX
            self._events_count += len(found)
            for one in found:
                if one.event.tenant == self._tenant:
                    self.told.hear(one.event)
        return bool(fresh)
