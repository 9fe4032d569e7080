"""A team's policy in Cedar: default deny, forbid wins, and every no has a rule with words.

Guarantees: what no rule permits is denied; a rule that cannot be evaluated denies, whichever it is,
since Cedar itself would leave it out; a value that the language has no form for denies as well. The
version changes with any file of the policy. A rule about a kind of thing or an act that there is
not would never say anything, a forbid neither: it is refused, with its file and line.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final, cast

import cedarpy

from handrail.contract.canonical import fields_of, given_beside, plain
from handrail.errors.policy import PolicyInvalid
from handrail.rails.cedar_text import Statement, fault, statements
from handrail.rails.policy import Access, Denied

LONG_MAX: Final = (1 << 63) - 1
DECIMAL_PLACES: Final = Decimal("0.0001")
DECIMAL_MAX: Final = Decimal("922337203685477.5807")
DEFAULT_RULE: Final = "default"
_OF_CEDAR: Final = re.compile(r"\bpolicy\d+\b")

KINDS: Final = frozenset({"Person", "Role", "Tool", "Topic", "Space", "Request", "DeadLetter"})
ACTIONS: Final = frozenset(
    {
        "tool.call",
        "handoff.send",
        "memory.read",
        "memory.write",
        "task.submit",
        "approval.decide",
        "dead_letter.redrive",
    }
)


@dataclass(frozen=True, slots=True)
class Rule:
    """What a rule says of itself."""

    id: str
    forbids: bool
    title: str
    remedy: str
    approval_by: str | None
    place: str  #: file and line where it begins; empty when it was not read from a text


@dataclass(frozen=True, slots=True)
class CedarPolicy:
    """A policy that was read; the same for all processes of a team."""

    version: str
    rules: Mapping[str, Rule]  #: by the name that Cedar gives each of them
    roles: Mapping[str, frozenset[str]]  #: person → roles
    form: Mapping[str, Any] = field(repr=False)  #: the rules in Cedar's JSON
    parsed: "cedarpy.PolicySet" = field(repr=False)
    permitting: "cedarpy.PolicySet" = field(repr=False)  #: those that permit, alone
    places: Mapping[str, Statement] = field(repr=False)  #: where each stands, where that is known

    @classmethod
    def of(cls, text: str, roles: Mapping[str, Sequence[str]]) -> "CedarPolicy":
        """Read rules, and who has which role (role → people). Raises PolicyInvalid."""
        return cls.of_files({"the policy": text}, roles)

    @classmethod
    def of_files(
        cls, files: Mapping[str, str], roles: Mapping[str, Sequence[str]]
    ) -> "CedarPolicy":
        """Read the rules of several files (name → text). Raises PolicyInvalid with the place."""
        written = [one for file, text in files.items() for one in statements(file, text)]
        if (found := fault(written, _unreadable)) is not None:
            raise PolicyInvalid(detail=f"it cannot be read: {found[0]}", where=found[1])
        try:
            form: dict[str, Any] = json.loads(
                cedarpy.policies_to_json_str("\n".join(files.values()))
            )
        except ValueError as error:
            where = ", ".join(files)
            raise PolicyInvalid(detail=f"it cannot be read: {error}", where=where) from error
        # Cedar names the rules policy0, policy1, ... as they stand in the text.
        places = {f"policy{number}": one for number, one in enumerate(written)}
        for name in form["templates"]:
            detail = "a rule leaves open whom it is about, by a `?`"
            raise PolicyInvalid(detail=detail, where=_place(places.get(name), name))
        for name, rule in form["staticPolicies"].items():
            for kind, one in _strangers(rule):
                where = places[name].place_of(kind, one) if name in places else name
                raise PolicyInvalid(detail=_no_such(kind, one), where=where)
        return cls.of_form(form, roles, places)

    @classmethod
    def of_form(
        cls,
        form: Mapping[str, Any],
        roles: Mapping[str, Sequence[str]],
        places: Mapping[str, Statement] | None = None,
    ) -> "CedarPolicy":
        """Read rules in Cedar's JSON form. Raises PolicyInvalid."""
        of = places or {}
        rules = {
            name: _rule(name, one, _place(of.get(name), ""))
            for name, one in form["staticPolicies"].items()
        }
        some = {n: one for n, one in form["staticPolicies"].items() if one["effect"] == "permit"}
        people: dict[str, set[str]] = {}
        for role, members in roles.items():
            for member in members:
                people.setdefault(member, set()).add(role)
        held = {role: sorted(who) for role, who in roles.items()}
        data = json.dumps([form, held], sort_keys=True)
        return cls(
            version=hashlib.sha256(data.encode()).hexdigest()[:16],
            rules=rules,
            roles={person: frozenset(some) for person, some in people.items()},
            form=form,
            parsed=cedarpy.PolicySet.from_json_str(json.dumps(form)),
            permitting=cedarpy.PolicySet.from_json_str(
                json.dumps({**form, "staticPolicies": some})
            ),
            places=of,
        )

    def judge(self, access: Access) -> Denied | None:
        """Say whether it may be done; None when it may."""
        return found if isinstance(found := self._judged(access), Denied) else None

    def permitted_by(self, access: Access) -> tuple[str, ...]:
        """Give the ids of the rules that let it be done; none where it is denied."""
        return () if isinstance(found := self._judged(access), Denied) else found

    def _judged(self, access: Access) -> Denied | tuple[str, ...]:
        """Give the no, or the ids of the rules that permit."""
        try:
            context, facts = _record(access.context), _record(access.facts)
        except (ValueError, InvalidOperation) as error:
            return Denied(
                DEFAULT_RULE,
                f"A value cannot be judged by a policy: {error}",
                "Give values that Cedar knows: texts, whole numbers, decimals with four places.",
            )
        # cedarpy 4.12 says `dict` and not of what.
        found = cedarpy.is_authorized(  # pyright: ignore[reportUnknownMemberType]
            {
                "principal": {"type": "Person", "id": access.person},
                "action": {"type": "Action", "id": access.action},
                "resource": {"type": access.kind, "id": access.on},
                "context": context,
            },
            self.parsed,
            self._entities(access, facts),
        )
        reasons = found.diagnostics.reasons
        if found.diagnostics.errors:
            return Denied(
                DEFAULT_RULE,
                f"A rule could not be evaluated: {self._named(found.diagnostics.errors[0])}",
                "Correct the rule; until then nothing is allowed that it might forbid.",
            )
        if found.allowed:
            return tuple(sorted({self.rules[name].id for name in reasons}))
        return self._denied(access, reasons)

    def permits(self, access: Access, *, known: Collection[str]) -> bool:
        """Say whether a permit lets it be done, in whatever context that is not `known` yet.

        What is forbidden is not looked at: whoever forbids something has said so, with words.
        """
        said = _record({name: access.context[name] for name in known})
        open_ones = ("agent", "tenant", "approved", "arguments")
        context = {name: {"__extn": {"fn": "unknown", "arg": name}} for name in open_ones} | said
        # cedarpy 4.12 takes the names of a partial question as texts only.
        found = cedarpy.is_authorized_partial(  # pyright: ignore[reportUnknownMemberType]
            {
                "principal": _uid("Person", access.person),
                "action": _uid("Action", access.action),
                "resource": _uid(access.kind, access.on),
                "context": context,
            },
            self.permitting,
            self._entities(access, _record(access.facts)),
        )
        return found.decision is not cedarpy.Decision.Deny

    def _entities(self, access: Access, facts: dict[str, Any]) -> list[dict[str, Any]]:
        roles = sorted(self.roles.get(access.person, ()))
        parents = [{"type": "Role", "id": role} for role in roles]
        person = {"type": "Person", "id": access.person}
        on = {"type": access.kind, "id": access.on}
        return [
            {"uid": person, "attrs": {}, "parents": parents},
            {"uid": on, "attrs": facts, "parents": []},
        ]

    def named(self, kind: str) -> Iterator[tuple[str, str]]:
        """Give the name of everything of a kind that rules speak of, and where."""
        for name, rule in self.form["staticPolicies"].items():
            for of, one in _entities_in(rule):
                if of == kind and one is not None:
                    yield one, self.places[name].place_of(kind, one) if name in self.places else ""

    def roles_of(self, person: str) -> frozenset[str] | None:
        """The roles that somebody has; nobody else has any."""
        return self.roles.get(person, frozenset())

    def _named(self, problem: str) -> str:
        """Say the rule's own @id where Cedar says the name that it gave it, and its place."""
        named = [self.rules[name] for name in _OF_CEDAR.findall(problem) if name in self.rules]
        place = f" ({named[0].place})" if named and named[0].place else ""
        said = _OF_CEDAR.sub(
            lambda found: self.rules[found[0]].id if found[0] in self.rules else found[0], problem
        )
        return f"{said}{place}"

    def _denied(self, access: Access, reasons: Sequence[str]) -> Denied:
        forbidding = sorted((self.rules[name] for name in reasons), key=lambda rule: rule.id)
        if not forbidding:
            return Denied(
                DEFAULT_RULE,
                f"No rule lets {access.person} do {access.action} on {access.on}",
                "Whoever keeps the policy can permit it; `handrail policy check` shows the rules.",
            )
        # An approval helps only where each rule that forbids it says so.
        lasting = [rule for rule in forbidding if rule.approval_by is None]
        first = (lasting or forbidding)[0]
        by = () if lasting else tuple(rule.approval_by or "" for rule in forbidding)
        named = tuple(dict.fromkeys(by))
        return Denied(first.id, first.title, first.remedy, named[0] if named else None, named[1:])


def _unreadable(text: str) -> str | None:
    """Say what is wrong with a text of rules; None when Cedar can read it."""
    try:
        cedarpy.policies_to_json_str(text)
    except ValueError as error:
        return str(error)
    return None


def _place(written: Statement | None, other: str) -> str:
    return other if written is None else written.place


def _strangers(rule: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Give the kinds of things and the acts that a rule names and that there are not."""
    for kind, one in _entities_in(rule):
        if one not in ACTIONS if kind == "Action" else kind not in KINDS:
            yield kind, one


def _entities_in(node: Any) -> Iterator[tuple[str, str | None]]:  # noqa: ANN401 - JSON
    """Give kind and name of everything that a rule names; a kind alone has None."""
    if isinstance(node, list):
        for below in cast("Sequence[Any]", node):
            yield from _entities_in(below)
        return
    if not isinstance(node, dict):
        return
    known = cast("Mapping[str, Any]", node)
    if isinstance(kind := known.get("entity_type"), str):
        yield kind, None
    if isinstance(kind := known.get("type"), str) and isinstance(one := known.get("id"), str):
        yield kind, one
    for below in known.values():
        yield from _entities_in(below)


def _uid(kind: str, name: str) -> str:
    """Give a name as Cedar writes it in a text."""
    shown = "".join(
        one if one.isprintable() and one not in '"\\' else f"\\u{{{ord(one):x}}}" for one in name
    )
    return f'{kind}::"{shown}"'


def _no_such(kind: str, one: str | None) -> str:
    if kind == "Action":
        return f"there is no act {one}; there are {', '.join(sorted(ACTIONS))}"
    return f"there is no kind of thing {kind}; there are {', '.join(sorted(KINDS))}"


def _rule(name: str, form: Mapping[str, Any], place: str) -> Rule:
    said = cast("Mapping[str, str]", form.get("annotations", {}))
    forbids = form["effect"] == "forbid"
    rule = said.get("id", "")
    missing = [word for word in ("id", "title", "remedy") if not said.get(word)]
    where = f"{rule} ({place})" if rule and place else rule or place or name
    if forbids and missing:
        raise PolicyInvalid(
            detail=f"a forbid has no {', '.join(f'@{word}' for word in missing)}", where=where
        )
    if not rule:
        raise PolicyInvalid(detail="a permit has no @id", where=where)
    title, remedy = said.get("title", ""), said.get("remedy", "")
    return Rule(rule, forbids, title, remedy, said.get("approval"), place)


def _record(facts: Mapping[str, Any]) -> dict[str, Any]:
    pairs = ((name, _value(value)) for name, value in facts.items())
    return {str(name): value for name, value in pairs if value is not None}


def _value(value: object) -> Any:  # noqa: ANN401 - what Cedar's JSON may hold
    """Give a value in Cedar's JSON; None is left out, since the language has no such value."""
    match value:
        case None | bool() | str():
            return value
        case int():
            if abs(value) > LONG_MAX:
                message = f"{str(value)[:40]} is too large"
                raise ValueError(message)
            return int(value)
        case float() | Decimal():
            return _decimal(Decimal(repr(value)) if isinstance(value, float) else value)
        case Mapping():
            return _record(cast("Mapping[str, Any]", value))
        case list() | tuple() | set() | frozenset():
            many = cast("Sequence[object]", value)
            return [made for made in map(_value, many) if made is not None]
        case _:
            if hasattr(type(value), "model_fields"):
                return _record({**(fields_of(value) or {}), **given_beside(value)})
            return _value(plain(value))


def _decimal(value: Decimal) -> dict[str, Any]:
    if not value.is_finite() or abs(value) > DECIMAL_MAX:
        message = f"{str(value)[:40]} is no amount"
        raise ValueError(message)
    exact = value.quantize(DECIMAL_PLACES)
    if exact != value:
        message = f"{str(value)[:40]} has more than four decimal places"
        raise ValueError(message)
    return {"__extn": {"fn": "decimal", "arg": f"{exact:f}"}}
