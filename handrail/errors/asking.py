"""What can be wrong with a question to another agent or to a person, and with waiting."""

from typing import ClassVar

from handrail.errors.root import FailureClass, HandrailError


class AskInvalid(HandrailError):
    """{step} cannot be asked like this: {detail}

    Why: a question is recorded and answered by somebody else, perhaps in days, so its topic, its
    key and the type of its answer have to be known before it is sent.
    Do: {cure}
    """

    code: ClassVar[str] = "HR-ASK-001"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class QuestionFailed(HandrailError):
    """The question {step} was not answered: {agent} gave it up ({reason}): {sentence}

    Why: a question that dies, is refused or is canceled ends as a failed answer, so that nobody
    waits for it. Its dead letter: {dead_letter}
    Do: except QuestionFailed    around the question, where the asking handler can go on without it
    handrail dead list    the question with its reason
    """

    code: ClassVar[str] = "HR-ASK-002"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class NoAnswerInTime(QuestionFailed):
    """The question {step} was not answered within {within}; whoever was asked may still do so.

    Why: the asking handler waits no longer than it said, or than its task has time. A later answer
    is not used.
    Do: within_s=    give the question as much time as its answer may take
    handrail runbook HR-ASK-003    how long an answer takes, and how to wait for longer
    """

    code: ClassVar[str] = "HR-ASK-003"


class AskCycle(QuestionFailed):
    """The question {step} would wait behind its own asker: {chain}.

    Why: questions of one key on one topic are answered one after the other, and one of those who
    wait for this answer holds that key. Nobody would ever be answered.
    Do: ask without key=, or with another one    unless the answers have to come in order
    handrail runbook HR-ASK-004    how such a circle comes about
    """

    code: ClassVar[str] = "HR-ASK-004"


class AnswerUnfit(QuestionFailed):
    """The answer to {step} is not what was asked for: {detail}

    Why: an answer is checked against the type that the asking handler has named, as its code says
    it now.
    Do: give new fields a default    in the type that is asked for, so that older answers fit
    handrail runbook HR-ASK-005    how two versions of a type can stand side by side
    """

    code: ClassVar[str] = "HR-ASK-005"


class NoLongerAwaited(QuestionFailed):
    """Its handler stopped waiting for {step}, for instance by a timeout of its own.

    Why: that somebody stopped waiting is recorded as the end of the step; what comes later is not
    used.
    Do: give `within_s=` to the step in place of a timeout around it
    handrail runbook HR-ASK-006    how waiting can be bounded
    """

    code: ClassVar[str] = "HR-ASK-006"


class RequestUnknown(HandrailError):
    """Nobody waits for an answer of a person to {wanted}.

    Why: {reason}
    Do: handrail people    everything that waits for a person
    """

    code: ClassVar[str] = "HR-ASK-007"
    exit_code: ClassVar[int] = 3
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class AnswerRefused(HandrailError):
    """This is no answer to the question: {detail}

    Why: {asked}
    Do: handrail people    what is asked, and what may be answered
    """

    code: ClassVar[str] = "HR-ASK-008"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class DecisionNotTaken(HandrailError):
    """Not taken: {why}.

    Why: the agent takes only what is asked for, in time, from somebody who may decide it; whoever
    asked for a task approves nothing of it. The request stays open.
    Do: {again}
    handrail people    what waits, for whom, and until when
    """

    code: ClassVar[str] = "HR-ASK-009"
    exit_code: ClassVar[int] = 4
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL
