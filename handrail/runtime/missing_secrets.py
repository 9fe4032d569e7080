"""Says which secrets a team would lack when its tools are called, before anybody calls one.

Guarantees: what is said holds the name of a secret and of its place, and never a value; a store
that cannot be asked is said as such. A secret of each tenant is looked for with the default one:
which others there will be nobody knows before their tasks come.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from handrail.contract.failure import Refused
from handrail.contract.tool import Tool
from handrail.rails.mcp.server import McpServer
from handrail.rails.secrets import SecretStore, lacking
from handrail.runtime.worker.place import TENANT_DEFAULT


def missing_secrets(
    tools: Iterable[Tool[..., Any]],
    servers: Mapping[str, McpServer],
    store: SecretStore,
    environment: Mapping[str, str] = os.environ,
) -> list[str]:
    """Give a sentence for each that is missing, by tool and by MCP server."""
    found: list[str] = []
    for tool in sorted(tools, key=lambda one: one.name):
        try:
            for lack in lacking(tool, TENANT_DEFAULT, store):
                said = f"tool {tool.name} needs the secret {lack.name} of {lack.tenant}"
                found.append(f"{said}, which belongs into {lack.place}")
        except Refused as refused:
            found.append(f"tool {tool.name}: {refused.detail}")
        except Exception as error:  # noqa: BLE001 - a store of the team's own; its words may hold one
            said = f"tool {tool.name}: the store of secrets could not be asked"
            found.append(f"{said} ({type(error).__name__})")
    for name, server in sorted(servers.items()):
        wanted = [one for one in (server.token_env, *server.env) if one]
        found += [
            f"MCP server {name} gets the variable {one}, which is not set"
            for one in wanted
            if not environment.get(one)
        ]
    return found
