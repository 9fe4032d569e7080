"""One handoff that is being carried out, and the mailbox in which it waits its turn."""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from handrail.lane.gather import Gather
from handrail.lane.retry import Tries
from handrail.wire.envelope import Envelope
from handrail.wire.record import Record


class Stage(StrEnum):
    """Where an invocation is on its way through the lane."""

    WAITING = "waiting"  #: behind another of its key, or for a free place
    RUNNING = "running"  #: its handler was started
    RESTING = "resting"  #: until a time, an answer or a person lets it go on; see `Why`
    ENDED = "ended"  #: its end was handed to the committer


class Why(StrEnum):
    """What a resting invocation waits for. It stays the first of its key."""

    RETRY = "retry"  #: a try has failed and the next one has its time
    PROVIDER = "provider"  #: the provider of a model is away, busy or asked for patience
    SLEEP = "sleep"  #: its handler sleeps
    ANSWER = "answer"  #: another agent is to answer
    PERSON = "person"  #: a person is to answer
    IN_DOUBT = "in doubt"  #: a step was begun and nobody knows its outcome; a person decides


@dataclass(slots=True, eq=False)
class Invocation:
    """A handoff in a lane's hands. A resting one lets go of its record and keeps its place."""

    id: str
    key: bytes
    offset: int
    admitted_ms: int
    record: Record | None
    envelope: Envelope | None
    deadline_ms: int | None = None
    stage: Stage = Stage.WAITING
    parked: bool = False
    gather: Gather | None = None
    started_ms: int | None = None
    task_id: str = ""  #: of a gather known once its handler has started
    tenant: str = ""
    tries: Tries = field(default_factory=Tries)
    why: Why | None = None  #: what it waits for while it rests
    wake_ms: int | None = None  #: when it goes on at the latest while it rests
    said_provider: bool = False  #: the ledger knows that it waits for a provider
    is_on_record: bool = False  #: the journal has, or is about to have, its ACCEPTED


class Mailboxes:
    """Invocations by key: of each key one runs, the others wait in order."""

    def __init__(self, per_key_count_max: int) -> None:
        """Refuse more than that many behind one key."""
        self._per_key_count_max = per_key_count_max
        self._boxes: dict[bytes, deque[Invocation]] = {}
        self._ready: deque[Invocation] = deque()

    def has_room(self, key: bytes) -> bool:
        """False when as many wait behind this key as may."""
        box = self._boxes.get(key)
        return box is None or len(box) < self._per_key_count_max

    def put(self, invocation: Invocation) -> None:
        """Queue it behind its key; it is ready at once when it is the only one."""
        box = self._boxes.setdefault(invocation.key, deque())
        box.append(invocation)
        if len(box) == 1:
            self._ready.append(invocation)

    def next_ready(self) -> Invocation | None:
        """Take the oldest invocation that nothing of its key stands before, and that may start."""
        while self._ready:
            invocation = self._ready.popleft()
            # One that rests, or was let go on twice, may stand here too.
            if invocation.stage is Stage.WAITING:
                return invocation
        return None

    def put_back(self, invocation: Invocation) -> None:
        """Let the first of its key be taken again."""
        assert self._boxes[invocation.key][0] is invocation
        self._ready.append(invocation)

    def remove_head(self, invocation: Invocation) -> None:
        """Let the next of this key come up; only the head of a key ever ends."""
        box = self._boxes[invocation.key]
        head = box.popleft()
        assert head is invocation
        if box:
            self._ready.append(box[0])
        else:
            del self._boxes[invocation.key]

    def of_key(self, key: bytes) -> tuple[Invocation, ...]:
        """All of one key, the running one first."""
        return tuple(self._boxes.get(key, ()))
