"""The steps of a lane whose acts go on in a process that has let go of it. Pure.

A process that loses a lane writes RELEASED for every step that is under way in it, and sends what
came of each to the lane's answers. Guarantee: as long as such an outcome can still come, the step
is neither begun anew nor in doubt. This holds for every later owner, until the step's own time is
over. A process that opens the lane again itself voids, in the transaction of its EPOCH, what it
had released: whatever of it is still under way is in its own hands.
"""

from collections.abc import Sequence

from handrail.lane.journal import Entry, Kind


class Releases:
    """What the journal of one lane says about acts under way elsewhere."""

    def __init__(self) -> None:
        """Begin with none."""
        self.owner = ""  #: this start of this process; what it has released itself is voided
        self._open: dict[tuple[str, str], Entry] = {}

    def put(self, entry: Entry) -> None:
        """Keep one; it replaces an earlier one of the same step."""
        self._open[entry.invocation, entry.path] = entry

    def until_ms(self, intent: Entry | None) -> int | None:
        """Give until when what was begun so is waited for; None when nobody carries it out."""
        entry = None if intent is None else self._open.get((intent.invocation, intent.path))
        if entry is None or intent is None or entry.facts["attempt"] != intent.facts["attempt"]:
            return None
        if entry.epoch < intent.epoch:
            # Its licence never committed; a later owner has begun an attempt of the same number.
            return None
        return int(str(entry.facts["until_ms"]))

    def drop(self, invocation: str, path: str) -> Sequence[bytes]:
        """Wait for a step no longer; give the journal keys that go."""
        entry = self._open.pop((invocation, path), None)
        return () if entry is None else (entry.key,)

    def end(self, invocation: str) -> list[bytes]:
        """Forget an invocation that ends; give the journal keys that go."""
        keys = [key for key in self._open if key[0] == invocation]
        return [self._open.pop(key).key for key in keys]

    def void_own(self) -> Sequence[bytes]:
        """Forget what this process has released; give the keys that go with its next EPOCH."""
        own = [key for key, entry in self._open.items() if entry.facts["by"] == self.owner]
        return [self._open.pop(key).key for key in own]


def released_entry(
    step: tuple[str, str, int], until_ms: int, by: str, head: tuple[int, str, int]
) -> Entry:
    """Say that an attempt (invocation, path, number) goes on in the process `by`.

    `head` is what every record carries: epoch, agent version and time.
    """
    invocation, path, attempt = step
    epoch, version, now_ms = head
    facts: dict[str, object] = {"attempt": attempt, "until_ms": until_ms, "by": by}
    return Entry(Kind.RELEASED, invocation, epoch, version, now_ms, facts=facts, path=path)
