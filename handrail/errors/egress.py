"""Why an address outside is not connected to."""

from typing import ClassVar

from handrail.errors.root import FailureClass, HandrailError


class EgressRefused(HandrailError):
    """A connection to {host}:{port} was refused.

    Why: {reason}
    Do: $EDITOR handrail.toml    add it to the `egress` of whoever shall reach it
    """

    code: ClassVar[str] = "HR-EGR-001"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class EgressInvalid(HandrailError):
    """The address {entry} in an `egress` list is none.

    Why: {reason}
    Do: $EDITOR handrail.toml    write HOST:PORT, *.DOMAIN:PORT or private:HOST:PORT
    """

    code: ClassVar[str] = "HR-EGR-002"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL
