"""What can go wrong while processes are started, watched and stopped."""

from typing import ClassVar

from handrail.errors.root import FailureClass, HandrailError


class AlreadyUp(HandrailError):
    """This team is already up, under process {pid}.

    Why: one `handrail up` or `handrail dev` supervises a project folder at a time.
    Do: handrail status    what is running
    handrail down    stops it
    """

    code: ClassVar[str] = "HR-UP-001"
    exit_code: ClassVar[int] = 5
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class NeverReady(HandrailError):
    """{name} was not ready within {deadline_s} s.

    Why: {reason}
    Do: handrail logs {name}    what it said
    """

    code: ClassVar[str] = "HR-UP-002"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class CrashLoop(HandrailError):
    """{name} keeps crashing: {exits} exits within {window_s} s.

    Why: its last words were: {last_words}
    Do: handrail logs {name}    everything that it said
    handrail run {name}    starts it alone, in the foreground
    """

    code: ClassVar[str] = "HR-UP-003"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class WillNotStop(HandrailError):
    """Process {pid} of this team did not end within {deadline_s} s.

    Why: an agent may still be finishing work, or the process is stuck.
    Do: handrail status    what is still running
    kill -9 {pid}    ends it at once; nothing is lost or doubled by that
    """

    code: ClassVar[str] = "HR-UP-004"
    exit_code: ClassVar[int] = 6
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class ScaleWrong(HandrailError):
    """`--scale {given}` cannot be carried out.

    Why: {reason}
    Do: handrail up --scale AGENT=2    two processes of that agent
    """

    code: ClassVar[str] = "HR-UP-005"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class StoodStill(HandrailError):
    """This process stood still for {for_s} s and was ended.

    Why: {where} computes or waits without giving way; nothing else of its process runs meanwhile.
    Do: await asyncio.to_thread(function, ...)    for code that waits or computes for long
    handrail dead list    a handoff that does so again and again is set aside
    """

    code: ClassVar[str] = "HR-UP-006"
    exit_code: ClassVar[int] = 6
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL
