"""What changes of a message that died when it is sent back: its time, and what it may spend."""

from collections.abc import Sequence
from dataclasses import replace

from handrail.lane.journal import Entry
from handrail.wire.codec import decode_envelope, encode_time
from handrail.wire.dead_letter import Failure
from handrail.wire.record import Record


class NotTakenBack(Exception):  # a turn within this room, said on the ledger
    """Why a dead letter stays where it is."""


def parts_anew(kept: Sequence[Entry], now_ms: int, span_ms: int) -> list[Entry]:
    """Give the parts of a fan-out, those whose time is over with that much time anew."""
    parts: list[Entry] = []
    for part in kept:
        held = part.snapshot
        assert held is not None, "a part is a message"
        over = decode_envelope(held).deadline_ms
        if over is None or over > now_ms:
            parts.append(part)
            continue
        facts = {**part.facts, "until_ms": now_ms + span_ms}
        parts.append(replace(part, facts=facts, snapshot=dated_anew(held, now_ms, span_ms)))
    return parts


def dated_anew(message: Record, now_ms: int, span_ms: int) -> Record:
    """Give a message a new deadline, and a time of writing that allows for it."""
    until = encode_time(now_ms + span_ms).encode()
    headers = tuple((n, until if n == "ce_deadline" else v) for n, v in message.headers)
    return replace(message, headers=headers, timestamp_ms=now_ms)


def with_what_was_spent(message: Record, failure: Failure) -> Record:
    """Leave a part no more than it has spent: what was left of its budget its gather was given.

    One whose letter says of no cost has spent nothing of which anybody knows.
    """
    if not failure.absorbed:
        return message
    spent = (failure.cost or "0").encode()
    headers = tuple((n, spent if n == "ce_budget" else v) for n, v in message.headers)
    return replace(message, headers=headers)
