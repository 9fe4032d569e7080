"""Gathers a project's settings from flags, variables and handrail.toml, and proves them.

Whatever is wrong is told by the name of the setting and the place that sets it.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import SecretStr, ValidationError

from handrail.bus.settings import TABLES, Found, Origin, Settings, described
from handrail.errors.cli import SettingUnknown
from handrail.errors.settings import (
    SettingMisspelt,
    SettingsClash,
    SettingsUnreadable,
    SettingWrong,
)

FILE_NAME = "handrail.toml"
FILE_BYTES_MAX = 1 << 20

VALUE_CHARS_MAX = 200  #: of a wrong value, as an error tells it


def load_settings(
    project_dir: Path | None,
    overrides: Mapping[str, str],
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Give the settings of a project. `overrides` are flags, by dotted key (`scale.writer`).

    Without a folder there is no file, and paths are relative to the working directory.
    `environment` is the process's own when left out. Raises SettingsUnreadable, SettingMisspelt,
    SettingWrong, SettingsClash; SettingUnknown for a flag.
    """
    folder = (project_dir or Path.cwd()).resolve()
    variables = os.environ if environment is None else environment
    found: dict[str, tuple[Any, Found]] = {}
    if project_dir is not None:
        found.update(_of_file(folder / FILE_NAME))
    found.update(_of_environment(variables))
    found.update(_of_flags(overrides))
    found = {key: value for key, value in found.items() if value[0] is not None}
    places = {key: place for key, (_, place) in found.items()}
    try:
        settings = Settings.model_validate(_nested({key: item[0] for key, item in found.items()}))
    except ValidationError as error:
        raise _wrong(error, found) from error
    settings = _with_password(_with_paths(settings, folder), variables)
    _check_together(settings)
    return settings.remembering(places, folder)


def _of_file(path: Path) -> Iterator[tuple[str, tuple[Any, Found]]]:
    try:
        text = path.read_bytes()[:FILE_BYTES_MAX].decode("utf-8-sig")
        written = tomllib.loads(text)
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsUnreadable(file=path, reason=f"{error}.") from error
    lines = _lines(text)
    for key, value in _flat(written):
        place = f"{FILE_NAME} line {lines[key]}" if key in lines else FILE_NAME
        if key not in described() and key.partition(".")[0] not in TABLES:
            raise _misspelt(key, place, path)
        yield key, (value, Found(Origin.FILE, place))


def _of_environment(variables: Mapping[str, str]) -> Iterator[tuple[str, tuple[Any, Found]]]:
    for key, setting in described().items():
        # A variable that is set to nothing is how containers say that it is not set.
        if text := setting.variable and variables.get(setting.variable):
            place = Found(Origin.ENVIRONMENT, setting.variable)
            if key in TABLES:
                for name, value in _pairs(key, text, setting.variable):
                    yield f"{key}.{name}", (value, place)
            else:
                yield key, (text, place)


def _pairs(key: str, text: str, variable: str) -> Iterator[tuple[str, str]]:
    for pair in text.split(","):
        name, sign, value = pair.strip().partition("=")
        if not sign or not name or not value:
            reason = "it is written as NAME=VALUE, several with a comma between them."
            raise SettingWrong(key=key, value=repr(text), where=variable, reason=reason)
        yield name, value


def _of_flags(overrides: Mapping[str, str]) -> Iterator[tuple[str, tuple[Any, Found]]]:
    flags = {"broker.bootstrap": "--broker"}
    for key, value in overrides.items():
        family, dot, _ = key.partition(".")
        if key not in described() and not (family in TABLES and dot):
            raise SettingUnknown(wanted=key, known=", ".join(described()))
        yield key, (value, Found(Origin.FLAG, flags.get(key, f"--{family.replace('_', '-')}")))


def _flat(written: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in written.items():
        if isinstance(value, dict) and (not prefix and name in {"broker", *TABLES}):
            yield from _flat(cast("dict[str, Any]", value), f"{name}.")
        else:
            yield f"{prefix}{name}", value


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        family, dot, name = key.partition(".")
        if dot:
            inside = nested.setdefault(family, {})
            if isinstance(inside, dict):
                inside[name] = value
        else:
            nested[key] = value
    return nested


def _lines(text: str) -> dict[str, int]:
    """Find the line of each key; a key inside a longer construct may be missed."""
    found: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line):
            table = f"{header[1].strip()}."
        elif key := re.match(r"""\s*["']?([^"'=\s]+)["']?\s*=""", line):
            found.setdefault(f"{table}{key[1]}", number)
    return found


def _misspelt(key: str, place: str, path: Path) -> SettingMisspelt:
    if key == "broker":
        cure = "write [broker] on a line of its own, and bootstrap = … below it"
        reason = "the broker is a table of settings."
        return SettingMisspelt(key=key, where=place, reason=reason, file=path, cure=cure)
    names = {known.rpartition(".")[2]: known for known in described()} | {"broker": "[broker]"}
    near = difflib.get_close_matches(key.rpartition(".")[2], names, n=1)
    meant = names[near[0]] if near else None
    cure = f"write {meant}, if that is what was meant" if meant else "take it out"
    reason = "nothing in Handrail would read it, so it would be silently without effect."
    return SettingMisspelt(key=key, where=place, reason=reason, file=path, cure=cure)


def _wrong(error: ValidationError, found: Mapping[str, tuple[Any, Found]]) -> SettingWrong:
    first = error.errors(include_url=False, include_context=False)[0]
    parts = [str(part) for part in first["loc"] if part != "[key]"]
    key = ".".join(parts[:2]) if parts[0] in {"broker", *TABLES} else parts[0]
    _, place = found.get(key, (None, Found(Origin.DEFAULT, "the default")))
    # What stands in the table of a server may be a token of it.
    secret = parts[0] == "mcp" or (key in described() and described()[key].secret)
    value = "(not shown)" if secret else _shortened(repr(first["input"]))
    return SettingWrong(
        key=key, value=value, where=place.place, reason=_plain(first["type"], first["msg"])
    )


def _shortened(text: str) -> str:
    cut = len(text) - VALUE_CHARS_MAX
    return text if cut <= 0 else f"{text[:VALUE_CHARS_MAX]}… and {cut} characters more"


def _plain(kind: str, said: str) -> str:
    if kind == "string_pattern_mismatch":
        if "[0-9]{1,5}" in said:
            return "an address is HOST:PORT, several with a comma between them."
        return "a name is of letters, digits, dots, dashes and underscores, at most 100."
    return f"{said[0].lower()}{said[1:]}."


def _with_paths(settings: Settings, folder: Path) -> Settings:
    documents = {name: _placed(path, folder) for name, path in settings.documents.items()}
    files = {
        name: _placed(path, folder)
        for name in ("tls_ca", "tls_cert", "tls_key")
        if (path := getattr(settings.broker, name)) is not None
    }
    broker = settings.broker.model_copy(update=files)
    return settings.model_copy(update={"documents": documents, "broker": broker})


def _placed(path: Path, folder: Path) -> Path:
    return folder / path.expanduser()


def _with_password(settings: Settings, variables: Mapping[str, str]) -> Settings:
    named = settings.broker.sasl_password_env
    if named is None:
        return settings
    if not variables.get(named):
        reason = f"sasl_password_env names {named}, and there is no such variable."
        raise SettingsClash(key="broker.sasl_password_env", reason=reason)
    password = SecretStr(variables[named])
    broker = settings.broker.model_copy(update={"sasl_password": password})
    return settings.model_copy(update={"broker": broker})


def _check_together(settings: Settings) -> None:
    broker = settings.broker
    for name in ("tls_ca", "tls_cert", "tls_key"):
        path: Path | None = getattr(broker, name)
        if path is not None and not path.is_file():
            raise SettingsClash(key=f"broker.{name}", reason=f"there is no file {path}.")
        if path is not None and not broker.security.encrypted:
            reason = f"{name} is set, and security {broker.security} does not encrypt."
            raise SettingsClash(key="broker.security", reason=reason)
    if broker.tls_key is not None and broker.tls_cert is None:
        reason = "tls_key is set without its certificate, tls_cert."
        raise SettingsClash(key="broker.tls_cert", reason=reason)
    if broker.security.by_password and (not broker.sasl_username or not broker.sasl_password):
        missing = "sasl_password" if broker.sasl_username else "sasl_username"
        reason = f"security {broker.security} needs a name and a password; {missing} is missing."
        raise SettingsClash(key=f"broker.{missing}", reason=reason)
    if not broker.security.by_password and broker.sasl_username:
        reason = f"sasl_username is set, and security {broker.security} shows no password."
        raise SettingsClash(key="broker.security", reason=reason)
