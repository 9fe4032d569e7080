"""What holds back those that follow a dead one of their key, where their agent says so. Pure.

Guarantee: nothing of a key starts that stands behind a dead one, until its dead letter is sent back
or given up, or is older than dead letters are kept: nobody could settle it any more then, and a key
would wait for ever for somebody who cannot come.
"""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from handrail.lane.journal import Entry, Kind, entry_key
from handrail.lane.redrives import KEPT_MS


@dataclass(frozen=True, slots=True)
class Block:
    """One dead handoff, behind which others of its key wait."""

    dead: str  #: its invocation
    key: bytes  #: of the mailbox
    offset: int  #: where it lay in the inbox
    since_ms: int  #: when it died

    @property
    def journal_key(self) -> bytes:
        """Its key in the journal."""
        return entry_key(self.dead, Kind.BLOCKED, self.offset)

    def entry(self, epoch: int, version: str) -> Entry:
        """Give the record that remembers it."""
        facts = {"mailbox": base64.b64encode(self.key).decode()}
        return Entry(
            Kind.BLOCKED, self.dead, epoch, version, self.since_ms, part=self.offset, facts=facts
        )

    @classmethod
    def of(cls, entry: Entry) -> "Block":
        """Read what `entry` gave."""
        key = base64.b64decode(str(entry.facts["mailbox"]))
        return cls(entry.invocation, key, entry.part, entry.written_ms)


class Blocks:
    """All of one lane. Not thread-safe; one owner, the lane's mailboxes."""

    def __init__(self) -> None:
        """Know of none; `restore` adds what the journal knows."""
        self._by_key: dict[bytes, dict[str, Block]] = {}
        self._by_dead: dict[str, Block] = {}  # the oldest first

    def restore(self, entries: Iterable[Entry]) -> None:
        """Take over what the journal says."""
        found = [Block.of(entry) for entry in entries if entry.kind is Kind.BLOCKED]
        for block in sorted(found, key=lambda one: one.since_ms):
            self.put(block)

    def begin(self, dead: str, key: bytes, offset: int, now_ms: int) -> Block:
        """Let what follows one of its key wait that has just died at this offset.

        One behind which others wait already keeps that place: it is the same one, come anew.
        """
        place = self.place_of(dead, key)
        block = Block(dead, key, offset if place is None else place, now_ms)
        self.put(block)
        return block

    def place_of(self, dead: str, key: bytes) -> int | None:
        """Give the offset at which a dead one holds its key; None when it does not."""
        block = self.of(dead)
        return None if block is None or block.key != key else block.offset

    def put(self, block: Block) -> None:
        """Remember one; of one that was sent back and died again the newer one counts."""
        self.remove(block.dead)
        self._by_dead[block.dead] = block
        self._by_key.setdefault(block.key, {})[block.dead] = block

    def of(self, dead: str) -> Block | None:
        """Give what others wait for behind a dead one; None when they do not."""
        return self._by_dead.get(dead)

    def remove(self, dead: str) -> Block | None:
        """Let nobody wait for this one; give what they waited for."""
        block = self._by_dead.pop(dead, None)
        if block is not None:
            of_key = self._by_key[block.key]
            del of_key[dead]
            if not of_key:
                del self._by_key[block.key]
        return block

    def hold(self, key: bytes, offset: int, invocation: str = "") -> bool:
        """Say whether what stands at an offset waits behind a dead one of its key.

        The same question that comes anew does not wait for its own letter: it carries that one on.
        """
        blocks = self._by_key.get(key, {})
        return any(one.offset < offset for dead, one in blocks.items() if dead != invocation)

    def due(self, now_ms: int) -> Sequence[Block]:
        """Give those whose dead letters are no longer kept."""
        due: list[Block] = []
        for block in self._by_dead.values():
            if block.since_ms + KEPT_MS > now_ms:
                break  # a clock that went back lets one wait a little longer, never for ever
            due.append(block)
        return due
