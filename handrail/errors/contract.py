"""What can be wrong with what a team declares; found before the first message is read."""

from typing import ClassVar

from handrail.errors.root import FailureClass, HandrailError


class DeclarationInvalid(HandrailError):
    """A declaration of the team cannot hold: {detail}.

    Do: {cure}
    """

    code: ClassVar[str] = "HR-TEAM-001"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class TopicInvalid(DeclarationInvalid):
    """The topic {topic} cannot be declared: {detail}.

    Do: {cure}
    """

    code: ClassVar[str] = "HR-TEAM-002"


class AgentInvalid(DeclarationInvalid):
    """The agent {agent} cannot be declared: {detail}.

    Do: {cure}
    """

    code: ClassVar[str] = "HR-TEAM-003"


class ToolInvalid(DeclarationInvalid):
    """The tool {tool} cannot be registered: {detail}.

    Why: a contract is checked whole before the first call; nothing in it is guessed or passed over.
    Do: {cure}
    """

    code: ClassVar[str] = "HR-TEAM-004"


class TeamInvalid(DeclarationInvalid):
    """The team cannot work as it is declared: {summary}.

    Do: {cure}
    """

    code: ClassVar[str] = "HR-TEAM-005"


class NotSendable(DeclarationInvalid):
    """What is of type {given} cannot be sent on topic {topic}.

    Why: the topic carries {known}.
    Do: return one of these, or declare the other topic in `writes=` of the agent
    """

    code: ClassVar[str] = "HR-TEAM-006"


class KeyInvalid(DeclarationInvalid):
    """The key of a message on topic {topic} cannot be used: {detail}.

    Do: let `key=` of the topic give a non-empty text of at most {limit} bytes
    """

    code: ClassVar[str] = "HR-TEAM-007"
