"""Draws which faults strike a team, when and for how long: the whole schedule, made from a seed.

Pure: the same seed, kinds, length and names give the same schedule. What a schedule asks for is
done by `nemesis`, which may find its target busy with an earlier fault and take another one.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from handrail.runtime.failpoint import Moment


class Kind(StrEnum):
    """The kinds of faults, by the words of `--faults`."""

    KILL = "kill"  #: kill -9 of a process, at any moment or at a named one
    FREEZE = "freeze"  #: SIGSTOP, often past the session, then SIGCONT
    BROKER = "broker"  #: kill -9 of the broker, started again on the same data
    REBALANCE = "rebalance"  #: processes join and leave in quick succession
    ENDTXN = "endtxn"  #: the ends of transactions come late, or are cut off before or after
    CUTOFF = "cutoff"  #: a process reaches everything but the coordinator of its group
    PROVIDER = "provider"  #: the provider answers 429 or 500, hangs, or acts and is silent


#: How often each kind is drawn, beside the others that are allowed.
WEIGHTS: Mapping[Kind, int] = {
    Kind.KILL: 10,
    Kind.FREEZE: 5,
    Kind.BROKER: 1,
    Kind.REBALANCE: 2,
    Kind.ENDTXN: 2,
    Kind.CUTOFF: 2,
    Kind.PROVIDER: 2,
}
FIRST_S = 2.0  #: the team takes work in before the first fault
GAP_S_MIN = 0.3
FREEZE_S_MIN = 2.0
LONG_FREEZE_SHARE = 0.1  #: of the freezes outlast every deadline that a process has
LONG_FREEZE_S = (31.0, 60.0)
LONGEST_FREEZE_S = 90.0  #: in place of the 60 s, where the round is long enough for it
LONG_ROUND_S = 150.0  #: of load and faults: a round in which somebody may be away for so long
PAST_SESSION_S = 9.0  #: longer than the session of a member of a group
AGAIN_S_MAX = 2.0  #: until a killed process is started again
BROKER_DOWN_S_MAX = 6.0
JOINERS_MAX = 3
NAMED_MOMENT_SHARE = 0.5  #: of the kills come at a named moment of a step, where they hurt most
EARLY_SHARE = 0.25  #: of the kills and freezes may strike who is still starting
UNTOLD_SHARE = 0.25  #: of the kills are told to nobody, so that a session has to run out
MOMENT_COUNT_MAX = 3

#: Moments worth dying at, before and after each commit of a step and of an end.
MOMENTS = (
    Moment.AFTER_INTENT_COMMIT,
    Moment.AFTER_ACT,
    Moment.AFTER_OUTCOME,
    Moment.AFTER_OUTCOME_COMMIT,
    Moment.BEFORE_FINAL,
    Moment.AFTER_FINAL_COMMIT,
)


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault of a schedule."""

    at_s: float  #: from the beginning of the load
    kind: Kind
    target: str = ""  #: the process it is meant for; empty where the kind needs none
    lasts_s: float = 0.0
    moment: str = ""  #: of a kill: where the process is to die; empty means at once
    told: bool = True  #: of a kill: whether the groups hear of it at once
    count: int = 1  #: of a rebalance: how many join
    early: bool = False  #: whether it may strike who is not ready yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Severity:
    """How hard a schedule is."""

    gap_s: float = 2.5  #: on average between two faults
    freeze_s_max: float = 15.0
    moments_with: tuple[str, ...] = ()  #: steps that a named moment may be bound to
    moments_of: tuple[str, ...] = ()  #: agents that take these steps; empty where nobody knows

    def __post_init__(self) -> None:
        """Refuse what would never pass the session, or never end."""
        assert self.gap_s > GAP_S_MIN
        assert self.freeze_s_max > PAST_SESSION_S


def schedule(
    seed: int,
    kinds: Sequence[Kind],
    over_s: float,
    names: Sequence[str],
    severity: Severity,
) -> list[Strike]:
    """Draw the faults of one round, in the order of their times; `names` are the processes."""
    choice = random.Random(f"strikes/{seed}")  # noqa: S311 - chance of a test, not of a secret
    found: list[Strike] = []
    deck: list[Kind] = []
    at_s = FIRST_S
    while kinds and at_s < over_s:
        if not deck:
            deck = _deck(choice, kinds)
        strike = _strike(choice, deck.pop(), at_s, names, severity)
        found.append(_longer(strike, over_s - at_s) if over_s >= LONG_ROUND_S else strike)
        at_s += max(GAP_S_MIN, choice.expovariate(1 / severity.gap_s))
    return found


def _longer(strike: Strike, left_s: float) -> Strike:
    """Stretch a long freeze, as far as it ends while the round still has load."""
    low, high = LONG_FREEZE_S
    if strike.kind is not Kind.FREEZE or strike.lasts_s < low:
        return strike
    longest_s = max(high, min(LONGEST_FREEZE_S, left_s))
    share = (strike.lasts_s - low) / (high - low)
    return replace(strike, lasts_s=low + share * (longest_s - low))


def _deck(choice: random.Random, kinds: Sequence[Kind]) -> list[Kind]:
    """Give every kind as often as its weight says, so that a short round has some of each."""
    each = [*kinds]
    rest = [kind for kind in kinds for _ in range(WEIGHTS[kind] - 1)]
    choice.shuffle(each)
    choice.shuffle(rest)
    return [*rest, *each]  # drawn from the end: some of each come first


def _strike(
    choice: random.Random, kind: Kind, at_s: float, names: Sequence[str], severity: Severity
) -> Strike:
    target = choice.choice(names)
    match kind:
        case Kind.KILL:
            moment = ""
            if choice.random() < NAMED_MOMENT_SHARE:
                step = choice.choice(("", *severity.moments_with))
                if step:
                    takers = [one for one in names if _is_of(one, severity.moments_of)]
                    target = choice.choice(takers or names)
                within = choice.choice(MOMENTS[:4] if step else MOMENTS)
                named = f"{within}/{step}" if step else str(within)
                count = 1 if step else choice.randint(1, MOMENT_COUNT_MAX)
                moment = f"{named}:{count}"
            told, early = choice.random() >= UNTOLD_SHARE, choice.random() < EARLY_SHARE
            again_s = choice.uniform(0, AGAIN_S_MAX)
            return Strike(at_s, kind, target, again_s, moment, told, early=early)
        case Kind.FREEZE:
            # Half of them outlast the session, so that a successor is at work when they thaw.
            low, high = FREEZE_S_MIN, PAST_SESSION_S
            if choice.random() < 0.5:  # noqa: PLR2004 - the half of the sentence above
                low, high = PAST_SESSION_S, severity.freeze_s_max
            if choice.random() < LONG_FREEZE_SHARE:
                low, high = LONG_FREEZE_S
            lasts_s, early = choice.uniform(low, high), choice.random() < EARLY_SHARE
            return Strike(at_s, kind, target, lasts_s, early=early)
        case Kind.BROKER:
            return Strike(at_s, kind, "", choice.uniform(0, BROKER_DOWN_S_MAX))
        case Kind.REBALANCE:
            count = choice.randint(1, JOINERS_MAX)
            return Strike(at_s, kind, target, choice.uniform(1, 6), count=count)
        case Kind.ENDTXN | Kind.CUTOFF:
            return Strike(at_s, kind, target, choice.uniform(3, 12))
        case Kind.PROVIDER:
            return Strike(at_s, kind, "", choice.uniform(4, 10))


def _is_of(name: str, agents: Sequence[str]) -> bool:
    """Whether a process is one of these agents'; the second one of an agent is named `AGENT-2`."""
    return any(name == agent or name.startswith(f"{agent}-") for agent in agents)
