"""What can go wrong with a file that the engine keeps on this machine."""

from typing import ClassVar

from handrail.errors.root import FailureClass, HandrailError


class StoreDamaged(HandrailError):
    """The file {path} is damaged.

    Why: {reason}
    Do: mv {path} {path}.damaged    set it aside; what it held is read from Kafka again
    handrail list    builds a new one
    """

    code: ClassVar[str] = "HR-STORE-001"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class StoreTooNew(HandrailError):
    """The file {path} was written by a newer Handrail.

    Why: its layout is number {found}, and this version knows layouts up to {known}.
    Do: pip install --upgrade handrail    use the newer version here too
    rm {path}    or let this version build its own from Kafka again
    """

    code: ClassVar[str] = "HR-STORE-002"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class StoreUnusable(HandrailError):
    """Cannot use the file {path}.

    Why: {reason}
    Do: df -h {folder}    is the disk full?
    ls -ld {folder}    may this user write there?
    """

    code: ClassVar[str] = "HR-STORE-003"
    failure_class: ClassVar[FailureClass] = FailureClass.TRANSIENT
