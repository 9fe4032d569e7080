"""The terms of a tool beside its effect: how far it reaches, who approves, what it may use up.

Every term is a frozen value that is checked when it is made, and every one may be left out. What
is left out is read in the safe way: reaches outside, is not tried again, is confined, has 10 s.
"""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypedDict, cast

from handrail.contract.canonical import sha256_of
from handrail.contract.condition import Condition
from handrail.contract.confinement import Level
from handrail.contract.failure import State
from handrail.contract.quoting import LEFT_CHARS_MAX, WHOLE_CHARS_MAX, side_by_side
from handrail.wire.label import Confidentiality, Integrity, Label

EXPIRES_S_DEFAULT, EXPIRES_S_MAX = 86_400.0, 30 * 86_400.0
TRIES_COUNT_MAX = 10
TEXT_CHARS_MAX = 1_000  #: of the template of an approval's text
QUOTED_COUNT_MAX = 50  #: arguments in that text
assert QUOTED_COUNT_MAX * LEFT_CHARS_MAX < WHOLE_CHARS_MAX - TEXT_CHARS_MAX, "each of them is seen"
COST_MAX = 1e9

_RATE = re.compile(r"([1-9][0-9]{0,6})/(s|min|h|day)")
_RATE_UNITS_MS = {"s": 1_000, "min": 60_000, "h": 3_600_000, "day": 86_400_000}
_DURATION = re.compile(r"P(?:(\d{1,4})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,4})M)?(?:(\d{1,6})S)?)?")
_FIELD = re.compile(r"\{([a-z_][a-z0-9_.]*)\}")
_ANYBODY = "anyone"
OF_CALL = frozenset({"tenant", "task"})  #: what a key may name beside arguments

PRIVATE = "private:"  #: before a destination that may lie in a private network
PORT_MAX = 65_535
DESTINATION = re.compile(r"(\*\.)?([A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):([0-9]{1,5})")


class Reach(StrEnum):
    """How far the effect of a tool goes."""

    NONE = "none"  #: stays within the process
    TENANT = "tenant"  #: changes or reads what belongs to the tenant
    EXTERNAL = "external"  #: leaves the house


@dataclass(frozen=True, slots=True)
class Key:
    """Which arguments make two calls the same act.

    `tenant` and `task` may be named as well, those of the call: a tool that takes an argument of
    such a name cannot have it in its key (ToolInvalid), since it could mean either.
    """

    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        """Name them. Raises ValueError for none."""
        if not names:
            message = "a key names at least one argument"
            raise ValueError(message)
        object.__setattr__(self, "names", names)

    def of(self, tool: str, arguments: Mapping[str, Any], tenant: str, task: str) -> str:
        """Give the key of a call: the same for two calls that are the same act."""
        known = {**arguments, "tenant": tenant, "task": task}
        return sha256_of([tool, tenant, {name: known.get(name) for name in self.names}])


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a call is tried at most, and after which failures; all others are final."""

    max: int
    on: frozenset[State]

    def __init__(self, max: int, on: "frozenset[State] | set[State]") -> None:
        """Raises ValueError for no try, too many, or a state after which nobody may try again.

        A state that is given alone is a text, and would be taken for its letters.
        """
        if set(on) - set(State):
            message = "on= is a set of states, such as {State.DEPENDENCY_UNAVAILABLE}"
            raise ValueError(message)
        unfit = {State.OUTCOME_UNKNOWN, State.PARTIAL} & set(on)
        if max not in range(1, TRIES_COUNT_MAX + 1) or unfit:
            message = f"give 1 to {TRIES_COUNT_MAX} tries, and no state in which it may have acted"
            raise ValueError(message)
        object.__setattr__(self, "max", max)
        object.__setattr__(self, "on", frozenset(on))


@dataclass(frozen=True, slots=True)
class Limit:
    """How many calls at once for one tenant, and how many in a time: `10/min`."""

    per_tenant: int | None = None
    rate: str | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for what cannot be a limit."""
        if self.per_tenant is not None and self.per_tenant < 1:
            message = "per_tenant= is at least 1"
            raise ValueError(message)
        if self.rate is not None and not _RATE.fullmatch(self.rate):
            message = f"rate={self.rate!r} is none: write `10/min`, with s, min, h or day"
            raise ValueError(message)

    @property
    def window(self) -> tuple[int, int] | None:
        """How many calls in how many milliseconds; None for any number."""
        found = _RATE.fullmatch(self.rate or "")
        return None if found is None else (int(found[1]), _RATE_UNITS_MS[found[2]])


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call costs at most, in the currency of the budget."""

    amount: float

    def __post_init__(self) -> None:
        """Raise ValueError for less than nothing."""
        if not 0 <= self.amount < COST_MAX:
            message = f"Cost({self.amount}) is out of bounds"
            raise ValueError(message)

    @property
    def micros(self) -> int:
        """In millionths."""
        return round(self.amount * 1_000_000)


@dataclass(frozen=True, slots=True)
class Approval:
    """Which calls a person has to approve, who may, and until when.

    `when` is a condition on the arguments, such as `amount > 100`; without one every call needs
    it. `by` is `anyone`, `role:NAME` or the name of a person. `text` is what the person reads; it
    may quote arguments as `{amount}`. Whoever asked for the task may approve only with
    `by_asker=True`. Where a person approves for the task (`--for-task`), further calls may differ
    from the one that was shown in the arguments that `free` names, and in no other.
    """

    when: str | None = None
    by: str = _ANYBODY
    expires_s: float = EXPIRES_S_DEFAULT
    text: str = ""
    by_asker: bool = False
    free: Sequence[str] = field(default=(), repr=False)
    condition: Condition | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raise ValueError for what nobody could judge or wait for."""
        if not 0 < self.expires_s <= EXPIRES_S_MAX:
            message = f"expires_s={self.expires_s} is out of bounds: at most {EXPIRES_S_MAX:.0f} s"
            raise ValueError(message)
        if len(self.text) > TEXT_CHARS_MAX or not self.by.strip():
            message = f"by= names somebody, and text= has at most {TEXT_CHARS_MAX} characters"
            raise ValueError(message)
        if len(_FIELD.findall(self.text)) > QUOTED_COUNT_MAX:
            message = f"text= quotes at most {QUOTED_COUNT_MAX} arguments, so that each is seen"
            raise ValueError(message)
        condition = None if self.when is None else Condition.of(self.when)
        object.__setattr__(self, "condition", condition)
        object.__setattr__(self, "free", tuple(self.free))
        if fixed := sorted({*self.free} & self._spoken):
            message = f"free= names {', '.join(fixed)}, which when= judges or text= shows a person"
            raise ValueError(message)

    @property
    def names(self) -> frozenset[str]:
        """The arguments that it speaks of."""
        return self._spoken | {*self.free}

    @property
    def _spoken(self) -> frozenset[str]:
        quoted = {found[1].partition(".")[0] for found in _FIELD.finditer(self.text)}
        judged = self.condition.names if self.condition else frozenset[str]()
        return frozenset[str](quoted) | judged

    def is_needed(self, arguments: Mapping[str, Any]) -> bool:
        """Say whether this call needs it; what cannot be judged does."""
        return self.condition is None or self.condition.holds(arguments)

    def in_words(self, call: str, arguments: Mapping[str, Any]) -> str:
        """Give the text that a person reads; never a word of a model but within the arguments.

        What is more than one word stands in quotation marks, whatever its type, so that nobody
        takes it for ours, and no argument is so long that what comes after it is out of sight.
        """
        if not self.text:
            return f"May this be done: {call}?"
        found = [_found(arguments, one) for one in _FIELD.findall(self.text)]
        words = iter(side_by_side(found, WHOLE_CHARS_MAX - TEXT_CHARS_MAX))
        return _FIELD.sub(lambda _: next(words), self.text)


def _found(arguments: Mapping[str, Any], path: str) -> object:
    value: Any = arguments
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = cast("Mapping[str, Any]", value).get(part)
        else:
            value = getattr(value, part, "?")
    return value


@dataclass(frozen=True, slots=True)
class Example:
    """One call with what it gives, for the page of the tool and for its contract tests."""

    arguments: Mapping[str, Any]
    result: Any = None
    fails: State | None = None  #: the declared failure that it shows, in place of a result


def duration_s(text: object) -> float:
    """Read an ISO 8601 duration of days and smaller, such as `P7D`. Raises ValueError."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None or not any(found.groups()):
        message = f"{text!r} is no duration: write `P7D` or `PT90M`"
        raise ValueError(message)
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolTerms:
    """All terms of one tool, as declared or in the safe way; `declared` names what was said."""

    reach: Reach = Reach.EXTERNAL
    idempotency: Key | None = None
    retry: Retry | None = None
    undo: str | None = None  #: name of the tool that takes an effect back
    undo_within_s: float | None = None
    permission: str | None = None
    approval: Approval | None = None
    limit: Limit | None = None
    cost: Cost | None = None
    secrets: tuple[str, ...] = ()
    sandbox: Level = Level.NONE
    egress: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()
    owner: str | None = None
    inert: tuple[str, ...] = ()  #: arguments that are only kept for people to read
    gives: Integrity | None = None  #: how far what it gives back can be trusted, where that is said
    declared: frozenset[str] = frozenset()

    @property
    def label(self) -> Label:
        """Where what it gives back comes from: from outside, nobody vouches for it."""
        # What belongs to the tenant may have been written by anybody, such as a mailbox or a wiki.
        within = self.reach is Reach.NONE
        usual = Integrity.INTERNAL if within else Integrity.UNTRUSTED
        outside = self.reach is Reach.EXTERNAL
        circle = Confidentiality.PUBLIC if outside else Confidentiality.TENANT
        return Label(self.gives or usual, circle)

    def problem(self, arguments: frozenset[str]) -> tuple[str, str] | None:
        """Say what does not fit a tool with these arguments, and its cure."""
        key = frozenset(self.idempotency.names if self.idempotency else ())
        if twofold := sorted(key & OF_CALL & arguments):
            named = " and ".join(twofold)
            cure = f"in a key {named} is that of the call: give the argument another name"
            return f"its key names {named}, which it takes as well", cure
        of_key = key - OF_CALL
        spoken = self.approval.names if self.approval else frozenset[str]()
        unknown = sorted((of_key | spoken | frozenset(self.inert)) - arguments)
        if unknown:
            known = ", ".join(sorted(arguments)) or "none"
            return f"its terms name {', '.join(unknown)}, which it does not take", f"it has {known}"
        if self.inert and self.reach is Reach.EXTERNAL:
            return (
                "inert= names arguments, and it reaches outside",
                "what leaves the house is no keepsake",
            )
        if self.undo_within_s is not None and self.undo is None:
            return "undo_within= says until when, and undo= does not say by what", "name the tool"
        if (wrong := [one for one in self.secrets if not one.startswith("secret://")]) != []:
            return f"{wrong[0]!r} is no name of a secret", "write secret://TENANT/NAME, no value"
        if (wrong := [one for one in self.egress if not _is_destination(one)]) != []:
            return (
                f"{wrong[0]!r} is no place to send to",
                "write HOST:PORT, *.DOMAIN:PORT or private:HOST:PORT, such as api.example:443",
            )
        return None


def _is_destination(written: str) -> bool:
    found = DESTINATION.fullmatch(written.removeprefix(PRIVATE))
    return found is not None and 0 < int(found[3]) <= PORT_MAX


class Terms(TypedDict, total=False):
    """What `@tool` takes beside effect, time, name and failures; each may be left out."""

    reach: Reach
    idempotency: Key
    retry: Retry
    undo: str
    undo_within: str  #: ISO 8601, such as `P7D`
    permission: str
    approval: Approval
    limit: Limit
    cost: Cost
    secrets: Sequence[str]
    sandbox: Level
    egress: Sequence[str]
    examples: Sequence[Example]
    owner: str
    inert: Sequence[str]  #: arguments that are only kept for people to read, and choose nothing
    gives: Integrity  #: of what it gives back; unless it is said, only reach `none` is internal


#: What `@tool` takes by names of its own.
_BESIDE = ("effect", "timeout_s", "name", "failures", "reconcile")


def unknown_terms(given: Iterable[str]) -> tuple[str, str] | None:
    """Say which names are no terms of a tool, and what was meant; None when all are known."""
    known = (*_BESIDE, *Terms.__annotations__)
    found = [name for name in given if name not in known]
    if not found:
        return None
    said = " and ".join(f"`{name}=`" for name in found)
    near = [one for name in found for one in difflib.get_close_matches(name, known, n=1)]
    meant = " and ".join(f"`{name}=`" for name in near)
    are = "is no term" if len(found) == 1 else "are no terms"
    detail = f"{said} {are} of a tool" + (f"; did you mean {meant}?" if meant else "")
    return detail, f"correct it, or leave it out; the terms are {', '.join(known)}"


def _name_of(undo: object) -> str | None:
    """Take the tool itself for its name, which is what an undo is called by. Raises ValueError."""
    name = getattr(undo, "name", undo)
    if name is None or isinstance(name, str):
        return name
    message = f"undo= is the name of a tool, and {undo!r} is none"
    raise ValueError(message)


def agreed_terms(given: Terms, said: "set[str]") -> ToolTerms:
    """Fill in what was left out, the safe way; `said` is what was declared beside. ValueError."""
    has_effect = "effect" in said
    within = given.get("undo_within")
    return ToolTerms(
        reach=given.get("reach", Reach.EXTERNAL),
        idempotency=given.get("idempotency"),
        retry=given.get("retry"),
        undo=_name_of(given.get("undo")),
        undo_within_s=None if within is None else duration_s(within),
        permission=given.get("permission"),
        approval=given.get("approval", None if has_effect else Approval()),
        limit=given.get("limit"),
        cost=given.get("cost"),
        secrets=tuple(given.get("secrets", ())),
        sandbox=given.get("sandbox", Level.NONE if has_effect else Level.STANDARD),
        egress=tuple(given.get("egress", ())),
        examples=tuple(given.get("examples", ())),
        owner=given.get("owner"),
        inert=tuple(given.get("inert", ())),
        gives=given.get("gives"),
        declared=frozenset({*said, *given}),
    )
