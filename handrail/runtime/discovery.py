"""Finds the files of a team and loads what they declare.

A team is a project folder with `agents/*.py`, each holding one agent, and its `topics/*.py`,
`memory/*.py` and `tools/*.py`; or a single file that holds one agent or more. Files are loaded by
path, in the order of their names; a file whose name begins with an underscore is left out. What a
file raises is shown with the frames of the team's own files only.
"""

import difflib
import traceback
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

from handrail.contract.agent import Agent
from handrail.contract.memory import Memory, is_memory
from handrail.contract.team import TeamDescription
from handrail.contract.tool import Tool
from handrail.contract.topic import Topic
from handrail.errors import (
    AgentUnknown,
    HandrailError,
    NoAgentInFile,
    ProjectNotFound,
    SeveralAgentsInFile,
    SeveralAgentsOfOneName,
    SeveralToolsOfOneName,
    TeamFileFailed,
    TeamFileMissing,
)
from handrail.runtime.team_imports import INSTALLED, load_file, open_project


@dataclass(frozen=True, slots=True)
class ToolFiles:
    """Which files declare the tools of a team, for a process that loads them too."""

    folder: Path  #: in which the files know one another
    by_name: Mapping[str, Path] = field(default_factory=dict[str, Path])


@dataclass(frozen=True, slots=True)
class LoadedTeam:
    """What the files of a project folder declare, and which file declares which agent."""

    folder: Path
    agents: Mapping[str, Agent[..., Any]]
    files: Mapping[str, Path]  #: agent → its file
    topics: Mapping[str, Topic[Any, Any]]
    tools: Mapping[str, Tool[..., Any]]
    tool_files: ToolFiles
    spaces: Mapping[str, Memory[Any]] = field(default_factory=dict[str, Memory[Any]])

    def description(self, *, intake: str | None = None) -> TeamDescription:
        """Give the team as a whole, not checked yet."""
        return TeamDescription(
            self.agents.values(),
            tools=self.tools.values(),
            topics=self.topics.values(),
            spaces=self.spaces.values(),
            intake=intake,
        )

    def chosen(self, names: Iterable[str]) -> list[Agent[..., Any]]:
        """Give the agents of these names; raises AgentUnknown, with the nearest name there is."""
        found: list[Agent[..., Any]] = []
        for name in names:
            if name not in self.agents:
                near = difflib.get_close_matches(name, self.agents, n=1)
                meant = f"; the nearest is {near[0]}" if near else ""
                raise AgentUnknown(wanted=name, known=", ".join(self.agents) + meant)
            found.append(self.agents[name])
        return found


def nearest_project(here: Path) -> Path:
    """Give the nearest folder upwards that holds a team or its settings, else the folder itself."""
    for folder in (here, *here.parents):
        if (folder / "handrail.toml").is_file() or any((folder / "agents").glob("*.py")):
            return folder
    return here


def load_team(project: Path) -> LoadedTeam:
    """Load everything that a project folder declares.

    Raises ProjectNotFound, TeamFileFailed, NoAgentInFile, SeveralAgentsInFile, and
    SeveralAgentsOfOneName or SeveralToolsOfOneName, and what a declaration itself raises, with the
    user's own traceback as the fact `traceback`. Whether the parts fit one another is not checked
    here.
    """
    project = project.resolve()
    files = _python_files(project / "agents")
    if not files:
        raise ProjectNotFound(folder=project)
    modules = [
        (_load(project, file), file)
        for folder in ("topics", "memory", "tools")
        for file in _python_files(project / folder)
    ]
    agents: list[tuple[Agent[..., Any], Path]] = []
    for file in files:
        module = _load(project, file)
        found = _agents_of(module)
        if len(found) > 1:
            names = ", ".join(agent.name for agent in found)
            raise SeveralAgentsInFile(file=_shown(project, file), count=len(found), names=names)
        if not found:
            raise NoAgentInFile(file=_shown(project, file))
        agents.append((found[0], file))
        modules.append((module, file))
    return _team(project, agents, modules)


def load_single_file(file: Path) -> LoadedTeam:
    """Load the agents of one file that stands alone; its folder counts as the project.

    Raises TeamFileMissing, TeamFileFailed or NoAgentInFile.
    """
    file = file.resolve()
    if file.suffix != ".py" or not file.is_file():
        reason = "nothing is there." if not file.exists() else "a file of agents ends in .py."
        raise TeamFileMissing(file=file, reason=reason)
    module = _load(file.parent, file)
    agents = _agents_of(module)
    if not agents:
        raise NoAgentInFile(file=file)
    return _team(file.parent, [(agent, file) for agent in agents], [(module, file)])


def _team(
    folder: Path,
    agents: Sequence[tuple[Agent[..., Any], Path]],
    modules: Sequence[tuple[types.ModuleType, Path]],
) -> LoadedTeam:
    declared: list[tuple[Any, Path]] = [
        (value, file) for module, file in modules for value in vars(module).values()
    ]
    values = [value for value, _ in declared]
    by_name: dict[str, Agent[..., Any]] = {}
    for agent, file in agents:
        if agent.name in by_name:
            raise SeveralAgentsOfOneName(agent=agent.name, file=_shown(folder, file))
        by_name[agent.name] = agent
    tool_files: dict[str, Path] = {}
    tools = _tools(folder, declared, tool_files)
    for taker, file in _undoers(tools):
        by_name.setdefault(taker.name, taker)
        agents = [*agents, (taker, file)]
    named = [topic for agent, _ in agents for topic in (agent.reads, *agent.writes)]
    topics: dict[str, Topic[Any, Any]] = {}
    for value in (*values, *named):
        if _is_topic(value):
            topics[value.name] = value
    return LoadedTeam(
        folder=folder,
        agents=by_name,
        files={agent.name: file for agent, file in agents},
        topics={name: topic for name, topic in topics.items() if not topic.is_open},
        tools=tools,
        tool_files=ToolFiles(folder, tool_files),
        spaces={value.name: value for value in values if is_memory(value)},
    )


def _tools(
    folder: Path, declared: Iterable[tuple[Any, Path]], files: dict[str, Path]
) -> dict[str, Tool[..., Any]]:
    """Give the tools, and in `files` the first one in which each stands: others have imported it.

    Raises SeveralToolsOfOneName.
    """
    found: dict[str, Tool[..., Any]] = {}
    for value, file in declared:
        if not _is_tool(value):
            continue
        if found.setdefault(value.name, value) is not value:
            raise SeveralToolsOfOneName(
                tool=value.name,
                first=_shown(folder, files[value.name]),
                file=_shown(folder, file),
            )
        files.setdefault(value.name, file)
    return found


def _undoers(tools: Mapping[str, Tool[..., Any]]) -> list[tuple[Agent[..., Any], Path]]:
    """Give the agent that takes acts back, where a tool names an undo."""
    if not any(tool.terms.undo for tool in tools.values()):
        return []
    from handrail.runtime import undo  # noqa: PLC0415  it is loaded by teams that have one

    return [(one, Path(undo.__file__)) for one in undo.undoers(tools.values())]


def _python_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*.py") if not file.name.startswith("_"))


def _load(project: Path, file: Path) -> types.ModuleType:
    package = open_project(project)
    try:
        return load_file(project, file)
    except HandrailError as error:
        error.facts["traceback"] = own_traceback(error, project, package)
        raise
    except Exception as error:
        own = traceback.extract_tb(error.__traceback__)
        line = error.lineno if isinstance(error, SyntaxError) else _last_own(own, project)
        detail = str(error).replace(f"{package}.", "") or "(no message)"
        raise TeamFileFailed(
            file=_shown(project, file),
            line=line or "(unknown)",
            kind=type(error).__name__,
            detail=detail,
            check=_check(error, _shown(project, file)),
            traceback=own_traceback(error, project, package),
        ) from error


def _check(error: Exception, file: str) -> str:
    """Give the command that finds it alone; only Python's own syntax has one."""
    alone = isinstance(error, SyntaxError)
    return f"python -m py_compile {file}    checks its syntax alone" if alone else ""


def own_traceback(error: BaseException, project: Path, package: str) -> str:
    """Give the traceback of an exception, trimmed to the frames in files of the project."""
    whole = traceback.TracebackException.from_exception(error)
    part: traceback.TracebackException | None = whole
    while part is not None:
        own = [frame for frame in part.stack if _is_own(frame.filename, project)]
        part.stack = traceback.StackSummary.from_list(own)
        part = part.__cause__ or (None if part.__suppress_context__ else part.__context__)
    return "".join(whole.format()).replace(f"{package}.", "")


def _last_own(stack: traceback.StackSummary, project: Path) -> int | None:
    lines = [frame.lineno for frame in stack if _is_own(frame.filename, project)]
    return lines[-1] if lines else None


def _is_own(filename: str, project: Path) -> bool:
    path = Path(filename)
    if not path.is_relative_to(project.resolve()) or INSTALLED.intersection(path.parts):
        return False
    return path.parts[len(project.resolve().parts)] != "handrail"


def _agents_of(module: types.ModuleType) -> list[Agent[..., Any]]:
    """Give the agents that a module declares itself, not those that it may have imported."""
    found = [value for value in vars(module).values() if _is_agent(value)]
    own = {id(agent): agent for agent in found if agent.__module__ == module.__name__}
    return list(own.values())


def _is_agent(value: object) -> TypeGuard[Agent[..., Any]]:
    return isinstance(value, Agent)


def _is_topic(value: object) -> TypeGuard[Topic[Any, Any]]:
    return isinstance(value, Topic)


def _is_tool(value: object) -> TypeGuard[Tool[..., Any]]:
    return isinstance(value, Tool)


def _shown(project: Path, file: Path) -> str:
    return str(file.relative_to(project)) if file.is_relative_to(project) else str(file)
