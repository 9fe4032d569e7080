"""What can be wrong with the steps of a handler."""

from typing import ClassVar

from handrail.errors.root import FailureClass, HandrailError


class Diverged(HandrailError):
    """Agent {agent}, run again, took another step than the recorded one: {what_differs}.

    Why: {because}. A step that is recorded is never carried out again, so a handler that is run
    again has to ask for the same steps in the same order.
    Do: handrail dead list    the handoff with this reason
    handrail runbook HR-STEP-001    how to change an agent while handoffs are being carried out
    """

    code: ClassVar[str] = "HR-STEP-001"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class ForeignTask(HandrailError):
    """{step} was asked for in the asyncio task {task}, which is not the handler's own.

    Why: the steps of a handler are numbered in the order in which it asks for them, and tasks run
    in an order that nobody can repeat.
    Do: await ctx.gather(first, second)    in place of asyncio.gather, wait_for or create_task
    handrail runbook HR-STEP-002    how steps run side by side
    """

    code: ClassVar[str] = "HR-STEP-002"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class StepInvalid(HandrailError):
    """{step} cannot be a step: {detail}

    Why: a step is recorded and played back, so what it is, what it does and what it gives have to
    be known before it begins.
    Do: {cure}
    """

    code: ClassVar[str] = "HR-STEP-003"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class StepFailed(HandrailError):
    """Step `{name}` failed with {kind}: {detail}

    Why: this is the record of an error whose class cannot be made again from its record, so the
    handler sees this one in its place, in every run.
    Do: handrail runbook HR-STEP-004    how an error class can be recorded
    """

    code: ClassVar[str] = "HR-STEP-004"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class StepInDoubt(HandrailError):
    """Nobody can know whether step {path}, {shown}, has happened; it is not carried out again.

    Why: it was begun at {since}, its process ended before the outcome was recorded, and its
    effect is {effect}: {because}.
    Do: handrail doubt resolve {task}    once you have found out: --happened or --did-not-happen
    handrail runbook HR-STEP-005    how to find out
    """

    code: ClassVar[str] = "HR-STEP-005"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class TaskStopped(HandrailError):
    """Task {task} was canceled by {by}: no further step of it begins.

    Why: a person asked that it stop. A step that had begun may end; its outcome is not used.
    Do: handrail show {task}    how far it had come
    handrail runbook HR-STEP-006    what a handler may still do, and what it may not
    """

    code: ClassVar[str] = "HR-STEP-006"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL
