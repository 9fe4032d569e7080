"""What can go wrong while the files of a team are found and loaded."""

from typing import ClassVar

from handrail.errors.root import FailureClass, HandrailError


class ProjectNotFound(HandrailError):
    """There is no team in {folder}.

    Why: it has neither a folder `agents` with Python files nor a file handrail.toml.
    Do: handrail init my-team    starts a new team
    handrail --project DIR status    names the folder of an existing one
    """

    code: ClassVar[str] = "HR-LOAD-001"
    exit_code: ClassVar[int] = 3
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class TeamFileFailed(HandrailError):
    """{file} could not be loaded.

    Why: line {line}: {kind}: {detail}
    Do: {check}
    handrail agents list    tries again once it is mended
    """

    code: ClassVar[str] = "HR-LOAD-002"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class NoAgentInFile(HandrailError):
    """{file} declares no agent.

    Why: a file in agents/ holds exactly one function marked with @agent(reads=…, writes=…).
    Do: handrail runbook HR-LOAD-003    shows the smallest agent
    """

    code: ClassVar[str] = "HR-LOAD-003"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class SeveralAgentsInFile(HandrailError):
    """{file} declares {count} agents, and a file in agents/ holds one.

    Why: each agent is its own process, scaled and stopped by the name of its file: {names}.
    Do: mv {file} agents/NAME.py    give each agent a file of its own
    """

    code: ClassVar[str] = "HR-LOAD-004"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class AgentUnknown(HandrailError):
    """This team has no agent called {wanted}.

    Why: its agents are {known}.
    Do: handrail agents list    every agent with what it reads and writes
    """

    code: ClassVar[str] = "HR-LOAD-005"
    exit_code: ClassVar[int] = 3
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class TeamFileMissing(HandrailError):
    """There is no Python file {file}.

    Why: {reason}
    Do: handrail agents list    the agents of the team in this folder
    """

    code: ClassVar[str] = "HR-LOAD-006"
    exit_code: ClassVar[int] = 3
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class SeveralAgentsOfOneName(HandrailError):
    """Two agents of this team are called {agent}; the second is in {file}.

    Why: the name of an agent is the name of its consumer group and of its journal.
    Do: rename one of the two functions, or give it @agent(..., name="ANOTHER")
    """

    code: ClassVar[str] = "HR-LOAD-007"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class SeveralToolsOfOneName(HandrailError):
    """Two tools of this team are called {tool}: one in {first}, another in {file}.

    Why: agents, models, rules and approvals know a tool by its name alone.
    Do: rename one of the two functions, or give it @tool(..., name="ANOTHER"); what is meant to be
        one tool is declared in one file, and the others import it from there
    """

    code: ClassVar[str] = "HR-LOAD-008"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL
