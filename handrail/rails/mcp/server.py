"""What an operator declares of an MCP server in handrail.toml, below `[mcp.NAME]`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, cast
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from handrail.contract.effect import Effect
from handrail.contract.explain import invalid_in_words
from handrail.contract.remote import default_approval
from handrail.contract.terms import Approval
from handrail.errors.egress import EgressInvalid
from handrail.errors.settings import SettingWrong
from handrail.rails.egress import Egress

NAME_CHARS_MAX = 24
PORTS = {"http": 80, "https": 443}
Text = Annotated[str, StringConstraints(min_length=1, max_length=4_096)]
NAME_PATTERN = rf"^[a-z][a-z0-9_]{{0,{NAME_CHARS_MAX - 1}}}$"
ServerName = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
#: Both ends of the protocol that the client speaks; `auto` asks the server.
Spec = Literal["auto", "2025-11-25", "2026-07-28"]


class McpServer(BaseModel):
    """One server: how it is reached, what it may do, and how much of it is believed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ServerName
    command: tuple[Text, ...] = ()  #: started here, spoken to over its standard input and output
    url: Text | None = None  #: reached over streamable HTTP
    spec: Spec = "auto"
    env: tuple[Text, ...] = ()  #: names of our variables that a started server gets
    env_shown: tuple[
        Text, ...
    ] = ()  #: those of `env` that are no secrets, and may be read in results
    token_env: Text | None = None  #: name of the variable that holds a bearer token for the URL
    egress: tuple[Text, ...] = ()  #: what the URL may lead to; by default its own host and port
    #: What each tool does to the world. A server's own hints are advice that nobody follows.
    effects: Mapping[str, Effect] = Field(default_factory=dict[str, Effect])
    #: Who has to approve each call of a tool: `anyone`, `role:NAME`, a person, or `none`.
    approval: Mapping[str, Text] = Field(default_factory=dict[str, str])
    #: Whether what its pinned definitions say is believed as the house's own words are.
    words: Literal["untrusted", "trusted"] = "untrusted"
    only: tuple[Text, ...] = ()  #: the tools that are wanted; none: all
    start_s: float = Field(30.0, gt=0, le=600)
    timeout_s: float = Field(30.0, gt=0, le=3_600)
    result_bytes_max: int = Field(256 * 1024, ge=1_024, le=16 << 20)
    listed_s: float = Field(60.0, ge=0, le=86_400)  #: after which its definitions are asked again

    @model_validator(mode="after")
    def _is_reached_in_one_way(self) -> Self:
        if bool(self.command) == (self.url is not None):
            raise ValueError("give either `command` or `url`")
        if self.url is not None:
            found = urlsplit(self.url)
            if found.scheme not in PORTS or not found.hostname or found.username:
                raise ValueError("`url` is https://HOST[:PORT]/PATH, without a name or password")
            if self.env:
                raise ValueError("`env` is for servers that are started by `command`")
        elif self.token_env or self.egress:
            raise ValueError("`token_env` and `egress` are for servers that are reached by `url`")
        if unknown := [name for name in self.env_shown if name not in self.env]:
            raise ValueError(f"`env_shown` names {unknown[0]}, which `env` does not")
        wrong = [name for name, effect in self.effects.items() if effect in _NEEDS_MORE]
        if wrong:
            raise ValueError(f"effects.{wrong[0]}: use read, paid or unsafe")
        return self

    @property
    def allowed(self) -> Egress:
        """Whom the client may connect to for this server. Raises EgressInvalid."""
        if self.url is None:
            return Egress()
        found = urlsplit(self.url)
        host = f"[{found.hostname}]" if ":" in (found.hostname or "") else found.hostname
        return Egress.of(self.egress or [f"{host}:{found.port or PORTS[found.scheme]}"])

    def effect_of(self, tool: str) -> Effect:
        """Give what the operator has declared; unsafe when nobody has."""
        return self.effects.get(tool, Effect.UNSAFE)

    def approval_of(self, tool: str) -> Approval | None:
        """Say who has to approve each call; anyone for what is unsafe, unless it is declared."""
        by = self.approval.get(tool)
        if by is None:
            return default_approval(self.effect_of(tool))
        return None if by == _NOBODY else Approval(by=by)


_NOBODY = "none"
#: Classes that depend on more than a name, or that no tool has.
_NEEDS_MORE = frozenset({Effect.IDEMPOTENT, Effect.QUERYABLE, Effect.ASK})
_DECLARED = tuple(one.value for one in Effect if one not in _NEEDS_MORE)


def read_servers(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, McpServer]:
    """Read the tables of handrail.toml. Raises SettingWrong with what is wrong."""
    found: dict[str, McpServer] = {}
    for name, table in tables.items():
        _check_effects(name, table)
        try:
            found[name] = McpServer.model_validate({**table, "name": name})
            found[name].allowed  # noqa: B018  what is wrong with it is to be told now
        except ValidationError as error:
            raise _wrong(name, invalid_in_words(error)) from error
        except EgressInvalid as error:
            raise _wrong(name, f"{error.what} {error.why}") from error
    return found


def _check_effects(name: str, table: Mapping[str, Any]) -> None:
    """Say which tool of a server has an effect that cannot be declared. Raises SettingWrong."""
    declared = table.get("effects")
    if not isinstance(declared, Mapping):
        return
    for tool, effect in cast("Mapping[str, object]", declared).items():
        if effect not in _DECLARED:
            reason = (
                f"what a remote tool does is one of {', '.join(_DECLARED)}; a tool that is left out"
                " is unsafe"
            )
            raise _wrong(f"{name}.effects.{tool[:80]}", reason)


def _wrong(key: str, reason: str) -> SettingWrong:
    # The table may hold a token where a name belongs, so no value of it is told.
    said = "what stands there"
    return SettingWrong(key=f"mcp.{key}", value=said, where="handrail.toml", reason=f"{reason}.")
