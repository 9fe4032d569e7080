"""Every bound of a message on the wire, in one place, with the relations between them asserted.

Guarantee: a record within these bounds fits into one Kafka record under the broker's default
`message.max.bytes` (1,048,588 in Apache Kafka 4.4.0), its dead letter included.
"""

KIB = 1024

BODY_BYTES_MAX = 900 * KIB  #: a larger message is refused, never cut
CLAIM_OVER_BYTES = 64 * KIB  #: a larger body travels as a claim on the blobs topic
BLOB_CHUNK_BYTES = 512 * KIB  #: one record of the blobs topic holds at most this much
BLOB_BYTES_MAX = 64 * KIB * KIB  #: what one claim may stand for
JSON_DEPTH_MAX = 64  #: arrays and objects inside one another

HEADERS_BYTES_MAX = 4 * KIB  #: the attributes of one message, names included
KEY_BYTES_MAX = KIB  #: a longer key is refused
REFERENCE_CHARS_MAX = 256  #: the caller's own name for a task
TENANT_CHARS_MAX = 64
ASKED_BY_CHARS_MAX = 60  #: the name of the person on whose behalf a task is
TOPIC_CHARS_MAX = 100  #: without namespace; Kafka itself allows 249 for the whole name
HOP_COUNT_MAX = 16
MEMORY_PARTITIONS_MAX = 64  #: of each topic of memory: a message says how far each was read
MEMORY_READ_BYTES_MAX = 3 * KIB // 2  #: of what says that
PARTS_COUNT_MAX = 256

DLQ_HEADERS_BYTES_MAX = 8 * KIB  #: all headers of a dead letter, the original ones included
DLQ_FACTS_BYTES_MAX = 3 * KIB  #: the headers of a dead letter that state facts, without the stack
DLQ_STACK_BYTES_MAX = 4 * KIB
DLQ_STACK_BYTES_MIN = 512  #: what the stack keeps when the other headers are at their bounds
DLQ_MESSAGE_BYTES_MAX = KIB
DLQ_BODY_HEAD_BYTES = 64 * KIB  #: what a dead letter keeps of a body that went into a claim

DLQ_KEY_HEAD_BYTES = 64 * KIB  #: a longer key goes into a claim, its dead letter keeps so much

BROKER_RECORD_BYTES = 1_048_588
REQUEST_BYTES_MAX = 1_048_576  #: one record as we write it, with all that surrounds it
OWN_BYTES_MAX = 16 * KIB  #: what a lane adds to a record that it writes again, its key aside
RECORD_OVERHEAD_BYTES = KIB  #: batch header, lengths and timestamps

#: Its attributes anew, the invocation's id as the key and, in base64, as the mailbox, and facts.
_ADDED_BYTES = HEADERS_BYTES_MAX + HEADERS_BYTES_MAX + HEADERS_BYTES_MAX * 4 // 3 + 2 * KIB

#: A number of two digits, an offset of at most 19, a colon and a comma.
assert MEMORY_PARTITIONS_MAX * (2 + 19 + 2) <= MEMORY_READ_BYTES_MAX
assert MEMORY_READ_BYTES_MAX <= HEADERS_BYTES_MAX // 2
assert _ADDED_BYTES <= OWN_BYTES_MAX
assert BODY_BYTES_MAX + 4 * KEY_BYTES_MAX + HEADERS_BYTES_MAX + OWN_BYTES_MAX < REQUEST_BYTES_MAX
assert REQUEST_BYTES_MAX <= BROKER_RECORD_BYTES
assert CLAIM_OVER_BYTES < BLOB_CHUNK_BYTES < BODY_BYTES_MAX < BLOB_BYTES_MAX
assert DLQ_BODY_HEAD_BYTES <= CLAIM_OVER_BYTES
assert DLQ_STACK_BYTES_MIN <= DLQ_STACK_BYTES_MAX < DLQ_HEADERS_BYTES_MAX
assert DLQ_MESSAGE_BYTES_MAX < DLQ_FACTS_BYTES_MAX
assert HEADERS_BYTES_MAX + DLQ_FACTS_BYTES_MAX + DLQ_STACK_BYTES_MIN <= DLQ_HEADERS_BYTES_MAX
assert (
    BODY_BYTES_MAX + KEY_BYTES_MAX + DLQ_HEADERS_BYTES_MAX + RECORD_OVERHEAD_BYTES
    <= BROKER_RECORD_BYTES
)
