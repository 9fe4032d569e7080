"""A large body comes back whole, whatever else lies on the blobs topic, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.errors.wire import ClaimBroken, TooLarge, WireError
from handrail.wire import claim as claims
from handrail.wire.claim import Assembly, Claim
from handrail.wire.limits import BLOB_BYTES_MAX, BLOB_CHUNK_BYTES, CLAIM_OVER_BYTES
from handrail.wire.record import Outgoing, Record
from tests.unit.wire.envelopes import record

SHA = "0" * 64


def stored(chunks: tuple[Outgoing, ...], first_offset: int = 7) -> list[Record]:
    return [
        Record(c.topic, c.partition or 0, first_offset + i, 0, c.key, c.value, c.headers)
        for i, c in enumerate(chunks)
    ]


def read(claim: Claim, records: list[Record]) -> bytes | None:
    assembly = Assembly(claim)
    for one in records:
        whole = assembly.take(one)
        if whole is not None:
            return whole
    return None


@pytest.mark.parametrize(
    "size",
    [0, 1, CLAIM_OVER_BYTES, BLOB_CHUNK_BYTES, BLOB_CHUNK_BYTES + 1, 3 * BLOB_CHUNK_BYTES + 5],
)
def test_what_was_stored_comes_back_byte_for_byte(size: int) -> None:
    data = bytes(i % 251 for i in range(size))
    chunks = claims.chunk(data, "handrail.blobs", 12)
    claim = claims.claim_of(chunks, 7)

    assert read(claim, stored(chunks)) == data
    assert claim.size == size
    assert all(len(c.value or b"") <= BLOB_CHUNK_BYTES for c in chunks)


def test_other_blobs_and_repeats_between_the_chunks_are_passed_over() -> None:
    data, other = b"ab" * BLOB_CHUNK_BYTES + b"c", b"b" * (BLOB_CHUNK_BYTES * 2 + 1)
    mine = stored(claims.chunk(data, "handrail.blobs", 1))
    theirs = stored(claims.chunk(other, "handrail.blobs", 1))
    claim = claims.claim_of(claims.chunk(data, "handrail.blobs", 1), 7)

    assert read(claim, [theirs[0], mine[0], mine[0], theirs[1], mine[1], mine[0], mine[2]]) == data


def test_a_gap_or_foreign_headers_are_said_and_never_filled() -> None:
    chunks = claims.chunk(b"a" * (BLOB_CHUNK_BYTES * 2), "handrail.blobs", 1)
    claim = claims.claim_of(chunks, 7)
    strange = Record("handrail.blobs", 0, 7, 0, chunks[0].key, b"x", ())

    with pytest.raises(ClaimBroken):
        read(claim, stored(chunks)[1:])
    with pytest.raises(ClaimBroken):
        read(claim, [strange])


def test_bytes_that_were_changed_are_never_given_back() -> None:
    chunks = claims.chunk(b"truth", "handrail.blobs", 1)
    claim = claims.claim_of(chunks, 7)
    forged = Record("handrail.blobs", 0, 7, 0, chunks[0].key, b"false", chunks[0].headers)

    with pytest.raises(ClaimBroken, match="another SHA-256"):
        read(claim, [forged])


@given(st.integers(1, 24), st.binary(max_size=20))
def test_a_claim_survives_the_wire_and_names_a_partition_that_exists(n: int, data: bytes) -> None:
    claim = claims.claim_of(claims.chunk(data, "handrail.blobs", n), 5)

    assert Claim.decode(claim.encode()) == claim
    assert 0 <= claim.partition < n


@pytest.mark.parametrize(
    "body",
    [
        None,
        b"[]",
        b"{}",
        b'{"sha256":"x","size":1,"partition":0,"offset":0}',
        b'{"sha256":"%b","size":-1,"partition":0,"offset":0}' % SHA.encode(),
        b'{"sha256":"%b","size":true,"partition":0,"offset":0}' % SHA.encode(),
        b'{"sha256":"%b","size":99999999999,"partition":0,"offset":0}' % SHA.encode(),
    ],
)
def test_what_is_no_claim_is_refused(body: bytes | None) -> None:
    with pytest.raises(WireError):
        Claim.decode(body)


def test_what_is_larger_than_a_claim_may_stand_for_is_refused() -> None:
    class Huge(bytes):
        def __len__(self) -> int:
            return BLOB_BYTES_MAX + 1

    with pytest.raises(TooLarge):
        claims.chunk(Huge(), "handrail.blobs", 1)


def test_a_claim_is_told_by_its_content_type_however_it_is_written() -> None:
    sent = record((("content-type", b"Application/Vnd.Handrail.Claim+JSON; charset=utf-8"),))

    assert claims.is_claim(sent)
    assert not claims.is_claim(record())
    assert claims.needs_claim(b"x" * (CLAIM_OVER_BYTES + 1))
    assert not claims.needs_claim(b"x" * CLAIM_OVER_BYTES)
