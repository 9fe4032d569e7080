"""The account of one round: what was asked of a team, what was done to it, what was found.

A round is one line of JSON, so that rounds of many days add up; it says on which sources it was
played, since only rounds of the same sources say something about the same program.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from handrail.chaos.checker.doubts import caught, told_after_take_over
from handrail.chaos.checker.moves import moved_in_peace
from handrail.chaos.checker.reading import reading
from handrail.chaos.checker.report import report, slowest_doubt_s
from handrail.chaos.checker.tasks import innocent_suspects
from handrail.chaos.checker.violation import Harm, Violation
from handrail.chaos.history import DOUBT_S_MAX, Happening, History, Phase
from handrail.chaos.nemesis import ENDS_HARMED
from handrail.chaos.play import Played
from handrail.chaos.strikes import Kind as Fault
from handrail.lane.journal import Kind

SENTENCES_MAX = 20  #: of the findings of one round; all are counted
SESSION_MS = 6_000  #: of a member of a group; whoever is frozen for longer thaws as a zombie


class Against(StrEnum):
    """Out of how many something is counted."""

    TASKS = "tasks"
    STEPS = "recorded steps"
    UNSAFE = "unsafe effects"
    WINDOWS = "unsafe steps struck in their window"
    ENDS = ENDS_HARMED
    ZOMBIES = "freezes past the session"
    KILLS = "kills"
    ACTS = "acts"
    REPEATED = "handlers run again"
    SUSPECTS = "innocents that ran when a process died"
    MOVES = "paid calls whose lane moved under them"
    DOUBTS = "doubts told after a take-over"
    SENT_BACK = "dead letters sent back"  #: no figure is out of them; who reads a line sees them


class Figure(StrEnum):
    """What a proof counts. All but the last three are promised never to happen."""

    LOST = Harm.LOST
    DOUBLED = Harm.DOUBLED
    UNSAFE = Harm.UNSAFE
    TORN = Harm.TORN
    REORDERED = Harm.REORDERED
    REPEATED = Harm.REPEATED
    ZOMBIE = Harm.ZOMBIE
    HANGING = Harm.HANGING
    INNOCENT = Harm.INNOCENT
    MOVED = Harm.MOVED
    UNTOLD = Harm.UNTOLD
    OTHER = Harm.OTHER
    IN_DOUBT = "in doubt"
    WASTED = "wasted"
    LATE = "acts after a take-over"  #: in the window between licence and act that nobody can close

    @property
    def is_promised(self) -> bool:
        """Whether it is promised never to happen."""
        return self not in (Figure.IN_DOUBT, Figure.WASTED, Figure.LATE)


AGAINST: Mapping[Figure, Against] = {
    Figure.LOST: Against.TASKS,
    Figure.DOUBLED: Against.TASKS,
    Figure.UNSAFE: Against.WINDOWS,
    Figure.TORN: Against.ENDS,
    Figure.REORDERED: Against.TASKS,
    Figure.REPEATED: Against.STEPS,
    Figure.ZOMBIE: Against.ZOMBIES,
    Figure.HANGING: Against.TASKS,
    Figure.INNOCENT: Against.SUSPECTS,
    Figure.MOVED: Against.MOVES,
    Figure.UNTOLD: Against.DOUBTS,
    Figure.OTHER: Against.TASKS,
    Figure.IN_DOUBT: Against.UNSAFE,
    Figure.WASTED: Against.KILLS,
    Figure.LATE: Against.ACTS,
}


#: What is bounded in time, and by how much.
LIMITS_S: Mapping[Figure, float] = {Figure.UNTOLD: DOUBT_S_MAX}


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round, as a line of the proof."""

    seed: int
    team: str
    sources: str  #: digest of the program, and of the team where it is not the shipped one
    at: str  #: when it began, RFC 3339 in UTC
    took_s: float
    counts: Mapping[str, int]  #: by `Against`: out of how many
    faults: Mapping[str, int]  #: by kind
    found: Mapping[str, int]  #: by `Figure`
    findings: Sequence[str] = field(default_factory=list[str])
    slowest_s: Mapping[str, float] = field(default_factory=dict[str, float])  #: by `Figure`
    rest_s: float = 0.0  #: after the last fault, until nothing moved any more
    history: str | None = None  #: where what was left is kept, from the project's folder

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found that is promised never to happen."""
        return not any(self.found.get(one, 0) for one in Figure if one.is_promised)

    @property
    def has_tried(self) -> bool:
        """Whether any handler ran: of tasks that are all refused nothing is said by it."""
        ran = (Against.STEPS, Against.ACTS, Against.REPEATED)
        return any(self.counts.get(one, 0) for one in ran)


def counted(history: History) -> dict[str, int]:
    """Count what the figures of a round are out of, as far as its history says."""
    here = reading(history)
    begun: dict[tuple[str, str], int] = {}
    zombies = kills = 0
    for fault in history.faults:
        if fault.phase is Phase.BEGUN:
            kills += fault.fault == Fault.KILL
            begun[fault.fault, fault.target] = fault.time_ms
        elif fault.fault == Fault.FREEZE:
            zombies += fault.time_ms - begun[fault.fault, fault.target] > SESSION_MS
    unsafe = [e for e in history.effects if e.effect == "unsafe"]
    return {
        Against.TASKS: len({one.task for one in history.submissions}),
        Against.STEPS: sum(1 for _ in here.entries(Kind.OUTCOME)),
        Against.UNSAFE: sum(one.happened is Happening.EFFECTED for one in unsafe),
        Against.WINDOWS: sum(1 for _ in caught(here)),
        Against.ZOMBIES: zombies,
        Against.ACTS: sum(one.happened is Happening.BEGUN for one in history.effects),
        Against.KILLS: kills,
        Against.SUSPECTS: len(innocent_suspects(here)),
        Against.MOVES: len(moved_in_peace(here)),
        Against.DOUBTS: sum(1 for _ in told_after_take_over(here)),
        Against.REPEATED: len(history.reruns),
        Against.SENT_BACK: sum(map(len, here.redriven.values())),
    }


def figures(history: History, violations: Sequence[Violation]) -> dict[str, int]:
    """Count violations by what they mean, and beside them what is no violation."""
    told = report(history, violations)
    found = {str(harm): figure.count for harm, figure in told.by_harm.items()}
    found[Figure.IN_DOUBT] = told.in_doubt.count
    found[Figure.WASTED] = told.wasted.count
    found[Figure.LATE] = told.late_acts.count
    return found


def account(
    history: History, played: Played, violations: Sequence[Violation], facts: Mapping[str, str]
) -> Round:
    """Draw up the account of a round; `facts` name its team, its sources and its time."""
    found, sentences = figures(history, violations), [str(one) for one in violations]
    for accident in played.accidents:
        found[Figure.OTHER] += 1
        sentences.append(f"{accident.name} ended although nobody ended it: {accident.words}")
    if not played.settled and not found[Figure.HANGING]:
        found[Figure.HANGING] += 1
        sentences.append("the team had not come to rest when its time was over")
    ends = played.faults.get(Against.ENDS, 0)
    return Round(
        seed=history.run.seed or 0,
        team=facts["team"],
        sources=facts["sources"],
        at=facts["at"],
        took_s=round(played.took_s, 1),
        counts={**counted(history), Against.ENDS: ends},
        faults={k: n for k, n in played.faults.items() if k != Against.ENDS},
        found=found,
        findings=sentences[:SENTENCES_MAX],
        slowest_s=_slowest_s(history),
        rest_s=round(played.rest_s, 1),
    )


def _slowest_s(history: History) -> dict[str, float]:
    slowest_s = slowest_doubt_s(reading(history))
    return {} if slowest_s is None else {Figure.UNTOLD.value: round(slowest_s, 1)}


def sources_of_engine() -> str:
    """Give a digest of every file of the engine that a round depends on."""
    return digest_of(Path(__file__).parents[1], ("*.py", "*.in", "*.lock"))


def digest_of(folder: Path, patterns: Sequence[str]) -> str:
    """Give a digest of the names and contents of files below a folder."""
    found = hashlib.sha256()
    for path in sorted({path for pattern in patterns for path in folder.rglob(pattern)}):
        if ".handrail" in path.parts or ".venv" in path.parts:
            continue
        data = path.read_bytes()
        found.update(f"{path.relative_to(folder).as_posix()}|{len(data)}|".encode() + data)
    return found.hexdigest()[:16]
