"""A team's policy in Cedar: default deny, forbid wins, and every no has a rule with words.

Guarantees: what no rule permits is denied; a rule that cannot be evaluated denies, whichever it is,
since Cedar itself would leave it out; a value that the language has no form for denies as well. The
version changes with any file of the policy.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final, cast

import cedarpy

from handrail.contract.canonical import plain
from handrail.errors.policy import PolicyInvalid
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


@dataclass(frozen=True, slots=True)
class CedarPolicy:
    """A policy that was read; the same for all processes of a team."""

    version: str
    rules: Mapping[str, Rule]  #: by the name that Cedar gives each of them
    roles: Mapping[str, frozenset[str]]  #: person → roles
    form: Mapping[str, Any] = field(repr=False)  #: the rules in Cedar's JSON
    parsed: "cedarpy.PolicySet" = field(repr=False)

    @classmethod
    def of(cls, text: str, roles: Mapping[str, Sequence[str]]) -> "CedarPolicy":
        """Read rules, and who has which role (role → people). Raises PolicyInvalid."""
        try:
            form: dict[str, Any] = json.loads(cedarpy.policies_to_json_str(text))
        except ValueError as error:
            raise PolicyInvalid(detail=f"it cannot be read: {error}", where="policy/") from error
        return cls.of_form(form, roles)

    @classmethod
    def of_form(cls, form: Mapping[str, Any], roles: Mapping[str, Sequence[str]]) -> "CedarPolicy":
        """Read rules in Cedar's JSON form. Raises PolicyInvalid."""
        rules = {name: _rule(name, one) for name, one in form["staticPolicies"].items()}
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
        )

    def judge(self, access: Access) -> Denied | None:
        """Say whether it may be done; None when it may."""
        try:
            context, facts = _record(access.context), _record(access.facts)
        except (ValueError, InvalidOperation) as error:
            return Denied(
                DEFAULT_RULE,
                f"A value cannot be judged by a policy: {error}",
                "Give values that Cedar knows: texts, whole numbers, decimals with four places.",
            )
        person = {"type": "Person", "id": access.person}
        on = {"type": access.kind, "id": access.on}
        roles = sorted(self.roles.get(access.person, ()))
        # cedarpy 4.12 says `dict` and not of what.
        found = cedarpy.is_authorized(  # pyright: ignore[reportUnknownMemberType]
            {
                "principal": person,
                "action": {"type": "Action", "id": access.action},
                "resource": on,
                "context": context,
            },
            self.parsed,
            [
                {
                    "uid": person,
                    "attrs": {},
                    "parents": [{"type": "Role", "id": role} for role in roles],
                },
                {"uid": on, "attrs": facts, "parents": []},
            ],
        )
        if found.diagnostics.errors:
            return Denied(
                DEFAULT_RULE,
                f"A rule could not be evaluated: {self._named(found.diagnostics.errors[0])}",
                "Correct the rule; until then nothing is allowed that it might forbid.",
            )
        if found.allowed:
            return None
        return self._denied(access, found.diagnostics.reasons)

    def roles_of(self, person: str) -> frozenset[str] | None:
        """The roles that somebody has; nobody else has any."""
        return self.roles.get(person, frozenset())

    def _named(self, problem: str) -> str:
        """Say the rule's own @id where Cedar says the name that it gave it, such as policy5."""
        return _OF_CEDAR.sub(
            lambda found: self.rules[found[0]].id if found[0] in self.rules else found[0], problem
        )

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


def _rule(name: str, form: Mapping[str, Any]) -> Rule:
    said = cast("Mapping[str, str]", form.get("annotations", {}))
    forbids = form["effect"] == "forbid"
    rule = said.get("id", "")
    missing = [word for word in ("id", "title", "remedy") if not said.get(word)]
    if forbids and missing:
        raise PolicyInvalid(
            detail=f"a forbid has no {', '.join(f'@{word}' for word in missing)}",
            where=rule or name,
        )
    if not rule:
        raise PolicyInvalid(detail="a permit has no @id", where=name)
    return Rule(rule, forbids, said.get("title", ""), said.get("remedy", ""), said.get("approval"))


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
            fields = getattr(type(value), "model_fields", None)
            if fields is not None:
                return _record({name: getattr(value, name) for name in fields})
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
