"""Hands the secrets that a tool declares to its body, at the moment of the act and nowhere else.

Guarantees: a secret is read when the act begins, by the tenant of its task; what the body gives
back or raises is cleared of its words before anybody records it; one that is missing, or too short
to be found again, ends the call before the body runs, with the place where it was looked for.
"""

import json
import os
import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar, cast

from handrail.contract.cleared import as_read, cleared, cleared_values, unfindable
from handrail.contract.failure import Refused, State
from handrail.contract.secret_forms import CHARS_MIN, forms
from handrail.contract.tool import Tool

R = TypeVar("R")

SECRET_BYTES_MAX: Final = 64 * 1024
ERRORS_COUNT_MAX: Final = 200  #: that hang together; of more only the first is told
_PART: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_FORM: Final = re.compile(r"secret://([^/]+)/([^/]+)")


class SecretStore(Protocol):
    """Where secrets lie. Asked in threads, at each act, for as long as its body may take."""

    def read(self, tenant: str, name: str) -> str | None:
        """Give one; None when there is none."""
        ...

    def place(self, tenant: str, name: str) -> str:
        """Say where it would have to be, for whoever puts it there."""
        ...


class EnvironmentSecrets:
    """Variables of the process: `HANDRAIL_SECRET_TENANT__NAME`.

    Small letters stand there as capitals, digits as they are, every other character as `_` and its
    two hexadecimal digits, so that no two secrets have one variable.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """Read these variables."""
        self._environment = environment

    def read(self, tenant: str, name: str) -> str | None:
        """Give one without the white space at its end; None when there is none."""
        return as_read(self._environment.get(self._variable(tenant, name), "")) or None

    def place(self, tenant: str, name: str) -> str:
        """Name its variable."""
        return f"the variable {self._variable(tenant, name)}"

    def _variable(self, tenant: str, name: str) -> str:
        return f"HANDRAIL_SECRET_{_as_variable(tenant)}__{_as_variable(name)}"


def _as_variable(part: str) -> str:
    return re.sub(r"[^a-z0-9]", lambda found: f"_{ord(found[0]):02X}", part).upper()


class FolderSecrets:
    """Files of a folder, such as one that a cluster mounts: `TENANT/NAME`."""

    def __init__(self, folder: Path) -> None:
        """Read below this folder."""
        self._folder = folder

    def read(self, tenant: str, name: str) -> str | None:
        """Give one without the white space at its end; None when there is none."""
        try:
            with (self._folder / tenant / name).open("rb") as file:
                return as_read(file.read(SECRET_BYTES_MAX).decode()) or None
        except (OSError, UnicodeDecodeError):
            return None

    def place(self, tenant: str, name: str) -> str:
        """Name its file."""
        return f"the file {self._folder / tenant / name}"


@dataclass(frozen=True, slots=True)
class Lacking:
    """A secret that is declared and not there."""

    tenant: str
    name: str
    place: str  #: where it would have to be


def resolved(tool: Tool[..., Any], tenant: str, store: SecretStore) -> dict[str, str]:
    """Give what a tool declares, by name. Raises Refused (`precondition_failed`)."""
    found: dict[str, str] = {}
    for whose, name in _named(tool, tenant):
        value = as_read(store.read(whose, name) or "")
        if not value:
            where = store.place(whose, name)
            raise Refused(
                State.PRECONDITION_FAILED,
                f"{tool.name} was not called: its secret {name} of {whose} is not there",
                remedy=f"Let an operator put it into {where}.",
            )
        if why := unfindable(value):
            said = f"{tool.name} was not called: its secret {name} of {whose} {why}"
            cure = f"Let an operator put a longer one into {store.place(whose, name)}."
            raise Refused(State.PRECONDITION_FAILED, said, remedy=cure)
        found[name] = value
    return found


def lacking(tool: Tool[..., Any], tenant: str, store: SecretStore) -> list[Lacking]:
    """Give all that a tool declares and that is not there. Raises Refused, for what is no name."""
    named = list(_named(tool, tenant))
    return [
        Lacking(whose, name, store.place(whose, name))
        for whose, name in named
        if not as_read(store.read(whose, name) or "")
    ]


def _named(tool: Tool[..., Any], tenant: str) -> Iterator[tuple[str, str]]:
    for written in tool.terms.secrets:
        matched = _FORM.fullmatch(written)
        whose = "" if matched is None else matched[1].replace("{tenant}", tenant)
        name = "" if matched is None else matched[2]
        if not (_PART.fullmatch(whose) and _PART.fullmatch(name)):
            detail = f"{tool.name}: {written} names no secret of tenant {tenant}"
            raise Refused(State.PRECONDITION_FAILED, detail, remedy="Write secret://TENANT/NAME.")
        yield whose, name


def longest_form(secrets: Mapping[str, str]) -> int:
    """Give how many bytes the longest way takes in which one of these secrets may be written."""
    return max((len(form.encode()) for one in secrets.values() for form in forms(one)), default=0)


def cleared_end(said: bytes, secrets: Mapping[str, str], bytes_max: int) -> str:
    """Give the end of what was printed, cleared, in at most so many characters.

    No part of a secret is left where the text was cut off, at its beginning or at its end.
    `said` is all of it, or its last `bytes_max` bytes and `longest_form` before them.
    """
    begin = max(0, len(said) - bytes_max)
    written = [(form, name) for name, value in secrets.items() for form in forms(value)]
    text = cleared(said[_behind(begin, said, written) :].decode("utf-8", "replace"), secrets)
    ends = [(at, name) for form, name in written if (at := _begun(form, text)) is not None]
    if ends:
        at, name = min(ends)
        text = f"{text[:at]}[secret {name}]"
    return text[-bytes_max:]


def _behind(begin: int, said: bytes, written: Sequence[tuple[str, str]]) -> int:
    """Give the first place from `begin` on that lies in no secret."""
    encoded = [form.encode() for form, _ in written]
    while True:
        ends = [
            at + len(form)
            for form in encoded
            if (at := said.rfind(form, max(0, begin - len(form) + 1), begin + len(form) - 1)) >= 0
        ]
        if not ends:
            return begin
        begin = max(ends)


def _begun(form: str, text: str) -> int | None:
    """Give the place from which a text is the beginning of a form, and no more; None: nowhere."""
    head = form[:CHARS_MIN]
    at = text.find(head, max(0, len(text) - len(form) + 1))
    while at >= 0 and not form.startswith(text[at:]):
        at = text.find(head, at + 1)
    return at if at >= 0 else None


def result_without(tool: Tool[..., R], result: R, secrets: Mapping[str, str]) -> R:
    """Give a result that holds no secret, as the same type; raises Refused (`output_invalid`).

    It may be long: to be called in a thread.
    """
    text = tool.as_record(result).decode()
    value = json.loads(text)
    clear_value = cleared_values(value, secrets)
    clear = text if clear_value is value else json.dumps(clear_value, ensure_ascii=False)
    clear = cleared(clear, secrets)  # one that is JSON itself may be more than a text of it
    if clear == text:
        return result
    try:
        return tool.from_record(clear.encode())
    except ValueError as error:
        named = ", ".join(sorted(secrets))
        said = f"{tool.name}: what it gave back holds a secret ({named}) and was not kept"
        raise Refused(State.OUTPUT_INVALID, said) from error


def error_without(name: str, error: Exception, secrets: Mapping[str, str]) -> Exception:
    """Give an error that says no secret, in no cause or part of it either; the same one if so.

    Its words may be long: to be called in a thread.
    """
    is_clear = _is_clear(error, secrets)
    if isinstance(error, Refused):
        told = _refusal_without(error, secrets)
        # Its title is not among what is printed of it.
        kept = (told.title, told.detail, told.remedy) == (error.title, error.detail, error.remedy)
        return error if is_clear and kept else told
    if is_clear:
        return error
    return _as_cleared(name, error, secrets) or RuntimeError(
        f"{name}: {cleared(f'{type(error).__name__}: {_words(error)}', secrets)}"
    )


def _is_clear(error: BaseException, secrets: Mapping[str, str]) -> bool:
    """Say whether nothing that is reached from an error says a secret, printed or not.

    What Python prints of it leaves out most of a wide or deep group, and what `from None` hides.
    """
    seen: dict[int, BaseException] = {}
    todo = [error]
    try:
        said = ["".join(traceback.format_exception(error))]
        while todo:
            one = todo.pop()
            if id(one) in seen:
                continue
            if len(seen) == ERRORS_COUNT_MAX:
                return False
            seen[id(one)] = one
            said += [*traceback.format_exception_only(one), str(one)]
            if isinstance(one, BaseExceptionGroup):
                todo += cast("BaseExceptionGroup[BaseException]", one).exceptions
            else:
                said.append(repr(one))
            todo += [near for near in (one.__cause__, one.__context__) if near is not None]
    except Exception:  # noqa: BLE001 - words of the team's that cannot be read are not kept
        return False
    return all(cleared(words, secrets) == words for words in said)


def _words(error: Exception) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - as above
        return "its words cannot be read"


def _refusal_without(refused: Refused, secrets: Mapping[str, str]) -> Refused:
    return Refused(
        refused.state,
        cleared(refused.detail, secrets),
        title=cleared(refused.title, secrets),
        remedy=cleared(refused.remedy, secrets),
        retry_after_s=refused.retry_after_s,
        retry=refused.retry,
    )


def _as_cleared(name: str, error: Exception, secrets: Mapping[str, str]) -> Exception | None:
    """Give an error of the same class, by which it is tried again or not; None when none can be."""
    told: list[object]
    make = cast("Callable[..., Exception]", type(error))
    try:
        if isinstance(error, ExceptionGroup):
            parts = cast("ExceptionGroup[Exception]", error).exceptions
            clear = [error_without(name, part, secrets) for part in parts]
            told = [cleared(error.message, secrets), clear]
        else:
            told = [cleared(one, secrets) if isinstance(one, str) else one for one in error.args]
        again = make(*told)
    except Exception:  # noqa: BLE001 - a constructor of the team's; there is another way
        return None
    return again if _is_clear(again, secrets) else None
