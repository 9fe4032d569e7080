"""What commands write about what people are asked, as the published schema has it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DoubtRow:
    """A step of which nobody knows whether it happened."""

    task: str
    step: str
    agent: str
    act: str | None  #: the tool or function that was begun
    asked: str
    text: str


@dataclass(frozen=True, slots=True)
class RequestRow:
    """Something that a person is asked for."""

    task: str
    step: str
    kind: str  #: question, doubt, approval or budget
    agent: str
    asked: str
    expires: str | None
    text: str
    command: str  #: what to type to go on with it
    by: str = "anyone"  #: who may decide
    otherwise: str | None = None  #: what to type for the other way, where there are two
    act: str | None = None  #: of an approval: what would be done, with every argument
    reason: str | None = None  #: of an approval: why this act needs one, where rules ask for it
    free: list[str] | None = None  #: of an approval: arguments in which further calls may differ
    for_task: str | None = None  #: of an approval: what --for-task lets go on as well, in words
