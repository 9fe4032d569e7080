"""Loads the tools of a project in the process that forks for the sandbox.

It is named to the sandbox as `OPENS`, so that the room of the rails need not know how a team is
found.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from handrail.contract.confinement import Level
from handrail.contract.failure import Refused
from handrail.contract.tool import Tool
from handrail.lane.failure_class import classify
from handrail.rails.sandbox.child import Body, Raised
from handrail.rails.sandbox.sandbox import Setting
from handrail.rails.sandbox.tool_body import of_tool
from handrail.runtime.discovery import ToolFiles
from handrail.runtime.team_imports import load_file

OPENS = "handrail.runtime.sandboxed_tools:bodies"
#: What lies in a project and is code. Settings, keys and data are not among it.
CODE = ("tools", "topics", "memory", "desk")


def bodies(project: str, files: Sequence[str]) -> Callable[[str], Body]:
    """Load these files of a project; gives what finds the body of a tool by its name."""
    folder = Path(project)
    found: dict[str, Body] = {}
    for file in files:
        for value in vars(load_file(folder, Path(file))).values():
            if _is_tool(value):
                found[value.name] = _judging(of_tool(value))
    return found.__getitem__


def _judging(body: Body) -> Body:
    """Have the errors of a body judged where they are raised: what they hold stays there."""

    async def judged(call: bytes, secrets: Mapping[str, str]) -> bytes:
        try:
            return await body(call, secrets)
        except (Refused, MemoryError):
            raise
        except Exception as error:
            raise Raised(classify(error).facts()) from error

    return judged


def _is_tool(value: object) -> TypeGuard[Tool[..., Any]]:
    return isinstance(value, Tool)


def setting(tools: Iterable[Tool[..., Any]], declared: ToolFiles) -> Setting:
    """Say what the confined ones of these tools may see: Python, their team's code, no data.

    Loaded are the files that declare them, and what those import: another file of the team may want
    what the process that forks has not, such as the environment of the agents.
    """
    folder = declared.folder.resolve()
    confined = [tool.name for tool in tools if tool.terms.sandbox is not Level.NONE]
    known = {declared.by_name[name].resolve() for name in confined if name in declared.by_name}
    files = sorted(known)
    reads = [str(folder / name) for name in CODE] + [str(file) for file in files]
    return Setting(opens=OPENS, project=folder, files=files, reads=reads, lists=[str(folder)])
