"""One handoff that is being carried out, and the mailbox in which it waits its turn."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from handrail.lane.blocks import Block, Blocks
from handrail.lane.gather import Gather
from handrail.lane.poison import NOTHING_HELD, Standing
from handrail.lane.redrives import Settled
from handrail.lane.retry import NO_TRIES, Tries
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
    PAUSED = "paused"  #: a person has paused or drained its agent or its tenant
    VERSION = "version"  #: another version of its agent has begun it and has to go on with it
    IN_DOUBT = "in doubt"  #: a step was begun and nobody knows its outcome; a person decides


#: What whoever opens a lane finds out by starting it.
JUDGED_ANEW = frozenset({Why.IN_DOUBT, Why.VERSION, Why.PAUSED})

#: What its own code has come to. For the rest it may never have started: a pause, another version
#: and a provider that is away stop it from outside, and a doubt is found before its code runs.
CAME_BY_ITSELF = frozenset({Why.RETRY, Why.SLEEP, Why.ANSWER, Why.PERSON})


@dataclass(frozen=True, slots=True)
class RefusedUse:
    """A use of memory that was refused before anything was sent."""

    space: str
    key: str  #: as topics have it, without whom it is about; empty where it may be personal
    op: str
    reason: str
    state: str
    sentence: str


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
    tries: Tries = NO_TRIES
    why: Why | None = None  #: what it waits for while it rests
    wake_ms: int | None = None  #: when it goes on at the latest while it rests
    said_provider: bool = False  #: the ledger knows that it waits for a provider
    standing: Standing = NOTHING_HELD  #: what is held against it
    is_on_record: bool = False  #: the journal has, or is about to have, its ACCEPTED
    has_begun: bool = False  #: its handler was started, here or by an owner before
    instead_of: int | None = None  #: the offset of the same question that died and holds its key
    is_early: bool = False  #: it was sent back, and what stands before it may not be read again yet
    redriven: Settled | None = None  #: the dead letter that it was made from again
    memory_read: str | None = None  #: how far in memory its failed tries had seen, as `ce_memread`
    spared_by: int = 0  #: of how many cancels it was found to belong to none
    memory_refused: Sequence[RefusedUse] = ()  #: what its newest run was refused; told at its end

    @property
    def stands_at(self) -> int:
        """Its place in the order of its key."""
        return self.offset if self.instead_of is None else self.instead_of

    @property
    def run(self) -> int:
        """Which run it is: one more each time that some of its steps are done anew."""
        return 0 if self.redriven is None else len(self.redriven.runs)

    @property
    def redrive_count(self) -> int:
        """How often it was sent back."""
        return 0 if self.redriven is None else self.redriven.count

    @property
    def told_lost(self) -> bool:
        """Whether its gather or its asker was told of an earlier end that it is lost."""
        return self.redriven is not None and self.redriven.absorbed

    def run_of(self, step: int) -> int:
        """Say in which run a step of its handler is."""
        return 0 if self.redriven is None else self.redriven.run_of(step)


class Mailboxes:
    """Invocations by key: of each key one runs, the others wait in order."""

    def __init__(self, per_key_count_max: int) -> None:
        """Refuse more than that many behind one key."""
        self._per_key_count_max = per_key_count_max
        # Lists, since an empty deque alone takes more than all else of one that rests.
        self._boxes: dict[bytes, list[Invocation]] = {}
        self._ready: deque[Invocation] = deque()
        self.blocks = Blocks()  #: what waits behind dead ones

    def has_room(self, key: bytes) -> bool:
        """False when as many wait behind this key as may."""
        box = self._boxes.get(key)
        return box is None or len(box) < self._per_key_count_max

    def put(self, invocation: Invocation) -> None:
        """Queue it at its place: of a key what has begun comes first, then by the offsets.

        A question that is asked anew, while others wait behind its dead letter, is before them.
        """
        invocation.instead_of = self.blocks.place_of(invocation.id, invocation.key)
        box = self._boxes.get(invocation.key)
        if box is None:
            self._boxes[invocation.key] = [invocation]
            self._ready.append(invocation)
            return
        place = len(box)
        while place > 0 and _comes_before(invocation, box[place - 1]):
            place -= 1
        box.insert(place, invocation)
        if place == 0:
            self._ready.append(invocation)

    def next_ready(self) -> Invocation | None:
        """Take the oldest invocation that nothing of its key stands before, and that may start."""
        return self._ready.popleft() if self.has_ready else None

    @property
    def has_ready(self) -> bool:
        """True when there is one that may start."""
        while self._ready:
            invocation = self._ready[0]
            # One that rests, was let go on twice or has another before it may stand here too.
            waits = invocation.stage is Stage.WAITING and self.is_first(invocation)
            waits = waits and not invocation.is_early
            place = (invocation.key, invocation.stands_at, invocation.id)
            if waits and not self.blocks.hold(*place):
                return True
            self._ready.popleft()
        return False

    def is_first(self, invocation: Invocation) -> bool:
        """Say whether nothing of its key stands before it."""
        return next(iter(self._boxes.get(invocation.key, ())), None) is invocation

    def unblock(self, dead: str) -> None:
        """Let go on what waits behind a dead one, if anything does."""
        block = self.blocks.remove(dead)
        if block is not None and (box := self._boxes.get(block.key)):
            self._ready.append(box[0])

    def unblock_due(self, now_ms: int) -> Sequence[Block]:
        """Let go on what waits behind dead ones that nobody can settle any more; give those."""
        due = self.blocks.due(now_ms)
        for block in due:
            self.unblock(block.dead)
        return due

    def look_again(self, free: Iterable[Invocation]) -> None:
        """Let those be taken that are early no more and the first of their keys."""
        self._ready.extend(one for one in free if self.is_first(one))

    def put_back(self, invocation: Invocation) -> None:
        """Let the first of its key be taken again."""
        assert self._boxes[invocation.key][0] is invocation
        self._ready.append(invocation)

    def remove_head(self, invocation: Invocation) -> None:
        """Let the next of this key come up; only the head of a key ever ends."""
        box = self._boxes[invocation.key]
        head = box.pop(0)
        assert head is invocation
        if box:
            self._ready.append(box[0])
        else:
            del self._boxes[invocation.key]

    def of_key(self, key: bytes) -> tuple[Invocation, ...]:
        """All of one key, the running one first."""
        return tuple(self._boxes.get(key, ()))


def _comes_before(one: Invocation, other: Invocation) -> bool:
    if one.has_begun or other.has_begun:
        return not other.has_begun
    return one.stands_at < other.stands_at
