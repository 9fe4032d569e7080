"""What can go wrong with the sandbox itself; how a call in it ends is an outcome, not an error."""

from typing import ClassVar

from handrail.errors.root import FailureClass, HandrailError


class SandboxBroken(HandrailError):
    """The sandbox does not start.

    Why: {reason}
    Do: handrail doctor    which level of the sandbox holds here, and why not more
    """

    code: ClassVar[str] = "HR-BOX-001"
    failure_class: ClassVar[FailureClass] = FailureClass.TRANSIENT
