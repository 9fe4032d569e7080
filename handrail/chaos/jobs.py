"""Draws the jobs that the chaos team is loaded with: each is a plan of its own, made from a seed.

Pure: the same seed and number give the same job. A job has 3 to 8 hops, is cut into 2 to 4 parts
at some of them, and takes steps of every effect class.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HOPS_MIN, HOPS_MAX = 3, 8
PARTS_MIN, PARTS_MAX = 2, 4
STEPS_MAX = 3  #: at one station
CUSTOMERS = 7
CUT_SHARE = 0.35  #: of the stations at which a job could be cut up
TOGETHER_SHARE = 0.25  #: of the stations whose steps run side by side
MEMORY_SHARE = 0.15  #: of the stations that write to memory and wait for the keeper
ASK_SHARE = 0.1  #: of the stations that ask another agent
REST_SHARE = 0.1  #: of the stations that sleep
REST_S = (0.2, 3.0)
ENDS = 2  #: hops that every job has: where it is opened and where it is closed
CUT_HOPS = 2  #: hops that cutting takes: the parts, and where they meet

#: Tool of the chaos team → how often it is drawn; what is unsafe is drawn apart.
TOOLS: Mapping[str, int] = {"reckon": 1, "look": 2, "think": 3, "book": 2, "order": 2}
UNSAFE = "pay"

assert HOPS_MIN > ENDS
assert HOPS_MIN <= HOPS_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """Which share of the jobs is out of the ordinary."""

    unsafe: float = 0.01  #: take one step that may happen at most once
    poison: float = 0.006  #: kill whichever process closes them; each keeps a round for a minute
    person: float = 0.02  #: wait for a person before they begin; half of them are answered
    urgent: float = 0.3  #: are of high priority
    dead: float = 0.05  #: die once at a station, until people have let them through


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """A job, and what is known of its end before it begins."""

    number: int
    body: Mapping[str, Any]
    kind: str
    parts: int  #: of all its fan-outs
    urgent: bool = False  #: it is handed in with high priority
    dies: bool = False  #: it dies once, and is sent back

    @property
    def reference(self) -> str:
        """The name under which it is submitted."""
        return f"job-{self.number}"


def planned(seed: int, number: int, mixture: Mixture) -> PlannedJob:
    """Draw one job."""
    choice = random.Random(f"{seed}/{number}")  # noqa: S311 - chance of a test, not of a secret
    unsafe, poison = choice.random() < mixture.unsafe, choice.random() < mixture.poison
    asks = choice.random() < mixture.person
    hops = [_hop(choice)]
    left = choice.randint(HOPS_MIN, HOPS_MAX) - ENDS
    cut_before = False
    while left > 0:
        cut_before = not cut_before and left >= CUT_HOPS and choice.random() < CUT_SHARE
        parts = choice.randint(PARTS_MIN, PARTS_MAX) if cut_before else 0
        hops.append(_hop(choice, parts))
        left -= CUT_HOPS if cut_before else 1
    if unsafe:
        alone = [hop for hop in hops if not hop["parts"]]
        choice.choice(alone)["steps"].append(UNSAFE)
    # Drawn apart, so that a seed draws the same steps whatever is remembered, or urgent.
    remembers = random.Random(f"{seed}/{number}/memory")  # noqa: S311 - the same
    for hop in hops:
        hop["remembers"] = remembers.random() < MEMORY_SHARE
    waits = random.Random(f"{seed}/{number}/waits")  # noqa: S311 - the same
    for hop in hops:
        hop["asks"] = waits.random() < ASK_SHARE
        rest_s = round(waits.uniform(*REST_S), 1)
        hop["rests_s"] = rest_s if waits.random() < REST_SHARE else 0.0
    ahead = random.Random(f"{seed}/{number}/priority")  # noqa: S311 - the same
    urgent = ahead.random() < mixture.urgent
    fate = random.Random(f"{seed}/{number}/death")  # noqa: S311 - the same
    dies = fate.random() < mixture.dead and not poison
    # Of a part that dies its gather is told, and goes on without it: nothing to be sent back.
    fated = fate.choice([hop for hop in hops if not hop["parts"]])
    for hop in hops:
        hop["dies"] = dies and hop is fated
    body: dict[str, Any] = {
        "number": number,
        "customer": f"c{choice.randrange(CUSTOMERS)}",
        "hops": hops,
        "poison": poison,
        "asks": asks,
    }
    kind = "asks" if asks else "poison" if poison else "unsafe" if unsafe else "ordinary"
    return PlannedJob(number, body, kind, sum(hop["parts"] for hop in hops), urgent, dies)


def _hop(choice: random.Random, parts: int = 0) -> dict[str, Any]:
    names = choice.choices([*TOOLS], [*TOOLS.values()], k=choice.randint(0, STEPS_MAX))
    return {"steps": names, "together": choice.random() < TOGETHER_SHARE, "parts": parts}
