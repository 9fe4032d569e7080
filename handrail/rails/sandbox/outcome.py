"""How a call in the sandbox ended: a closed set, each in words a person can act on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from handrail.contract.failure import RetryClass, State


class Ending(StrEnum):
    """How it ended."""

    DONE = "done"
    REFUSED = "refused"  #: the body itself, in one of the declared states
    FAILED = "failed"  #: the body raised something else
    TIMED_OUT = "timed_out"  #: its time was over, and its process tree was killed
    OUT_OF_MEMORY = "out_of_memory"
    OUT_OF_CPU = "out_of_cpu"
    OUTPUT_TOO_LARGE = "output_too_large"
    DIED = "died"  #: its process ended without an answer, or answered nonsense
    UNAVAILABLE = "unavailable"  #: it was not run: this machine cannot confine it as it requires

    @property
    def began(self) -> bool:
        """Whether the body may have done something before it ended."""
        return self is not Ending.UNAVAILABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a call."""

    ending: Ending
    result: bytes = b""  #: JSON; only when it is done
    state: State | None = None  #: why it is not done, when nothing more is known of the tool
    title: str = ""
    detail: str = ""
    remedy: str = ""
    retry_after_s: float | None = None
    retry: RetryClass | None = None  #: None: what the state says
    error: str = ""  #: the class of what the body raised, as its process names it
    judged: Mapping[str, object] = field(default_factory=dict[str, object])  #: see `child.Raised`
    log: str = ""  #: the end of what the body wrote to its output, cleared of its secrets


_WORDS: dict[Ending, tuple[str, str]] = {
    Ending.FAILED: (
        "The tool failed with an error of its own.",
        "Let the tool's owner look at the log; its words and its trace are there.",
    ),
    Ending.TIMED_OUT: (
        "The tool did not end within {fact} s, and its processes were killed.",
        "Find out at the other side whether it happened; if it is merely slow, raise timeout_s.",
    ),
    Ending.OUT_OF_MEMORY: (
        "The tool wanted more than its {fact} bytes of memory.",
        "Find out at the other side whether it happened; have it hold less at a time.",
    ),
    Ending.OUT_OF_CPU: (
        "The tool used up its {fact} s of computing time and was killed.",
        "Find out at the other side whether it happened; raise timeout_s or have it compute less.",
    ),
    Ending.OUTPUT_TOO_LARGE: (
        "The tool gave back {fact} bytes, which is more than it may.",
        "Ask for less, or let the tool's owner have it give back less.",
    ),
    Ending.DIED: (
        "The tool's process ended without an answer: {fact}.",
        "Find out at the other side whether it happened; the log may say why it ended.",
    ),
}

#: What the gateway may report when it knows nothing more. A body that was cut off has perhaps
#: acted: the effect class of the tool decides what that means.
_STATES: dict[Ending, State] = {
    Ending.FAILED: State.INTERNAL,
    Ending.TIMED_OUT: State.OUTCOME_UNKNOWN,
    Ending.OUT_OF_MEMORY: State.OUTCOME_UNKNOWN,
    Ending.OUT_OF_CPU: State.OUTCOME_UNKNOWN,
    Ending.OUTPUT_TOO_LARGE: State.OUTPUT_INVALID,
    Ending.DIED: State.OUTCOME_UNKNOWN,
}


def ended(ending: Ending, fact: object, log: str = "") -> Outcome:
    """Give the outcome of a call that is not done, in words."""
    detail, remedy = _WORDS[ending]
    state = _STATES[ending]
    return Outcome(
        ending=ending,
        state=state,
        title=state.headline,
        detail=detail.format(fact=str(fact).rstrip(".")),
        remedy=remedy,
        log=log,
    )


def unavailable(detail: str, remedy: str) -> Outcome:
    """Give the outcome of a call that was not run for want of a sandbox."""
    return Outcome(
        ending=Ending.UNAVAILABLE,
        state=State.SANDBOX_UNAVAILABLE,
        title=State.SANDBOX_UNAVAILABLE.headline,
        detail=detail,
        remedy=remedy,
    )
