"""Asks a port which Kafka cluster answers there, with one hand-made Metadata request.

A port that accepts connections proves little: it may be another project's broker, or one that
has not yet registered. The answer names the cluster and its brokers.
"""

import socket
import struct
from typing import NamedTuple

METADATA, VERSION = 3, 4  # Apache Kafka 4.4 answers Metadata from version 0 on.
CLIENT = b"handrail-probe"
ANSWER_BYTES_MAX = 1 << 20


class Answer(NamedTuple):
    """Who answered: the cluster's id and how many brokers are in service."""

    cluster_id: str | None
    brokers: int


def ask(host: str, port: int, *, timeout_s: float) -> Answer | None:
    """Give the answer of the broker at a port; None when nothing there answers as Kafka does."""
    body = (
        struct.pack(">hhih", METADATA, VERSION, 1, len(CLIENT)) + CLIENT + struct.pack(">ib", 0, 0)
    )
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as line:
            line.settimeout(timeout_s)
            line.sendall(struct.pack(">i", len(body)) + body)
            (size,) = struct.unpack(">i", _read(line, 4))
            if not 0 < size <= ANSWER_BYTES_MAX:
                return None
            return _decode(_read(line, size))
    except (OSError, struct.error, UnicodeDecodeError):
        return None


def _read(line: socket.socket, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = line.recv(size)
        if not part:
            raise ConnectionError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _decode(answer: bytes) -> Answer:
    # Correlation id and throttle time first, then the brokers, then the cluster's id.
    _, _, brokers = struct.unpack_from(">iii", answer)
    at = 12
    for _ in range(brokers):
        at += 4
        _, at = _text(answer, at)
        at += 4
        _, at = _text(answer, at)
    cluster_id, _ = _text(answer, at)
    return Answer(cluster_id, brokers)


def _text(answer: bytes, at: int) -> tuple[str | None, int]:
    (length,) = struct.unpack_from(">h", answer, at)
    at += 2
    if length < 0:
        return None, at
    return answer[at : at + length].decode(), at + length
