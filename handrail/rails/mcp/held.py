"""What an MCP server is given that nobody else may read, so that it is found in what it says.

A server may say its token, or what it was started with, in a result as in an error. What it is
given is taken for a secret unless it is short, is a variable that every process has, or the
operator has said that it is none.
"""

import os
from collections.abc import Mapping
from typing import Final

from handrail.contract.cleared import as_read
from handrail.rails.mcp.server import McpServer

VARIABLE_CHARS_MIN: Final = 8  #: a shorter variable is a word like others, such as `true`
USUAL: Final = frozenset(
    {"HOME", "LANG", "LOGNAME", "PATH", "PWD", "SHELL", "TERM", "TMPDIR", "TZ", "USER"}
)


def token_of(server: McpServer, environment: Mapping[str, str] = os.environ) -> str:
    """Give its bearer token, without the white space at its end; empty when there is none."""
    return as_read(environment.get(server.token_env or "", ""))


def secrets_of(server: McpServer, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Give what it is told and nobody else may read, by variable."""
    kept = [name for name in server.env if name not in USUAL and name not in server.env_shown]
    given = {name: as_read(environment.get(name, "")) for name in kept}
    found = {name: value for name, value in given.items() if len(value) >= VARIABLE_CHARS_MIN}
    if server.token_env and (token := token_of(server, environment)):
        found[server.token_env] = token
    return found
