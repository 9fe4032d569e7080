"""What invocations of a task rest for, folded from events, and in words. Pure.

A rest is known from the event that begins it until its invocation ends. That it is over and the
next try runs is told by no event, so the words say when it goes on and never that it stands still.
"""

from dataclasses import dataclass
from typing import assert_never

from handrail.ledger.event import (
    DeadLettered,
    Dropped,
    DropReason,
    Event,
    Finished,
    Rejected,
    Rested,
    RestWhy,
)
from handrail.wire.rfc3339 import rfc3339

RESTS_COUNT_MAX = 8  #: of one task whose words are kept, the newest


@dataclass(frozen=True, slots=True)
class RestFacts:
    """One invocation that rests, or has begun its next try."""

    invocation: str
    agent: str
    why: RestWhy
    failed_count: int
    until_ms: int
    sentence: str


def rests_after(rests: tuple[RestFacts, ...], event: Event) -> tuple[RestFacts, ...]:
    """Give what is known to rest after one more event of the same task."""
    match event:
        case Rested(invocation=of):
            rest = RestFacts(
                of, event.agent, event.why, event.failed_count, event.until_ms, event.sentence
            )
            others = tuple(one for one in rests if one.invocation != of)
            return (*others, rest)[-RESTS_COUNT_MAX:]
        case Finished(invocation=of) | DeadLettered(invocation=of):
            return tuple(one for one in rests if one.invocation != of)
        case Dropped(reason=DropReason.REPEAT):
            return rests
        case Dropped(ce_id=of) | Rejected(ce_id=of):
            return tuple(one for one in rests if one.invocation != of)
        case _:
            return rests


def rest_in_words(rest: RestFacts | Rested) -> str:
    """Say what is waited for, until when, and why; without a full stop."""
    at = rfc3339(rest.until_ms)
    match rest.why:
        case RestWhy.RETRY:
            times = "once" if rest.failed_count == 1 else f"{rest.failed_count} times"
            return f"{rest.agent} has failed {times} and tries again at {at}, because {_said(rest)}"
        case RestWhy.PROVIDER:
            return f"{rest.agent} waits for a provider, because {_said(rest)}; it goes on by itself"
        case RestWhy.PAUSED:
            return f"{rest.agent} waits until it may go on, because {_said(rest)}"
        case RestWhy.VERSION:
            return f"{rest.agent} waits for another version of itself, because {_said(rest)}"
        case _:
            assert_never(rest.why)


def _said(rest: RestFacts | Rested) -> str:
    return rest.sentence.rstrip(".") or "of an error without words"
