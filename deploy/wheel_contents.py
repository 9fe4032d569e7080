"""Puts the shipped team and the runbooks into the wheel, beside the engine that hands them out.

They are the very files of the repository, not copies of them: `handrail init` copies the team out
of the wheel, `handrail runbook` reads a page from it. An editable install reads them in place.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: What of the repository goes where in the package.
CONTENTS = {
    "agents": "handrail/team_template/agents",
    "topics": "handrail/team_template/topics",
    "tools": "handrail/team_template/tools",
    "memory": "handrail/team_template/memory",
    "desk": "handrail/team_template/desk",
    "handrail.toml": "handrail/team_template/handrail.toml",
    "docs/runbooks": "handrail/runbooks",
}


class WheelContents(BuildHookInterface):  # type: ignore[type-arg]  # the config is the builder's
    """Adds the files of `CONTENTS` to a standard wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """List the files one by one, so that no cache of an interpreter is shipped with them."""
        if version == "editable":
            return
        root = Path(self.root)
        for source, target in CONTENTS.items():
            for path in [root / source, *sorted((root / source).rglob("*"))]:
                if path.is_file() and "__pycache__" not in path.parts:
                    inside = path.relative_to(root / source).as_posix()
                    build_data["force_include"][str(path)] = (
                        target if inside == "." else f"{target}/{inside}"
                    )
