"""Loads the tools of a project in the process that forks for the sandbox.

It is named to the sandbox as `OPENS`, so that the room of the rails need not know how a team is
found.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeGuard

from handrail.contract.failure import Refused
from handrail.contract.tool import Tool
from handrail.lane.failure_class import classify
from handrail.rails.sandbox.child import Body, Raised
from handrail.rails.sandbox.sandbox import Setting
from handrail.rails.sandbox.tool_body import of_tool
from handrail.runtime.team_imports import load_file

OPENS = "handrail.runtime.sandboxed_tools:bodies"
#: What lies in a project and is code. Settings, keys and data are not among it.
CODE = ("tools", "topics", "memory", "desk")


def bodies(project: str) -> Callable[[str], Body]:
    """Load every file of `tools/`; gives what finds the body of a tool by its name."""
    folder = Path(project)
    found: dict[str, Body] = {}
    for file in sorted((folder / "tools").glob("*.py")):
        for value in vars(load_file(folder, file)).values():
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


def setting(project: Path) -> Setting:
    """Say what the tools of a project may see: Python, its own code, and no data of anybody."""
    folder = project.resolve()
    reads = [str(folder / name) for name in CODE]
    return Setting(opens=OPENS, project=folder, reads=reads, lists=[str(folder)])
