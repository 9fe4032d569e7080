"""What has begun, by a journal alone: one at a time of a key, and no part for a begun gather. Pure.

A step that acts, an outcome that nobody was licensed for, and the record of a start say that a
handler runs. What is copied forward, or taken back with a dead letter, says nothing new: it was
written before, at its own time. So what was sent back is judged like all else, and all processes
together, since whoever is the owner no more commits nothing.
"""

from collections.abc import Iterator

from handrail.lane.invocation import CAME_BY_ITSELF
from handrail.lane.journal import LANE, Entry, Kind
from handrail.lane.redrives import Settled, Settling

ORDER, GATHERS = "I8", "I19"
_OUTLIVES = frozenset({Kind.GATHER_CLOSED, Kind.REDRIVEN, Kind.BLOCKED, Kind.RELEASED})


class BegunBook:
    """Takes in the records of one journal, in their order."""

    def __init__(self) -> None:
        """Know of nothing."""
        self._keys: dict[str, bytes] = {}
        self._live: dict[str, set[bytes]] = {}  # by invocation, until it has ended
        self._said: set[tuple[bytes, int, int]] = set()
        self._begun: set[str] = set()  # of those that have not ended
        self._running: dict[bytes, str] = {}  # by key
        self._closed: set[str] = set()  # gathers

    def wait(self, invocation: str, key: bytes | None) -> None:
        """Take in a message of the inbox beside it; one without a key waits for nobody."""
        if key:
            self._keys[invocation] = key

    def take(self, key: bytes, entry: Entry | None) -> Iterator[tuple[str, str]]:
        """Take in one record; say which invariants it breaks, and how."""
        invocation, word, _ = key.decode().rsplit("/", 2)
        if invocation == LANE:
            return
        if entry is None:
            self._remove(invocation, key)
            return
        if word not in _OUTLIVES:
            self._live.setdefault(invocation, set()).add(key)
        said = (key, entry.epoch, entry.written_ms)
        if said in self._said:
            return
        self._said.add(said)
        if entry.kind is Kind.GATHER_CLOSED:
            self._closed.add(invocation)
        elif entry.kind is Kind.REDRIVEN and Settled.of(entry).what is Settling.REDRIVEN:
            self._closed.discard(invocation)
        elif entry.kind is Kind.GATHERED:
            yield from self._part(entry)
        elif self._runs(entry):
            yield from self._run(invocation)

    def _remove(self, invocation: str, key: bytes) -> None:
        live = self._live.get(invocation, set())
        live.discard(key)
        if live:
            return
        self._live.pop(invocation, None)
        self._begun.discard(invocation)
        of = self._keys.get(invocation)
        if of is not None and self._running.get(of) == invocation:
            del self._running[of]

    def _part(self, entry: Entry) -> Iterator[tuple[str, str]]:
        for those, words in ((self._begun, "had begun"), (self._closed, "was closed")):
            if entry.invocation in those:
                sentence = f"part {entry.part} of {entry.invocation} was counted after that {words}"
                yield GATHERS, sentence

    def _runs(self, entry: Entry) -> bool:
        match entry.kind:
            case Kind.INTENT:
                return "void" not in entry.facts
            case Kind.OUTCOME:
                intent = f"{entry.invocation}/{Kind.INTENT}/{entry.path}".encode()
                return intent not in self._live[entry.invocation]
            case Kind.ACCEPTED:
                return entry.facts["why"] in (None, *CAME_BY_ITSELF)
            case _:
                return False

    def _run(self, invocation: str) -> Iterator[tuple[str, str]]:
        self._begun.add(invocation)
        key = self._keys.get(invocation)
        other = invocation if key is None else self._running.setdefault(key, invocation)
        if other != invocation:
            yield ORDER, f"{invocation} runs while {other} of the same key has begun and not ended"
