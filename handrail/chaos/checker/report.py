"""What a check came to, in figures: how often each harm was found, and out of how many chances.

Where nothing was found in n chances, the rate is below 3/n with 95 % confidence (the rule of
three); a report says so in words, since "none" alone says nothing about how hard one has looked.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from handrail.chaos.checker.doubts import caught, told_after_take_over
from handrail.chaos.checker.epochs import stale_acts
from handrail.chaos.checker.moves import moved_in_peace
from handrail.chaos.checker.order import mailboxes
from handrail.chaos.checker.reading import ENDS, Reading, reading
from handrail.chaos.checker.tasks import innocent_suspects
from handrail.chaos.checker.violation import Harm, Violation
from handrail.chaos.history import Happening, History, Phase
from handrail.lane.journal import Kind
from handrail.ledger.event import PersonAsked, RequestKind, StepWasted

RULE_OF_THREE: Final = 3


@dataclass(frozen=True, slots=True)
class Figure:
    """How often something was found, out of how many chances."""

    name: str
    count: int
    n: int
    of: str  #: what there were n of
    slowest_s: float | None = None  #: where it is time that is bounded: the longest there was
    limit_s: float | None = None  #: and what it may be

    @property
    def time_in_words(self) -> str:
        """Say how long the slowest took and may take; nothing where no time is bounded."""
        return slowest_in_words(self.slowest_s, self.limit_s)

    @property
    def bound(self) -> float | None:
        """Below what the rate is, with 95 % confidence; None where nothing can be said."""
        if self.count or self.n < RULE_OF_THREE:
            return None
        return RULE_OF_THREE / self.n

    @property
    def in_words(self) -> str:
        """Say the figure with what it bounds."""
        timed = f"{self.time_in_words}; " if self.time_in_words else ""
        if self.n == 0:
            return f"{self.name}: nothing was seen that could be ({self.of}: none)"
        if self.count:
            return f"{self.name}: {timed}{self.count} of {self.n} {self.of}"
        if self.bound is None:
            return f"{self.name}: {timed}0 of {self.n} {self.of}, too few to say anything"
        return (
            f"{self.name}: {timed}0 of {self.n} {self.of}, which bounds the rate at"
            f" {RULE_OF_THREE} in {self.n} ({self.bound:.2g}), with 95 % confidence"
        )


def slowest_in_words(slowest_s: float | None, limit_s: float | None) -> str:
    """Say how long the slowest took and may take; nothing where none was timed."""
    if slowest_s is None or limit_s is None:
        return ""
    return f"slowest {slowest_s:.1f} s, {limit_s:g} s may be"


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of one checked run."""

    by_harm: Mapping[Harm, Figure]
    in_doubt: Figure  #: promised to be asked of a person; no violation
    wasted: Figure  #: paid calls that were made once more; no violation
    late_acts: Figure  #: acts of frozen processes within the one window that nobody can close
    faults: Mapping[str, int]  #: how many of each kind had struck
    violations: Sequence[Violation]

    @property
    def is_clean(self) -> bool:
        """Whether no promise was broken."""
        return not self.violations

    def in_words(self) -> Sequence[str]:
        """Give a line for each figure, what is promised never to happen first."""
        figures = (*self.by_harm.values(), self.in_doubt, self.wasted, self.late_acts)
        struck = ", ".join(f"{count} {kind}" for kind, count in sorted(self.faults.items()))
        return [*(one.in_words for one in figures), f"under faults: {struck or 'none'}"]


def report(history: History, violations: Sequence[Violation]) -> Report:
    """Count what was found by what it means, beside the chances that there were for it."""
    here = reading(history)
    found = Counter(one.harm for one in violations)
    told = [one.event for one in here.told]
    doubts = sum(isinstance(e, PersonAsked) and e.kind is RequestKind.DOUBT for e in told)
    wasted = sum(isinstance(event, StepWasted) for event in told)
    intents = [entry for _, entry in here.entries(Kind.INTENT) if "void" not in entry.facts]
    unsafe = sum(entry.facts.get("effect") == "unsafe" for entry in intents)
    paid = sum(entry.facts.get("effect") == "paid" for entry in intents)
    begun = sum(one.happened is Happening.BEGUN for one in history.effects)
    return Report(
        by_harm={harm: _figure(here, harm, found[harm]) for harm in Harm},
        in_doubt=Figure("in doubt", doubts, unsafe, "unsafe steps begun"),
        wasted=Figure("wasted", wasted, paid, "paid steps begun"),
        late_acts=Figure("acts after a take-over", sum(1 for _ in stale_acts(here)), begun, "acts"),
        faults=Counter(one.fault for one in history.faults if one.phase is Phase.BEGUN),
        violations=tuple(violations),
    )


def _figure(here: Reading, harm: Harm, count: int) -> Figure:
    n, of = _chances(here)[harm]
    if harm is not Harm.UNTOLD:
        return Figure(harm, count, n, of)
    return Figure(harm, count, n, of, slowest_doubt_s(here), here.history.run.bounds.doubt_s)


def slowest_doubt_s(here: Reading) -> float | None:
    """Give how long the slowest of the doubts took that were told after a take-over."""
    return max((after_s for _, _, after_s in told_after_take_over(here)), default=None)


@lru_cache(maxsize=4)
def _chances(here: Reading) -> Mapping[Harm, tuple[int, str]]:
    """Give how many chances there were for each harm, and of what."""
    tasks = len({one.task for one in here.history.submissions})
    messages = len(here.by_id)
    effects = sum(one.happened is Happening.EFFECTED for one in here.history.effects)
    ends = sum(isinstance(told.event, ENDS) for told in here.told)
    pairs = sum(len(those) - 1 for those in mailboxes(here).values())
    outcomes = sum(1 for _ in here.entries(Kind.OUTCOME))
    windows = sum(1 for _ in caught(here))
    writes = sum(line.entry is not None for line in here.lines())
    return {
        Harm.LOST: (tasks, "acknowledged tasks"),
        Harm.DOUBLED: (messages + effects, "messages and effects"),
        Harm.UNSAFE: (windows, "unsafe steps struck in their window"),
        Harm.TORN: (ends, "ends"),
        Harm.REORDERED: (pairs, "messages that had one of their key before them"),
        Harm.REPEATED: (outcomes, "recorded steps"),
        Harm.ZOMBIE: (writes, "journal records"),
        Harm.HANGING: (tasks, "acknowledged tasks"),
        Harm.INNOCENT: (len(innocent_suspects(here)), "innocents that ran when a process died"),
        Harm.MOVED: (len(moved_in_peace(here)), "paid calls whose lane moved under them"),
        Harm.UNTOLD: (sum(1 for _ in told_after_take_over(here)), "doubts told after a take-over"),
        Harm.OTHER: (tasks, "acknowledged tasks"),
    }
