"""Every error of the engine, one file for each family of codes."""

from handrail.errors.lane import (
    JournalBroken,
    OffsetMetadataBroken,
    OffsetsLost,
    PartitionCountsDiffer,
)
from handrail.errors.root import HandrailError, every_error, message_parts
from handrail.errors.transport import (
    BrokerUnreachable,
    CommitDoubtful,
    MembershipRefused,
    ProducerFenced,
    RecordRefused,
)

__all__ = [
    "BrokerUnreachable",
    "CommitDoubtful",
    "HandrailError",
    "JournalBroken",
    "MembershipRefused",
    "OffsetMetadataBroken",
    "OffsetsLost",
    "PartitionCountsDiffer",
    "ProducerFenced",
    "RecordRefused",
    "every_error",
    "message_parts",
]
