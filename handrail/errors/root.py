"""The root of every error: what happened, why, what to do now, a code and its runbook.

An error class is its own documentation. Its docstring is the message that a person reads, in
three parts: the first paragraph says what happened, `Why:` says why, and each line under `Do:`
is one thing to do now. `{names}` in braces are filled from the facts given to the constructor.
"""

import inspect
import string
from enum import StrEnum
from typing import ClassVar


class FailureClass(StrEnum):
    """What trying again can do about an error. Every class of error says it of itself."""

    FATAL = "fatal"  #: the same would happen again; a dead letter at once
    TRANSIENT = "transient"  #: may pass by itself soon
    THROTTLED = "throttled"  #: the other side wants fewer calls; uses up no attempt
    OUTAGE = "outage"  #: the other side is not there; work rests until it is back, and no longer


class _Facts(dict[str, object]):
    """Facts for a message; a missing one is shown as unknown and never raises."""

    def __missing__(self, key: str) -> str:
        return "(unknown)"


class HandrailError(Exception):
    """Something in Handrail failed that has no name of its own yet.

    Why: {detail}
    Do: handrail doctor    numbered checks with one fix each
    """

    code: ClassVar[str] = "HR-GEN-001"
    exit_code: ClassVar[int] = 1
    failure_class: ClassVar[FailureClass] = FailureClass.TRANSIENT

    def __init__(self, **facts: object) -> None:
        """Keep the facts as attributes; they fill the braces of the docstring."""
        self.facts = facts
        super().__init__(self.what)

    def __getattr__(self, name: str) -> object:
        """Give a fact by its name; AttributeError when this error does not carry it."""
        facts: dict[str, object] = self.__dict__.get("facts", {})
        try:
            return facts[name]
        except KeyError:
            raise AttributeError(name) from None

    def __reduce__(self) -> tuple[object, ...]:
        """Survive pickling, which would call the constructor with the message alone."""
        return (_rebuild, (type(self), self.facts))

    def _part(self, name: str) -> str:
        return string.Formatter().vformat(message_parts(type(self))[name], (), _Facts(self.facts))

    @property
    def what(self) -> str:
        """One sentence: what happened."""
        return self._part("what")

    @property
    def why(self) -> str:
        """One sentence: why it happened; empty when the first sentence says it."""
        return self._part("why")

    @property
    def do(self) -> tuple[str, ...]:
        """What to do now, one line each."""
        return tuple(line for line in self._part("do").split("\n") if line)

    def __str__(self) -> str:
        """Everything on one line, for logs and for headers of dead letters."""
        parts = [self.what]
        if self.why:
            parts.append(f"Why: {self.why}")
        parts.extend(f"Do: {_flat(line)}" for line in self.do)
        return " ".join([*parts, f"[{self.code}]"])


def _flat(line: str) -> str:
    """Give a line of advice with its note, which two or more blanks separate, in parentheses."""
    command, _, note = line.partition("  ")
    return f"{command} ({note.strip()})" if note else command


def _rebuild(cls: type[HandrailError], facts: dict[str, object]) -> HandrailError:
    return cls(**facts)


def message_parts(cls: type[HandrailError]) -> dict[str, str]:
    """Split the docstring of an error class into `what`, `why` and `do`, placeholders unfilled."""
    parts: dict[str, list[str]] = {"what": [], "why": [], "do": []}
    current = "what"
    for line in inspect.cleandoc(cls.__doc__ or "").split("\n"):
        text = line.strip()
        for label, name in (("Why:", "why"), ("Do:", "do")):
            if text.startswith(label):
                current, text = name, text.removeprefix(label).strip()
        if text:
            parts[current].append(text)
    return {
        "what": " ".join(parts["what"]),
        "why": " ".join(parts["why"]),
        "do": "\n".join(parts["do"]),
    }


def said_by(error: BaseException) -> str:
    """Give the words of an error; of a missing key, which says its key alone, its kind with it."""
    words = str(error).strip()
    return f"{type(error).__name__}: {words}" if isinstance(error, KeyError) and words else words


def every_error(root: type[HandrailError] = HandrailError) -> list[type[HandrailError]]:
    """List every error class that is imported, the root first."""
    found = [root]
    for child in root.__subclasses__():
        found.extend(every_error(child))
    return list(dict.fromkeys(found))
