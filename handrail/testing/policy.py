"""Tests a team's policy: what it says to whom, and whether those cases would notice a change of it.

A *mutant* is the policy with one thing turned around: a rule gone, permit for forbid, a condition
negated or left out, one side of it dropped, a `!` removed, a value changed, a comparison flipped, a
scope widened, `@approval` gone. A mutant that no case notices is a part of a rule that nobody
tests; but a `has` that guards what stands beside it may be one that no case can notice.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, cast

from handrail.rails.cedar import DECIMAL_MAX, LONG_MAX, CedarPolicy
from handrail.rails.policy import Access

_FLIPS: Final[Mapping[str, str]] = {
    "==": "!=",
    "!=": "==",
    "<": ">=",
    ">=": "<",
    ">": "<=",
    "<=": ">",
    "&&": "||",
    "||": "&&",
    "greaterThan": "lessThanOrEqual",
    "lessThanOrEqual": "greaterThan",
    "lessThan": "greaterThanOrEqual",
    "greaterThanOrEqual": "lessThan",
}


@dataclass(frozen=True, slots=True)
class Case:
    """What a policy is to say: `rule` None for allowed, else the id of the rule that denies.

    `by` is who may approve it all the same, in the words of `Denied.approvers`, such as
    `role:finance`, and `nobody` where nobody may; None: that is not looked at.
    """

    access: Access
    rule: str | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Mutant:
    """A policy with one thing turned around."""

    what: str
    form: Mapping[str, Any]


def failing(policy: CedarPolicy, cases: Sequence[Case]) -> list[Case]:
    """Give the cases in which the policy says something else."""
    return [case for case in cases if not _is_said(policy, case)]


def survivors(policy: CedarPolicy, cases: Sequence[Case]) -> tuple[list[Mutant], int]:
    """Give the mutants that no case notices, and how many mutants there are."""
    everybody: dict[str, list[str]] = {}
    for person, roles in policy.roles.items():
        for role in roles:
            everybody.setdefault(role, []).append(person)
    all_of_them = list(mutants(policy))
    alive = [
        one for one in all_of_them if not failing(CedarPolicy.of_form(one.form, everybody), cases)
    ]
    return alive, len(all_of_them)


def mutants(policy: CedarPolicy) -> Iterator[Mutant]:
    """Give every policy that differs from this one by one thing."""
    for name, rule in policy.rules.items():
        rule_form: Mapping[str, Any] = policy.form["staticPolicies"][name]
        form = _copy(policy)
        del form["staticPolicies"][name]
        yield Mutant(f"{rule.id}: gone", form)
        if not rule.forbids:
            form = _copy(policy)
            own = form["staticPolicies"][name]
            own["effect"] = "forbid"
            own["annotations"] |= {"title": "turned around", "remedy": "none"}
            yield Mutant(f"{rule.id}: forbids", form)
        else:
            form = _copy(policy)
            form["staticPolicies"][name]["effect"] = "permit"
            yield Mutant(f"{rule.id}: permits", form)
        if "approval" in rule_form["annotations"]:
            form = _copy(policy)
            del form["staticPolicies"][name]["annotations"]["approval"]
            yield Mutant(f"{rule.id}: without @approval", form)
        for part in ("principal", "action", "resource"):
            if policy.form["staticPolicies"][name][part]["op"] != "All":
                form = _copy(policy)
                form["staticPolicies"][name][part] = {"op": "All"}
                yield Mutant(f"{rule.id}: any {part}", form)
        yield from _conditions(policy, name, rule.id)


def _conditions(policy: CedarPolicy, name: str, rule: str) -> Iterator[Mutant]:
    conditions: Sequence[Mapping[str, Any]] = policy.form["staticPolicies"][name]["conditions"]
    for number, condition in enumerate(conditions):
        form = _copy(policy)
        del form["staticPolicies"][name]["conditions"][number]
        yield Mutant(f"{rule}: without {condition['kind']} {number}", form)
        form = _copy(policy)
        other = "unless" if condition["kind"] == "when" else "when"
        form["staticPolicies"][name]["conditions"][number]["kind"] = other
        yield Mutant(f"{rule}: {condition['kind']} {number} negated", form)
        for path, flipped in _flips(condition["body"], ()):
            form = _copy(policy)
            node: Any = form["staticPolicies"][name]["conditions"][number]["body"]
            for step in path[:-1]:
                node = node[step]
            node[flipped] = node.pop(path[-1])
            shown = ".".join(str(step) for step in path)
            yield Mutant(f"{rule}: {path[-1]} is {flipped} at {shown}", form)
        for path, other_node, what in _cuts(condition["body"], ("body",)):
            form = _copy(policy)
            node = form["staticPolicies"][name]["conditions"][number]
            for step in path[:-1]:
                node = node[step]
            node[path[-1]] = other_node
            shown = ".".join(str(step) for step in path)
            yield Mutant(f"{rule}: {what} at {shown} of {condition['kind']} {number}", form)


def _flips(node: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], str]]:  # noqa: ANN401 - JSON
    if isinstance(node, dict):
        for key, below in cast("dict[str, Any]", node).items():
            if key in _FLIPS:
                yield (*path, key), _FLIPS[key]
            yield from _flips(below, (*path, key))
    elif isinstance(node, list):
        for index, below in enumerate(cast("Sequence[Any]", node)):
            yield from _flips(below, (*path, index))


def _cuts(node: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any, str]]:  # noqa: ANN401 - JSON
    """Give what each part of a condition may be in its place, and in words what was done."""
    if isinstance(node, list):
        for index, below in enumerate(cast("Sequence[Any]", node)):
            yield from _cuts(below, (*path, index))
    if not isinstance(node, dict):
        return
    held = cast("dict[str, Any]", node)
    for both in ("&&", "||"):
        for side in ("left", "right") if both in held else ():
            yield path, held[both][side], f"only {side} of {both}"
    if "!" in held:
        yield path, held["!"]["arg"], "without !"
    if "Value" in held and (changed := _changed(held["Value"], path)) is not None:
        yield path, {"Value": changed}, f"{held['Value']!r} is {changed!r}"
    for key, below in held.items():
        yield from _cuts(below, (*path, key))


def _changed(value: object, path: tuple[Any, ...]) -> object:
    """Give another value of the same kind; None where there is none."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1 if value < LONG_MAX else value - 1
        case str() if "decimal" in path:
            number = Decimal(value)
            return str(number + 1 if number + 1 <= DECIMAL_MAX else number - 1)
        case str():
            return f"{value}-another"
        case _:
            return None


def _copy(policy: CedarPolicy) -> dict[str, Any]:
    return copy.deepcopy(dict(policy.form))


def _is_said(policy: CedarPolicy, case: Case) -> bool:
    denied = policy.judge(case.access)
    if denied is None:
        return case.rule is None
    return denied.rule == case.rule and case.by in (None, denied.approvers)
