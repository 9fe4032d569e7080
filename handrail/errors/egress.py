"""Why an address outside is not connected to."""

from typing import ClassVar

from handrail.errors.root import FailureClass, HandrailError


class EgressRefused(HandrailError):
    """A connection to {host}:{port} was refused.

    Why: {reason}
    Do: $EDITOR tools/TOOL.py    add {host}:{port} to the `egress=` of the tool, if that is meant
    $EDITOR handrail.toml    or to the `egress` of [mcp.SERVER], for the tools of a server
    """

    code: ClassVar[str] = "HR-EGR-001"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class EgressInvalid(HandrailError):
    """The address {entry} in an `egress` list is none.

    Why: {reason}
    Do: write HOST:PORT, *.DOMAIN:PORT or private:HOST:PORT    in the tool's file or handrail.toml
    """

    code: ClassVar[str] = "HR-EGR-002"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL
