"""The records of a journal."""

import pytest

from handrail.errors import JournalBroken
from handrail.lane.journal import Entry, Kind, decode_entry, encode_entry, tombstone
from handrail.wire.record import Outgoing, Record, TopicPartition

JOURNAL = TopicPartition("ns.clerk.journal", 3)


def read(outgoing: Outgoing, offset: int = 7) -> Record:
    assert outgoing.partition is not None
    return Record(
        outgoing.topic,
        outgoing.partition,
        offset,
        0,
        outgoing.key,
        outgoing.value,
        outgoing.headers,
    )


def test_a_message_rests_in_the_journal_byte_for_byte() -> None:
    message = Record("ns.in", 3, 41, 99, b"\xff\x00", b"{ }", (("a", b"\xfe"), ("a", b"2")))
    entry = Entry(Kind.PARKED, "i-1", 4, "1", 1000, facts={"why": "running"}, snapshot=message)

    found = decode_entry(read(encode_entry(entry, JOURNAL)))

    assert found == entry


def test_a_record_supersedes_only_its_own_kind_and_part() -> None:
    keys = {
        Entry(kind, "i-1", 1, "1", 0, part=part).key
        for kind in (Kind.PARKED, Kind.GATHERED)
        for part in (0, 1)
    }

    assert len(keys) == 4


def test_a_tombstone_reads_as_nothing() -> None:
    assert decode_entry(read(tombstone(b"i-1/parked/0", JOURNAL))) is None


@pytest.mark.parametrize(
    ("key", "value", "headers"),
    [
        (None, b"{}", ()),
        (b"no kind", b"{}", ()),
        (b"i/parked/0", b"{}", ()),
        (b"i/parked/0", b"{}", (("handrail-journal", b"[]"),)),
        (b"i/strange/0", b"{}", (("handrail-journal", b'{"epoch":1,"agent_version":"1","ts":1}'),)),
    ],
)
def test_a_foreign_record_in_a_journal_is_named(
    key: bytes | None, value: bytes, headers: tuple[tuple[str, bytes], ...]
) -> None:
    with pytest.raises(JournalBroken, match=r"ns\.clerk\.journal\[3\] at offset 5"):
        decode_entry(Record("ns.clerk.journal", 3, 5, 0, key, value, headers))
