"""What a proxy reads of requests, and how addresses in answers are replaced."""

import struct
from collections.abc import Callable

import pytest
from aiokafka.protocol.api import RequestStruct, Response
from aiokafka.protocol.commit import OffsetCommitRequest_v3
from aiokafka.protocol.coordination import (
    FindCoordinatorRequest_v0,
    FindCoordinatorRequest_v1,
    FindCoordinatorResponse_v0,
    FindCoordinatorResponse_v1,
)
from aiokafka.protocol.group import HeartbeatRequest_v1
from aiokafka.protocol.metadata import (
    MetadataRequest_v0,
    MetadataRequest_v1,
    MetadataRequest_v5,
    MetadataResponse_v0,
    MetadataResponse_v1,
    MetadataResponse_v5,
)
from aiokafka.protocol.produce import ProduceRequest_v3
from aiokafka.protocol.transaction import (
    AddOffsetsToTxnRequest_v0,
    AddPartitionsToTxnRequest_v0,
    EndTxnRequest_v0,
    TxnOffsetCommitRequest_v0,
)

from handrail.chaos.kafka_frames import (
    Address,
    Api,
    Request,
    addresses_in,
    correlation_of,
    parse_request,
    readdressed,
)

BROKER, DOOR = Address("broker.example", 9092), Address("127.0.0.1", 40_001)
NUMBER = 77
CORRELATION = struct.pack(">i", NUMBER)


def sent(request: RequestStruct, client: str = "me") -> Request:
    """Give a request of aiokafka as a proxy reads it."""
    head = request.build_request_header(NUMBER, client)
    return parse_request(head.encode() + request.encode())


def compact(text: str | None) -> bytes:
    return b"\x00" if text is None else bytes([len(text) + 1]) + text.encode()


def flexible(api: Api, version: int, body: bytes) -> Request:
    """Give a request of a version with compact strings, with a tag that nobody knows."""
    head = struct.pack(">hhih", api, version, NUMBER, 2) + b"me"
    return parse_request(head + b"\x01\x05\x03abc" + body)


def test_the_head_of_a_request_is_read() -> None:
    request = sent(MetadataRequest_v0(["topic"]))

    assert (request.api, request.version) == (Api.METADATA, 0)
    assert (request.correlation_id, request.client_id) == (NUMBER, "me")
    assert (request.transactional_id, request.group, request.commits) == (None, None, False)


@pytest.mark.parametrize(
    ("request_", "commits"),
    [
        (EndTxnRequest_v0("lane.3", 7, 0, True), True),
        (EndTxnRequest_v0("lane.3", 7, 0, False), False),
        (AddPartitionsToTxnRequest_v0("lane.3", 7, 0, [("topic", [1])]), False),
        (AddOffsetsToTxnRequest_v0("lane.3", 7, 0, "group"), False),
        (TxnOffsetCommitRequest_v0("lane.3", "group", 7, 0, []), False),
        (ProduceRequest_v3("lane.3", -1, 1000, []), False),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_request_of_a_transaction_names_it_and_says_whether_it_commits(
    request_: RequestStruct, commits: bool
) -> None:
    request = sent(request_)

    assert (request.transactional_id, request.commits) == ("lane.3", commits)
    assert request.group is None


@pytest.mark.parametrize("commits", [True, False])
def test_an_end_with_compact_strings_is_read_the_same(commits: bool) -> None:
    body = compact("lane.3") + struct.pack(">qh?", 7, 0, commits) + b"\x00"

    request = flexible(Api.END_TXN, 4, body)

    assert (request.transactional_id, request.commits) == ("lane.3", commits)


@pytest.mark.parametrize(
    ("request_", "group"),
    [
        (sent(HeartbeatRequest_v1("clerks", 3, "me")), "clerks"),
        (sent(OffsetCommitRequest_v3("clerks", 3, "me", -1, [])), "clerks"),
        (sent(FindCoordinatorRequest_v0("clerks")), "clerks"),
        (sent(FindCoordinatorRequest_v1("clerks", 0)), "clerks"),
        (sent(FindCoordinatorRequest_v1("lane.3", 1)), None),
        (flexible(Api.FIND_COORDINATOR, 3, compact("clerks") + b"\x00\x00"), "clerks"),
        (flexible(Api.FIND_COORDINATOR, 3, compact("lane.3") + b"\x01\x00"), None),
        (flexible(Api.FIND_COORDINATOR, 6, b"\x00\x02" + compact("clerks") + b"\x00"), "clerks"),
        (flexible(Api.FIND_COORDINATOR, 6, b"\x01\x02" + compact("lane.3") + b"\x00"), None),
        (flexible(Api.JOIN_GROUP, 9, compact("clerks") + bytes(8)), "clerks"),
        (sent(TxnOffsetCommitRequest_v0("lane.3", "clerks", 7, 0, [])), None),
    ],
)
def test_a_request_to_the_coordinator_of_a_group_names_the_group(
    request_: Request, group: str | None
) -> None:
    assert request_.group == group


def test_records_that_want_no_acknowledgement_get_no_answer() -> None:
    assert sent(ProduceRequest_v3(None, -1, 1000, [])).is_answered
    assert not sent(ProduceRequest_v3(None, 0, 1000, [])).is_answered
    assert not sent(ProduceRequest_v3("lane.3", 0, 1000, [])).is_answered


BROKERS = [(1, "broker.example", 9092, "rack")]
TOPICS: list[object] = []


@pytest.mark.parametrize(
    ("request_", "answer", "same"),
    [
        (
            MetadataRequest_v0([]),
            MetadataResponse_v0([(1, "broker.example", 9092)], TOPICS),
            MetadataResponse_v0([(1, "127.0.0.1", 40_001)], TOPICS),
        ),
        (
            MetadataRequest_v1([]),
            MetadataResponse_v1(BROKERS, 1, TOPICS),
            MetadataResponse_v1([(1, "127.0.0.1", 40_001, "rack")], 1, TOPICS),
        ),
        (
            MetadataRequest_v5([], False),
            MetadataResponse_v5(0, BROKERS, "cluster", 1, TOPICS),
            MetadataResponse_v5(0, [(1, "127.0.0.1", 40_001, "rack")], "cluster", 1, TOPICS),
        ),
        (
            FindCoordinatorRequest_v0("clerks"),
            FindCoordinatorResponse_v0(0, 1, "broker.example", 9092),
            FindCoordinatorResponse_v0(0, 1, "127.0.0.1", 40_001),
        ),
        (
            FindCoordinatorRequest_v1("clerks", 0),
            FindCoordinatorResponse_v1(0, 0, None, 1, "broker.example", 9092),
            FindCoordinatorResponse_v1(0, 0, None, 1, "127.0.0.1", 40_001),
        ),
    ],
    ids=lambda one: type(one).__name__,
)
def test_an_address_is_replaced_and_nothing_else(
    request_: RequestStruct, answer: Response, same: Response
) -> None:
    request, raw = sent(request_), CORRELATION + answer.encode()

    assert addresses_in(request, raw) == {BROKER}
    assert readdressed(request, raw, {BROKER: DOOR}) == CORRELATION + same.encode()


def of_metadata(address: Address) -> bytes:
    broker = struct.pack(">i", 1) + compact(address.host) + struct.pack(">i", address.port)
    return bytes(4) + b"\x02" + broker + compact(None) + b"\x00" + compact("cluster") + b"rest"


def of_coordinators(address: Address) -> bytes:
    one = compact("clerks") + struct.pack(">i", 1) + compact(address.host)
    one += struct.pack(">ih", address.port, 0) + compact(None) + b"\x00"
    return bytes(4) + b"\x02" + one + b"\x00"


def of_cluster(address: Address) -> bytes:
    broker = struct.pack(">i", 1) + compact(address.host) + struct.pack(">i", address.port)
    head = bytes(6) + compact(None) + b"\x01" + compact("cluster") + struct.pack(">i", 1)
    return head + b"\x02" + broker + compact("rack") + b"\x00\x00" + b"rest"


@pytest.mark.parametrize(
    ("api", "version", "answer"),
    [
        (Api.METADATA, 12, of_metadata),
        (Api.METADATA, 13, of_metadata),
        (Api.FIND_COORDINATOR, 4, of_coordinators),
        (Api.FIND_COORDINATOR, 6, of_coordinators),
        (Api.DESCRIBE_CLUSTER, 2, of_cluster),
    ],
)
def test_an_address_among_compact_fields_is_replaced_and_nothing_else(
    api: Api, version: int, answer: Callable[[Address], bytes]
) -> None:
    request = flexible(api, version, b"\x00")
    before = CORRELATION + b"\x00" + answer(BROKER)
    after = CORRELATION + b"\x00" + answer(DOOR)

    assert readdressed(request, before, {BROKER: DOOR}) == after


def test_a_long_name_of_a_host_keeps_its_length() -> None:
    long = Address("h" * 300, 9092)
    request = flexible(Api.METADATA, 12, b"\x00")
    there = readdressed(request, CORRELATION + b"\x00" + of_metadata(BROKER), {BROKER: long})

    assert addresses_in(request, there) == {long}


def test_a_coordinator_that_is_not_there_keeps_its_nothing() -> None:
    request = sent(FindCoordinatorRequest_v0("clerks"))
    nobody = CORRELATION + FindCoordinatorResponse_v0(15, -1, "", -1).encode()

    assert readdressed(request, nobody, {}) == nobody


def test_other_answers_pass_byte_for_byte() -> None:
    request = sent(HeartbeatRequest_v1("clerks", 3, "me"))

    assert readdressed(request, CORRELATION + b"anything", {}) == CORRELATION + b"anything"
    assert correlation_of(CORRELATION + b"anything") == NUMBER


def test_a_version_that_nobody_has_checked_is_refused() -> None:
    with pytest.raises(ValueError, match="METADATA 14"):
        addresses_in(flexible(Api.METADATA, 14, b"\x00"), CORRELATION)


@pytest.mark.parametrize("frame", [b"", b"\x00\x03", b"\x00\x03\x00\x00\x00\x00\x00\x01\x00\x09ab"])
def test_what_is_no_request_is_refused(frame: bytes) -> None:
    with pytest.raises(ValueError, match="within its head"):
        parse_request(frame)


def test_an_answer_that_ends_too_early_is_refused() -> None:
    request = sent(MetadataRequest_v0([]))

    with pytest.raises(ValueError, match="within an address"):
        addresses_in(request, CORRELATION + b"\x00\x00\x00\x01\x00")
