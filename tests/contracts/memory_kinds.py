"""One record of every kind that memory is made of, as the keeper itself writes them."""

from pydantic import BaseModel

from handrail.bus.murmur2 import partition_for
from handrail.contract.memory import Memory, MemoryClass
from handrail.runtime.keeper_book import KeeperBook
from handrail.runtime.keeper_known import Known
from handrail.wire import ids
from handrail.wire.codec import encode_headers
from handrail.wire.envelope import Envelope
from handrail.wire.memory import COMMAND_TYPE, COMMANDS, Command, Op, full_key
from handrail.wire.record import Outgoing, Record

INVOCATION = "6a1f0c9e-8f43-5a27-b1c8-5d2f0f4c7a11"
KEY = full_key("default", "order/42")
PARTITIONS = 12
PARTITION = partition_for(KEY.encode(), PARTITIONS)
NOW_MS = 1_767_225_600_007


class Fact(BaseModel):
    """Something that is known of an order."""

    text: str
    cents: int


SPACES = {"facts": Memory("facts", carries=Fact, keeps=MemoryClass.FACT)}
ENVELOPE = Envelope(
    id=ids.handoff_id(INVOCATION, 0, "3"),
    type=COMMAND_TYPE,
    source="handrail/handrail/clerk",
    time_ms=NOW_MS,
    task_id=ids.task_id_of("default", "invoice-7"),
    tenant="default",
    reference="invoice-7",
    causation_id=INVOCATION,
    hop=2,
    deadline_ms=1_767_830_400_000,
    reply_to="clerk.answers/3",
    label="user",
)
PUT = Command(
    op=Op.PUT,
    space="facts",
    key=KEY,
    by="clerk",
    by_version="2",
    type_name="fact.v1",
    value={"text": "Erstattet, „genau einmal“ 🤝", "cents": 500},
    expect=0,
    derived_from=("facts/default/-/order/41@3", INVOCATION),
    confidence=0.75,
    observed_ms=NOW_MS - 7,
    model="claude",
    seen=("0a1b2c3d4e",),
)


CHANGE = Command(
    op=Op.PUT, space="facts", key=KEY, by="clerk", value={"text": "offen", "cents": 0}, expect=1
)
ROLLBACK = Command(
    op=Op.PUT,
    space="facts",
    key=KEY,
    by="person:ada",
    type_name="fact.v1",
    value=PUT.value,
    expect=2,
    rollback_of=2,
    builds_on=1,
    expires_ms=NOW_MS + 86_400_000,
)


def memory_command() -> Outgoing:
    """What an agent asks the keeper to write."""
    topic = f"handrail.{COMMANDS}"
    return Outgoing(topic, KEY.encode(), PUT.encode(), encode_headers(ENVELOPE))


def _written(*later: Command) -> list[Outgoing]:
    book = KeeperBook(
        "handrail", PARTITION, SPACES, Known(PARTITIONS, answers={"handrail.clerk.answers": 12})
    )
    found: list[Outgoing] = []
    for offset, one in enumerate((PUT, *later)):
        asked = Record(
            f"handrail.{COMMANDS}", PARTITION, 71 + offset, 0,
            KEY.encode(), one.encode(), encode_headers(ENVELOPE),
        )  # fmt: skip
        book.begin([asked])
        found = list(book.decide(NOW_MS))
        book.committed(range(len(found)))
    book.close()
    return found


def _one(records: list[Outgoing], topic: str, number: int = 0) -> Outgoing:
    return [record for record in records if record.topic == f"handrail.{topic}"][number]


def memory_record() -> Outgoing:
    """The first version of a key, on the topic of its space."""
    return _one(_written(), "memory.facts")


def memory_version() -> Outgoing:
    """The same, in the history."""
    return _one(_written(), "memory.history")


def memory_mark() -> Outgoing:
    """How far the commands of a partition are taken."""
    return _one(_written(), "memory.facts", 1)


def memory_answer() -> Outgoing:
    """What became of a command, to the lane that waits for it."""
    return _one(_written(), "clerk.answers")


def memory_written() -> Outgoing:
    """The same, on the ledger."""
    return _one(_written(), "ledger")


def memory_refused() -> Outgoing:
    """What the ledger says of a command that was not carried out."""
    return _one(_written(Command(op=Op.ENDORSE, space="facts", key=KEY, by="clerk")), "ledger")


def memory_tombstone() -> Outgoing:
    """What stands for a record that was removed, with the number of the version that did it."""
    remove = Command(op=Op.REMOVE, space="facts", key=KEY, by="person:ada", expect=1)
    return _one(_written(remove), "memory.facts")


def memory_removal() -> Outgoing:
    """What the history says of that, with the reason of whoever did it."""
    why = "approved in case 7"
    remove = Command(op=Op.REMOVE, space="facts", key=KEY, by="person:ada", expect=1, reason=why)
    return _one(_written(remove), "memory.history")


def memory_rollback() -> Outgoing:
    """What a person asks the keeper who takes back a version that took the place of another."""
    topic = f"handrail.{COMMANDS}"
    return Outgoing(topic, KEY.encode(), ROLLBACK.encode(), encode_headers(ENVELOPE))


def memory_given_back() -> Outgoing:
    """What the keeper writes then."""
    return _one(_written(CHANGE, ROLLBACK), "memory.facts")


def memory_hold() -> Outgoing:
    """A legal hold on a subject."""
    hold = Command(op=Op.HOLD, space="", key="d1", by="person:ada", reason="a lawsuit")
    return _one(_written(hold), "memory.facts")


def memory_forgotten() -> Outgoing:
    """That a subject was forgotten, with the names of the keys that are destroyed."""
    names = ("5f70bf18a0860070",)
    forget = Command(
        op=Op.FORGET, space="", key="d1", by="person:ada", reason="she asked", keys=names
    )
    return _one(_written(forget), "memory.facts")


MEMORY_KINDS = (
    memory_command,
    memory_record,
    memory_version,
    memory_mark,
    memory_answer,
    memory_written,
    memory_refused,
    memory_tombstone,
    memory_removal,
    memory_rollback,
    memory_given_back,
    memory_hold,
    memory_forgotten,
)
