"""Whether an act may go on by itself although its run has read what nobody vouches for.

Pure. An act that leaves a trace or reaches outside is vouched for when each of its arguments is
what the plan allows, what somebody trusted has said, or what its tool takes when nothing is given.
A fetch is such an act too: its address says something to whoever is asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from handrail.contract.canonical import plain
from handrail.contract.effect import Effect
from handrail.contract.plan import OPEN, Plan
from handrail.contract.terms import Reach
from handrail.contract.tool import Tool
from handrail.rails.words import Words
from handrail.wire.label import NOTHING_READ, Confidentiality, Label

NAMED_COUNT_MAX = 8  #: arguments that are named to a person


@dataclass(frozen=True, slots=True)
class HasRead:
    """What the run behind an act has read, who has said what, and what was fixed before."""

    label: Label = NOTHING_READ
    words: Words = field(default_factory=Words)
    plan: Plan = OPEN


def doubtful(tool: Tool[..., Any], arguments: Mapping[str, Any], read: HasRead) -> str | None:
    """Say in words why nobody vouches for an act; None for one that may go on."""
    label = read.label
    if not _is_asked_about(tool, label):
        return None
    has_read = (
        "its run has read what is for few to see"
        if label.is_trusted
        else "its run has read what nobody vouches for"
    )
    if read.plan.of(tool.name) is None:
        return f"{has_read}, and it is not in the plan that was made before"
    found = unvouched(tool, arguments, read)
    wrong = [name for name in arguments if name in found]
    if not wrong:
        return None
    more = f" and {len(wrong) - NAMED_COUNT_MAX} more" if len(wrong) > NAMED_COUNT_MAX else ""
    return f"{has_read}, and nobody who is trusted has said: {', '.join(wrong[:8])}{more}"


def unvouched(tool: Tool[..., Any], arguments: Mapping[str, Any], read: HasRead) -> frozenset[str]:
    """Give the arguments of an act that nobody vouches for, none where nobody asks about it."""
    if not _is_asked_about(tool, read.label):
        return frozenset()
    may, usual = read.plan.of(tool.name), tool.contract.defaults
    if may is None:
        return frozenset(arguments)  # what is not in the plan is not allowed any value
    return frozenset(
        name
        for name, value in arguments.items()
        if name not in tool.terms.inert
        and not (name in usual and _same(usual[name], value))
        and not (
            may.within(name, value) and (not may.must_be_said(name) or read.words.said(value, name))
        )
    )


def _is_asked_about(tool: Tool[..., Any], label: Label) -> bool:
    outside, acts = tool.terms.reach is Reach.EXTERNAL, tool.effect not in _LEAVES_NOTHING
    return tool.effect is not Effect.PURE and _matters(label, outside=outside, acts=acts)


_LEAVES_NOTHING = frozenset({Effect.PURE, Effect.READ})


def _matters(label: Label, *, outside: bool, acts: bool) -> bool:
    if not label.is_trusted:
        return outside or acts
    return outside and label.confidentiality is Confidentiality.RESTRICTED


def _same(one: object, two: object) -> bool:
    # Two dataclasses are equal whatever they were given beside their fields.
    return type(one) is type(two) and one == two and plain(one) == plain(two)
