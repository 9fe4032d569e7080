"""What can be wrong between the topics that a team needs and those that the broker has."""

from typing import ClassVar

from handrail.errors.root import FailureClass, HandrailError


class PartitionsFixed(HandrailError):
    """Topic {topic} has {found} partitions and should have {wanted}; nothing was changed.

    Why: a partition count is fixed for life: with another count the keys would land on other
    partitions, and an agent's inbox, answers, journal and dead letters would no longer match.
    Do: handrail config explain partitions    where the wanted count comes from
    handrail runbook HR-PLAN-001    which topics of memory can be given more without harm
    handrail --namespace NEW_NAME topics apply    starts a fresh set of topics
    """

    code: ClassVar[str] = "HR-PLAN-001"
    exit_code: ClassVar[int] = 5
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class TopicsMissing(HandrailError):
    """{count} topics that this team needs are not on the broker: {topics}.

    Why: nothing is created behind your back.
    Do: handrail topics plan    what differs, in words
    handrail topics apply    makes it so
    """

    code: ClassVar[str] = "HR-PLAN-002"
    exit_code: ClassVar[int] = 3
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL
