"""What can go wrong with the keys of subjects, and with forgetting somebody."""

from typing import ClassVar

from handrail.errors.root import FailureClass, HandrailError


class KeysUnusable(HandrailError):
    """The file {path}, which holds the keys of subjects, cannot be used, and was left as it is.

    Why: {reason}
    Do: stop every process of the team, put the newest backup of this file in its place, and start
    handrail runbook HR-KEY-001    what is lost without it, and what is not
    """

    code: ClassVar[str] = "HR-KEY-001"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class SubjectHeld(HandrailError):
    """{subject} is not forgotten: {by} has put them on hold on {since}.

    Why: {reason}
    Do: handrail memory release {subject}    when the reason has gone; then forget again
    """

    code: ClassVar[str] = "HR-KEY-002"
    exit_code: ClassVar[int] = 4
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class SealBroken(HandrailError):
    """A sealed value of {space}/{key} cannot be opened.

    Why: {reason}
    Do: handrail memory history {space} {key}    who has written it, and when
    handrail runbook HR-KEY-003    what a sealed value is bound to
    """

    code: ClassVar[str] = "HR-KEY-003"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class ErasureUnfinished(HandrailError):
    """The key of {subject} is destroyed, but its old bytes could not be cleared from {path} yet.

    Why: another process was reading that file all the while.
    Do: handrail memory forget {subject}    again; what is done already is not done twice
    handrail runbook HR-KEY-004    how to see who reads it
    """

    code: ClassVar[str] = "HR-KEY-004"
    failure_class: ClassVar[FailureClass] = FailureClass.TRANSIENT


class KeeperRefused(HandrailError):
    """The keeper of memory has refused to {op} {subject}: {sentence}

    Why: the keeper decides what is removed. {state}
    Do: {cure}
    handrail runbook HR-KEY-006    what is done already, and what is not
    """

    code: ClassVar[str] = "HR-KEY-006"
    exit_code: ClassVar[int] = 4
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class KeysNotInstalled(HandrailError):
    """The store of the keys of subjects {named} cannot be used.

    Why: {reason}
    Do: export HANDRAIL_SUBJECT_KEYS=my_keys:open_store    what is called without arguments
    unset HANDRAIL_SUBJECT_KEYS    uses the file in .handrail/keys
    """

    code: ClassVar[str] = "HR-KEY-005"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL
