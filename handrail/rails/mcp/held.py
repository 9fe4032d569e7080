"""What an MCP server is given that nobody else may read, so that it is found in what it says.

A server may say its token, or what it was started with, in a result as in an error. A variable is
taken for a secret when its name says so or its value holds a password, unless every process has it
or the operator has said that it is none. A short one is looked for where it stands as a word: it is
no reason to refuse a server, and within other words it would be found where it is not. What a
server says is cleared as it will be read: once what nobody sees in it is taken out.
"""

import os
import re
from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import unquote

from handrail.contract.cleared import as_read, cleared_values, cleared_words
from handrail.contract.secret_forms import CHARS_MIN, Word
from handrail.rails.mcp.answer import visible
from handrail.rails.mcp.definition import without_hidden
from handrail.rails.mcp.server import McpServer
from handrail.rails.secrets import longest_form

WITHIN_WORDS_CHARS_MIN: Final = 8  #: a shorter one is a part of other words by chance
LOOKED_AT_CHARS: Final = 256 * 1024  #: of the words of an error; less than 1 KiB is shown
USUAL: Final = frozenset(
    {"HOME", "LANG", "LOGNAME", "OLDPWD", "PATH", "PWD", "SHELL", "TERM", "TMPDIR", "TZ", "USER"}
)
#: What the name of a secret has a part that ends in, as in `GITHUB_TOKEN` and `PGPASSWORD`.
_SECRET: Final = re.compile(
    "(?:TOKEN|KEY|SECRET|PASS|PASSWORD|PASSWD|PASSPHRASE|PWD|PW|CREDENTIAL|CRED|AUTH|AUTHORIZATION"
    "|COOKIE|BEARER|JWT|PAT|DSN|SIGNATURE|SALT)S?$"
)
#: How a feature is switched, whatever the variable is named.
_SWITCHED: Final = frozenset(
    {"true", "false", "none", "null", "auto", "basic", "bearer", "digest", "always", "never"}
)
_PASSWORD_IN_URL: Final = re.compile(r"://[^/@\s]*:([^/\s]+)@")


def token_of(server: McpServer, environment: Mapping[str, str] = os.environ) -> str:
    """Give its bearer token, without the white space at its end; empty when there is none."""
    return as_read(environment.get(server.token_env or "", ""))


def secrets_of(server: McpServer, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Give what it is told and nobody else may read, by variable, and passwords of its URLs."""
    found: dict[str, str] = {}
    for name in server.env:
        value = as_read(environment.get(name, ""))
        if name in USUAL or name in server.env_shown or len(value) < CHARS_MIN:
            continue
        within = _PASSWORD_IN_URL.search(value)
        if within or (_says_secret(name) and not _is_setting(name, value)):
            found[name] = _sought(value)
        if within and len(password := unquote(within[1])) >= CHARS_MIN:
            found[f"{name} password"] = _sought(password)
    if server.token_env and (token := token_of(server, environment)):
        found[server.token_env] = token
    return found


def _says_secret(name: str) -> bool:
    return any(_SECRET.search(part) for part in _parts(name))


def _parts(name: str) -> list[str]:
    return [part for part in re.split(r"[^A-Z]+", name.upper()) if part]


def _is_setting(name: str, value: str) -> bool:
    """Say whether a short value is about a secret, as in `USE_AUTH=true` and `TOKEN_TTL=3600`."""
    if len(value) >= WITHIN_WORDS_CHARS_MIN:
        return False
    last = _parts(name)[-1]
    is_named_last = bool(_SECRET.search(last)) and not last.endswith(("TOKENS", "KEYS"))
    return value.lower() in _SWITCHED or (value.isdigit() and not is_named_last)


def _sought(value: str) -> str:
    return value if len(value) >= WITHIN_WORDS_CHARS_MIN else Word(value)


def words_without(said: str, secrets: Mapping[str, str]) -> str:
    """Give the words of a server in an error, visible and cleared; of long ones the beginning."""
    seen = without_hidden(said[:LOOKED_AT_CHARS])
    clear = cleared_words(seen, secrets)
    if len(said) <= LOOKED_AT_CHARS:
        return clear
    # A secret that is cut off is no longer found; its part at the end goes too.
    return clear[: max(0, len(clear) - longest_form(secrets))]


def values_without(value: dict[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """Give a result, visible and cleared. It may be long: to be called in a thread."""
    return cast("dict[str, Any]", cleared_values(visible(value), secrets))
