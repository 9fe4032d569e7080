"""A keeper's book over topics in memory: what it decides is committed, or forgotten."""

from collections.abc import Sequence

from handrail.contract.memory import Access, Memory, MemoryClass, PersonalData, Quota
from handrail.ledger.event_record import UnknownEvent, decode
from handrail.ledger.memory_event import MemoryRefused, MemoryWritten
from handrail.runtime.keeper_book import EXPIRED_COUNT_MAX, KeeperBook
from handrail.runtime.keeper_known import Known
from handrail.wire.codec import encode_headers
from handrail.wire.memory import APPLIED_KEY, Answer, AppliedMark, Command, Op, StoredRecord
from handrail.wire.record import Outgoing, Record
from tests.promises.memory_askers import SPACES as PLAIN
from tests.promises.memory_askers import command, envelope

PEOPLE = Memory(
    "people",
    carries=dict,
    keeps=MemoryClass.PREFERENCE,
    access=Access(personal=PersonalData.SUBJECT),
)
SHORT = Memory("short", carries=int, keeps=MemoryClass.FACT, ttl_s=60)
FEW = Memory("few", carries=int, keeps=MemoryClass.FACT, ttl_s=60, quota=Quota(records=3))
COUNT = 2 * EXPIRED_COUNT_MAX
MANY = Memory("many", carries=int, keeps=MemoryClass.FACT, ttl_s=60, quota=Quota(records=COUNT))
GUESTS = Memory(
    "guests",
    carries=dict,
    keeps=MemoryClass.PREFERENCE,
    ttl_s=60,
    quota=Quota(records=2),
    access=Access(personal=PersonalData.SUBJECT),
)
SPACES = {**PLAIN, "people": PEOPLE, "short": SHORT, "guests": GUESTS, "few": FEW, "many": MANY}


class Partition:
    """A book with topics of its own; commits what the book decides, or forgets it."""

    def __init__(self) -> None:
        self.logs: dict[str, list[Record]] = {}
        self.commands = 0
        self.recalled = 0
        self.begin_anew()

    def begin_anew(self) -> None:
        known = Known(partitions=1, answers={"ns.clerk.answers": 1})
        self.book = KeeperBook("ns", 0, SPACES, known)
        self.book.restore([r for name, log in self.logs.items() if "memory." in name
                           and name != "ns.memory.history" for r in log])  # fmt: skip

    def asks(self, *asked: Command, **changes: object) -> list[Record]:
        batch = [
            Record(
                "ns.memory.commands", 0, self.commands + number, 0,
                one.key.encode(), one.encode(), encode_headers(envelope(**changes)),
            )
            for number, one in enumerate(asked)
        ]  # fmt: skip
        self.commands += len(batch)
        return batch

    def takes(self, batch: Sequence[Record], now_ms: int = 1_000) -> None:
        self.commits(self.decides(batch, now_ms))

    def decides(self, batch: Sequence[Record], now_ms: int = 1_000) -> Sequence[Outgoing]:
        wanted = self.book.begin(batch)
        self.recalled += len(wanted)
        self.book.recall([self.logs[place.topic][place.offset] for place in wanted])
        return self.book.decide(now_ms)

    def commits(self, out: Sequence[Outgoing], now_ms: int = 1_000) -> None:
        offsets: list[int] = []
        for one in out:
            log = self.logs.setdefault(one.topic, [])
            offsets.append(len(log))
            made = Record(one.topic, 0, len(log), now_ms, one.key, one.value, one.headers)
            log.append(made)
        self.book.committed(offsets)

    def newest(self, space: str) -> dict[str, StoredRecord]:
        found: dict[bytes, Record] = {}
        for record in self.logs.get(f"ns.memory.{space}", []):
            if not (record.key or b"").startswith(b"handrail/"):
                found[record.key or b""] = record
        return {k.decode(): StoredRecord.decode(r.value) for k, r in found.items() if r.value}

    def answers(self) -> list[Answer]:
        return [Answer.decode(record.value) for record in self.logs.get("ns.clerk.answers", [])]

    def told(self) -> list[MemoryWritten | MemoryRefused]:
        events = [decode(record) for record in self.logs.get("ns.ledger", [])]
        assert not any(isinstance(event, UnknownEvent) for event in events)
        return [event for event in events if isinstance(event, MemoryWritten | MemoryRefused)]

    def mark(self, space: str) -> AppliedMark:
        marks = [r for r in self.logs[f"ns.memory.{space}"] if r.key == APPLIED_KEY]
        return AppliedMark.decode(marks[-1].value)


def add_one(key: str = "t") -> Command:
    return command(Op.INCREMENT, "tally", key, 1)


def about(op: Op, subject: str = "d1", by: str = "person:ada") -> Command:
    return Command(op=op, space="", key=subject, by=by, reason="asked for")
