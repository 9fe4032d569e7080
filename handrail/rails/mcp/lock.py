"""The file of pins: what people have approved of MCP tools, whole, so that a review shows it.

It belongs into version control. It is written as one JSON document with sorted keys, a line for
each value, so that a change of one word in a description is a change of one line.
"""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import orjson

from handrail.errors.mcp import McpLockUnreadable
from handrail.rails.mcp.definition import Definition
from handrail.rails.mcp.standing import Pin

LOCK = "deploy/mcp.lock"
VERSION = 1
LOCK_BYTES_MAX = 16 << 20

Pins = Mapping[str, Mapping[str, Pin]]  #: server → the server's own name of a tool → pin


def read_pins(project: Path) -> dict[str, dict[str, Pin]]:
    """Read what is pinned; nothing when there is no file. Raises McpLockUnreadable."""
    path = project / LOCK
    try:
        written = orjson.loads(path.read_bytes()[:LOCK_BYTES_MAX])
        if written["version"] != VERSION:
            raise ValueError(f"its version is {written['version']}")
        return {
            server: {name: _pin(one) for name, one in tools.items()}
            for server, tools in written["servers"].items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise McpLockUnreadable(file=path, reason=f"{type(error).__name__}: {error}.") from error


def _pin(written: Mapping[str, Any]) -> Pin:
    definition = Definition.of(cast("Mapping[str, Any]", written["definition"]))
    # Who edits a description by hand has to say so in the digest too, where a review sees it.
    if definition.digest != written["sha256"]:
        raise ValueError(f"the definition of {definition.name} is not the one of its sha256")
    return Pin(definition, written["by"], written["at"], written.get("held"))


class PinsNow:
    """What is pinned now: the file is read again whenever it is another one than before.

    A person's quarantine holds from the next call on, in every process that sees the file.
    """

    def __init__(self, project: Path) -> None:
        """Look at the file of this project. Raises McpLockUnreadable."""
        self._project = project
        self._seen = self._sign()
        self._pins = read_pins(project)

    def of(self, server: str, tool: str) -> Pin | None:
        """Give the pin of a tool, by the server's own name. Raises McpLockUnreadable."""
        seen = self._sign()
        if seen != self._seen:
            self._pins = read_pins(self._project)
            # What could not be read is read again at the next call, and refuses until then.
            self._seen = seen
        return self._pins.get(server, {}).get(tool)

    def _sign(self) -> tuple[int, int, int] | None:
        try:
            found = (self._project / LOCK).stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            path = self._project / LOCK
            reason = f"{type(error).__name__}: {error}."
            raise McpLockUnreadable(file=path, reason=reason) from error
        return found.st_mtime_ns, found.st_size, found.st_ino


def write_pins(project: Path, pins: Pins) -> Path:
    """Write what is pinned, all or nothing. Raises OSError."""
    path = project / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    servers = {
        server: {name: _written(pin) for name, pin in tools.items()}
        for server, tools in pins.items()
    }
    text = orjson.dumps(
        {"version": VERSION, "servers": servers},
        option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE,
    )
    descriptor, spare = tempfile.mkstemp(dir=path.parent, prefix=".mcp-lock-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
        Path(spare).chmod(0o644)
        Path(spare).replace(path)
    except OSError:
        Path(spare).unlink(missing_ok=True)
        raise
    return path


def _written(pin: Pin) -> dict[str, Any]:
    beside = {} if pin.held is None else {"held": pin.held}
    return {
        "sha256": pin.definition.digest,
        "definition": asdict(pin.definition),
        "by": pin.by,
        "at": pin.at,
        **beside,
    }
