"""What can go wrong between a process and its broker while records are written and read."""

from typing import ClassVar

from handrail.errors.root import FailureClass, HandrailError


class BrokerUnreachable(HandrailError):
    """Cannot reach Kafka at {bootstrap}.

    Why: {reason}
    Do: handrail up    start a local broker
    export HANDRAIL_BOOTSTRAP=HOST:PORT    or point at your cluster
    """

    code: ClassVar[str] = "HR-NET-001"
    exit_code: ClassVar[int] = 8
    failure_class: ClassVar[FailureClass] = FailureClass.OUTAGE


class LocalBrokerAway(BrokerUnreachable):
    """The local Kafka of this project does not answer yet.

    Why: it is being started by {starter}; what the team has in hand is kept meanwhile.
    Do: handrail status    says when it answers; then try again
    """

    code: ClassVar[str] = "HR-NET-004"
    exit_code: ClassVar[int] = 8
    failure_class: ClassVar[FailureClass] = FailureClass.OUTAGE


class ProducerFenced(HandrailError):
    """Another process has taken over {transactional_id}; nothing was written.

    Why: the partition moved, or this process was silent for longer than its session.
    Do: handrail agents show AGENT    who owns the partition now; the lane gives up by itself
    """

    code: ClassVar[str] = "HR-LANE-001"
    failure_class: ClassVar[FailureClass] = FailureClass.TRANSIENT


class CommitDoubtful(HandrailError):
    """Nobody can know whether the last transaction of {transactional_id} was written.

    Why: {reason}
    Do: handrail status    the lane reopens by itself and reads back what was written
    """

    code: ClassVar[str] = "HR-LANE-002"
    failure_class: ClassVar[FailureClass] = FailureClass.TRANSIENT


class RecordRefused(HandrailError):
    """The broker refused a record for topic {topic}.

    Why: {reason}
    Do: handrail topics plan    whether the topic exists and has the settings it needs
    """

    code: ClassVar[str] = "HR-LANE-003"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class TopicAway(RecordRefused):
    """Nothing can be written to the topic {topic} now.

    Why: {reason}
    Do: handrail topics plan    whether it is there; what is to be written waits until it can be
    """

    code: ClassVar[str] = "HR-LANE-018"
    failure_class: ClassVar[FailureClass] = FailureClass.OUTAGE


class MembershipRefused(HandrailError):
    """The group {group} no longer counts this process as the owner of {where}.

    Why: {reason}
    Do: handrail agents show AGENT    who owns the partition now; the lane gives it up by itself
    """

    code: ClassVar[str] = "HR-LANE-004"
    failure_class: ClassVar[FailureClass] = FailureClass.TRANSIENT


class AdminRefused(HandrailError):
    """The broker refused a change: {what_failed}.

    Why: {reason}
    Do: handrail topics plan -o sh    what the cluster's owner would have to run
    """

    code: ClassVar[str] = "HR-NET-002"
    exit_code: ClassVar[int] = 4
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class AiokafkaUnchecked(HandrailError):
    """aiokafka {version} is installed, and Handrail was checked with {checked} only.

    Why: exactly-once depends on how the client behaves in detail, so an unchecked version could
    lose or double work without a sign.
    Do: pip install --force-reinstall handrail    installs the version that was checked
    """

    code: ClassVar[str] = "HR-NET-003"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class AssertsMissing(HandrailError):
    """Python runs without its asserts, and what speaks to Kafka here cannot do without them.

    Why: aiokafka notices by its asserts that a transaction has gone wrong; without them
    (`python -O`, PYTHONOPTIMIZE) work could be lost or done twice without a sign.
    Do: unset PYTHONOPTIMIZE    and start Python without -O and -OO
    """

    code: ClassVar[str] = "HR-NET-005"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL
