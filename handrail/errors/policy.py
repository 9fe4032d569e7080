"""What can be wrong with the policy of a team."""

from typing import ClassVar

from handrail.errors.root import FailureClass, HandrailError


class PolicyInvalid(HandrailError):
    """The policy cannot be used: {detail}.

    Why: {where} says nothing that could be judged by, and nothing runs under rules that nobody
    can read.
    Do: handrail policy check    every rule, and what is wrong with it
    """

    code: ClassVar[str] = "HR-POL-001"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class PolicyNotInstalled(HandrailError):
    """The team has a policy, and the language that it is written in is not installed.

    Why: {reason}; nothing runs under rules that nobody can read.
    Do: pip install cedarpy    in the environment in which the agents run
    """

    code: ClassVar[str] = "HR-POL-002"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class PolicyDenied(HandrailError):
    """The policy of the team does not let {person} have {action} done on {on}: {title}.

    Why: rule {rule}; its state is denied_by_policy
    Do: {remedy}
    handrail policy explain {person!r} {action} {on}    says which rule, and what would help
    """

    code: ClassVar[str] = "HR-POL-003"
    exit_code: ClassVar[int] = 4
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL
