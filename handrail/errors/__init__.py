"""Every error of the engine, one file for each family of codes."""

from handrail.errors.cli import (
    ConfirmationNeeded,
    DeadLetterUnknown,
    FolderTaken,
    InternalFailure,
    LogUnknown,
    MessageMisfit,
    NothingGiven,
    RunbookUnknown,
    SettingUnknown,
    TaskUnknown,
    TopicUnknown,
    UsageWrong,
)
from handrail.errors.lane import (
    JournalBroken,
    OffsetMetadataBroken,
    OffsetsLost,
    PartitionCountsDiffer,
)
from handrail.errors.root import HandrailError, every_error, message_parts
from handrail.errors.supervision import (
    AlreadyUp,
    CrashLoop,
    NeverReady,
    ScaleWrong,
    WillNotStop,
)
from handrail.errors.team import (
    AgentUnknown,
    NoAgentInFile,
    ProjectNotFound,
    SeveralAgentsInFile,
    TeamFileFailed,
    TeamFileMissing,
)
from handrail.errors.topics import (
    PartitionsFixed,
    TopicsMissing,
)
from handrail.errors.transport import (
    BrokerUnreachable,
    CommitDoubtful,
    MembershipRefused,
    ProducerFenced,
    RecordRefused,
)

__all__ = [
    "AgentUnknown",
    "AlreadyUp",
    "BrokerUnreachable",
    "CommitDoubtful",
    "ConfirmationNeeded",
    "CrashLoop",
    "DeadLetterUnknown",
    "FolderTaken",
    "HandrailError",
    "InternalFailure",
    "JournalBroken",
    "LogUnknown",
    "MembershipRefused",
    "MessageMisfit",
    "NeverReady",
    "NoAgentInFile",
    "NothingGiven",
    "OffsetMetadataBroken",
    "OffsetsLost",
    "PartitionCountsDiffer",
    "PartitionsFixed",
    "ProducerFenced",
    "ProjectNotFound",
    "RecordRefused",
    "RunbookUnknown",
    "ScaleWrong",
    "SettingUnknown",
    "SeveralAgentsInFile",
    "TaskUnknown",
    "TeamFileFailed",
    "TeamFileMissing",
    "TopicUnknown",
    "TopicsMissing",
    "UsageWrong",
    "WillNotStop",
    "every_error",
    "message_parts",
]
