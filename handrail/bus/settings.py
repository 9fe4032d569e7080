"""What a project may set in handrail.toml: the one schema, every value with where it comes from.

Flags win over HANDRAIL_* variables, those over handrail.toml, that over the defaults written here.
A key that is not here is an error, so a misspelt one is never silently ignored.
"""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self, cast

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, StringConstraints

from handrail.errors.cli import SettingUnknown
from handrail.wire.limits import PARTS_COUNT_MAX

PARTITIONS_MAX = 1_000
PROCESSES_MAX = 1_000
DAY_S = 86_400.0
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"  #: what Kafka takes in the name of a topic
ADDRESS = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}"

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Bootstrap = Annotated[str, StringConstraints(pattern=rf"^{ADDRESS}(?:,{ADDRESS})*$")]
Processes = Annotated[int, Field(ge=0, le=PROCESSES_MAX)]


class Security(StrEnum):
    """How a connection to the broker is protected; the names are Kafka's."""

    PLAINTEXT = "PLAINTEXT"  #: not at all
    SSL = "SSL"  #: encrypted; the client may show a certificate
    SASL_PLAINTEXT = "SASL_PLAINTEXT"  #: a password, not encrypted
    SASL_SSL = "SASL_SSL"  #: a password over an encrypted connection

    @property
    def encrypted(self) -> bool:
        """Whether the connection is TLS."""
        return self in {Security.SSL, Security.SASL_SSL}

    @property
    def by_password(self) -> bool:
        """Whether the client shows a password."""
        return self in {Security.SASL_PLAINTEXT, Security.SASL_SSL}


class Mechanism(StrEnum):
    """How a password is shown to the broker."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


class Origin(StrEnum):
    """Where a value comes from."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    FILE = "handrail.toml"
    DEFAULT = "default"


class Found(NamedTuple):
    """Where a value was found: the kind of place and the place itself."""

    origin: Origin
    place: str


class Explanation(NamedTuple):
    """Everything about one setting. A secret's value is never shown."""

    key: str
    value: str | None
    origin: Origin
    place: str
    meaning: str
    variable: str


class BrokerSettings(BaseModel):
    """The Kafka cluster that the team works on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bootstrap: Bootstrap | None = Field(
        None,
        description="A Kafka cluster, HOST:PORT[,HOST:PORT…]; left out, a local Kafka is started.",
    )
    security: Security = Field(
        Security.PLAINTEXT,
        description="How the connection is protected: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.",
    )
    tls_ca: Path | None = Field(
        None,
        description="PEM file of the authority that signed the broker's certificate; left out, "
        "the system's authorities are trusted.",
    )
    tls_cert: Path | None = Field(
        None, description="PEM file of the certificate that this team shows to the broker."
    )
    tls_key: Path | None = Field(None, description="PEM file of the key of that certificate.")
    tls_key_password: SecretStr | None = Field(
        None, description="Password of that key; best set by its variable, not in a file."
    )
    sasl_mechanism: Mechanism = Field(
        Mechanism.SCRAM_SHA_512,
        description="How the password is shown: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.",
    )
    sasl_username: str | None = Field(None, description="The user's name at the broker.")
    sasl_password: SecretStr | None = Field(
        None, description="The user's password; best set by its variable, not in a file."
    )
    sasl_password_env: str | None = Field(
        None, description="Name of the variable that holds the password, if it is not this one's."
    )


def _no_cluster() -> BrokerSettings:
    return BrokerSettings.model_validate({})


class Settings(BaseModel):
    """Everything that a project may set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    namespace: Name = Field("handrail", description="First part of the name of every topic.")
    intake: Name | None = Field(
        None,
        description="The topic on which tasks arrive; left out, the one that nobody in the team "
        "writes to or asks on.",
    )
    partitions: int = Field(
        12,
        ge=1,
        le=PARTITIONS_MAX,
        description="Partitions of each inbox; fixed for life once its topic exists.",
    )
    replication: int | None = Field(
        None, ge=1, le=10, description="Copies of each topic; left out, the broker's own default."
    )
    task_deadline_s: float = Field(
        7 * DAY_S,
        gt=0,
        le=365 * DAY_S,
        description="Seconds that a task has when whoever submits it asks for no deadline.",
    )
    drain_s: float = Field(
        120.0,
        ge=0,
        le=DAY_S,
        description="Seconds that acts under way (paid calls, and whatever changes something) have"
        " to finish when a process is told to end. Other running code has two; it is begun again.",
    )
    fan_out_parts_max: int = Field(
        16,
        ge=1,
        le=PARTS_COUNT_MAX,
        description="Most parts that one handler may hand out as a list.",
    )
    broker: BrokerSettings = Field(default_factory=_no_cluster)
    scale: dict[Name, Processes] = Field(
        default_factory=dict[str, int], description="Processes of each agent; those not named: 1."
    )
    documents: dict[Name, Path] = Field(
        default_factory=dict[str, Path],
        description="Collections of documents by name; a path is relative to the project.",
    )

    mcp: dict[Name, dict[str, Any]] = Field(
        default_factory=dict[str, dict[str, Any]],
        description="MCP servers by name, each a table of its own, in the file only.",
    )

    _found: dict[str, Found] = PrivateAttr(default_factory=dict[str, Found])
    _project_dir: Path = PrivateAttr(default_factory=Path.cwd)

    @property
    def project_dir(self) -> Path:
        """The folder these settings belong to."""
        return self._project_dir

    def remembering(self, found: Mapping[str, Found], project_dir: Path) -> Self:
        """Give the same settings, knowing where their values come from."""
        known = self.model_copy()
        known._found = dict(found)  # noqa: SLF001  a copy of our own class, not yet given out
        known._project_dir = project_dir  # noqa: SLF001  the same
        return known

    def origin(self, key: str) -> str:
        """Say where the value of a setting comes from: the kind of place, then the place.

        Raises SettingUnknown.
        """
        explained = self.explain(key)
        if explained.origin in {Origin.DEFAULT, Origin.FILE}:
            return explained.place or explained.origin
        return f"{explained.origin} {explained.place}"

    def explain(self, key: str) -> Explanation:
        """Give everything about one setting, by its dotted key. Raises SettingUnknown."""
        schema = described()
        family = key.partition(".")[0]
        known = schema.get(key) or (schema.get(family) if family in TABLES else None)
        if known is None:
            raise SettingUnknown(wanted=key, known=", ".join(schema))
        found = self._found.get(key, Found(Origin.DEFAULT, ""))
        if key in TABLES:
            within = [place for name, place in self._found.items() if name.startswith(f"{key}.")]
            found = within[0] if within else found
        value = self._value(key)
        return Explanation(key, value, found.origin, found.place, known.meaning, known.variable)

    def every_key(self) -> list[str]:
        """List the dotted key of every setting, in the order of the schema."""
        listed: list[str] = []
        for key in described():
            inside = [f"{key}.{name}" for name in getattr(self, key)] if key in TABLES else []
            listed.extend(inside or [key])
        return listed

    def _value(self, key: str) -> str | None:
        family, dot, name = key.partition(".")
        value: object = self.model_dump()[family]
        if dot:
            value = cast("dict[str, object]", value).get(name)
        if isinstance(value, SecretStr):
            return "(set, not shown)"
        if key in TABLES:
            items = cast("dict[str, object]", value).items()
            return ", ".join(f"{name}={item}" for name, item in items) or None
        return None if value is None else str(value)


class Described(NamedTuple):
    """One setting of the schema."""

    key: str
    default: str
    meaning: str
    variable: str
    secret: bool


#: Variables that are not simply named after their setting; empty for what the file alone says.
VARIABLES = {"broker.bootstrap": "HANDRAIL_BOOTSTRAP", "mcp": ""}
TABLES = frozenset({"scale", "documents", "mcp"})  #: settings whose keys a project chooses itself


def described() -> dict[str, Described]:
    """Give the whole schema by dotted key; the guide's table is checked against it."""
    return {one.key: one for one in _describe(Settings, "")}


def _describe(model: type[BaseModel], prefix: str) -> list[Described]:
    listed: list[Described] = []
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        if key == "broker":
            listed.extend(_describe(BrokerSettings, "broker."))
            continue
        variable = VARIABLES.get(key, f"HANDRAIL_{key.replace('.', '_').upper()}")
        default = "" if key in TABLES or field.default is None else f"{field.default}"
        secret = "SecretStr" in str(field.annotation)
        listed.append(Described(key, default, field.description or "", variable, secret))
    return listed
