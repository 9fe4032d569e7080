"""How many bytes a record takes in a request, so that nothing is begun that cannot be written.

Guarantee: a record that passes `check_room` can be written again as a lane writes it, resting in
the journal, as a gathered part, or forwarded to another partition, whatever headers it came with.
"""

from handrail.errors.wire import TooLarge
from handrail.wire.codec import KNOWN_HEADERS
from handrail.wire.limits import (
    HEADERS_BYTES_MAX,
    OWN_BYTES_MAX,
    RECORD_OVERHEAD_BYTES,
    REQUEST_BYTES_MAX,
)
from handrail.wire.record import Headers, Outgoing, Record

#: Beside its name and value a header takes their two lengths, below 1 MiB at most 3 bytes each.
HEADER_OVERHEAD_BYTES = 6
#: A lane's journal repeats a key as text, once for its mailbox and once for the record.
KEY_WEIGHT = 4
TASK_ID_BYTES = 36  #: the key of what is forwarded


def headers_size(headers: Headers) -> int:
    """Give the most bytes that headers take."""
    size = HEADER_OVERHEAD_BYTES * len(headers)
    for name, value in headers:
        # A name that is no UTF-8 was read with half characters in it.
        size += len(name) if name.isascii() else len(name.encode(errors="surrogatepass"))
        if value:
            size += len(value)
    return size


def record_size(record: Record | Outgoing) -> int:
    """Give the most bytes that a record takes, alone in its request."""
    held = len(record.key or b"") + len(record.value or b"")
    return RECORD_OVERHEAD_BYTES + held + headers_size(record.headers)


def check_room(record: Record) -> None:
    """Raise TooLarge when a lane could not write this record again together with its own words."""
    room = REQUEST_BYTES_MAX - OWN_BYTES_MAX - RECORD_OVERHEAD_BYTES
    keys = KEY_WEIGHT * max(len(record.key or b""), TASK_ID_BYTES)
    all_headers = headers_size(record.headers)
    if len(record.value or b"") + all_headers + keys <= room:
        return  # whichever of its headers are ours
    own = headers_size(tuple(pair for pair in record.headers if pair[0] in KNOWN_HEADERS))
    others = all_headers - own
    # What a lane adds has room for our attributes: with or without them a record counts alike, so
    # that one which is forwarded is not refused where it arrives.
    size = len(record.value or b"") + others + keys + max(0, own - HEADERS_BYTES_MAX)
    if size > room:
        raise TooLarge(what_is_large="record", size=size, limit=room)
