"""What of the failed steps of a run is forgotten, so that the next try can do them again. Pure.

A recorded error is played back like a result, so a try that is to end otherwise has to forget it.
Guarantees: an error is forgotten only when its class says that another time can help, when doing
the step again can do no harm, and when nothing that is recorded could have followed from it. So a
handler that has caught an error and taken another way takes the same way in its next try. The
intent stays, and with it the number of the attempt.

A failure may say since which step everything has to be done anew, because that step's result is
what it failed on: what was read of a memory that somebody has written since. Then everything from
there on is forgotten, if none of it may happen only once, and if the failure is what ended the run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from handrail.contract.effect import Effect
from handrail.contract.failure import Refused, State
from handrail.errors import FailureClass
from handrail.lane.failure_class import Failure, ToolBroke, classify, is_unbilled
from handrail.lane.journal import Entry
from handrail.lane.steps import ANEW, StepLog, StepRecord, StepState

#: Refusals that say that nothing has happened.
NOTHING_HAPPENED = frozenset(
    {
        State.RATE_LIMITED,
        State.QUOTA_EXCEEDED,
        State.DEPENDENCY_UNAVAILABLE,
        State.TIMEOUT_NO_EFFECT,
    }
)
#: A second time does no harm, or costs money and is worth it.
_REPEATABLE = frozenset({Effect.PURE, Effect.READ, Effect.PAID})
#: Their receiver sees to it that a second time is none: by the key, or by being asked first.
_RECEIVER_KNOWS = frozenset({Effect.IDEMPOTENT, Effect.QUERYABLE})


@dataclass(frozen=True, slots=True)
class StepFailure:
    """What is recorded of a failed step beside its error."""

    failure: Failure
    nothing_happened: bool  #: known of the step by this error, whatever its effect is

    @classmethod
    def of(cls, error: BaseException, effect: Effect, *, earlier: bool = False) -> "StepFailure":
        """Judge what a step has raised; `earlier` when an attempt before it may have acted."""
        failure = classify(error)
        if isinstance(error, ToolBroke):
            return cls(failure, nothing_happened=False)
        if isinstance(error, Refused):
            unknown = error.state is State.OUTCOME_UNKNOWN
            if unknown and effect in _REPEATABLE | _RECEIVER_KNOWS:
                # It can be found out, or does not matter: the next try does.
                failure = replace(failure, failure_class=FailureClass.TRANSIENT)
            return cls(failure, error.state in NOTHING_HAPPENED and not earlier)
        return cls(failure, effect is Effect.PAID and is_unbilled(error))

    def facts(self) -> dict[str, object]:
        """Give it as facts of an OUTCOME."""
        failure = self.failure
        return {
            "failure": failure.failure_class.value,
            "quick_only": failure.quick_only,
            "wait_ms": failure.retry_after_ms,
            "nothing_happened": self.nothing_happened,
        }

    @classmethod
    def recorded(cls, outcome: Entry, error: BaseException, effect: Effect) -> "StepFailure":
        """Read what `facts` gave; an outcome without them is judged by its error."""
        facts = outcome.facts
        if "failure" not in facts:
            return cls.of(error, effect)
        wait_ms = facts.get("wait_ms")
        failure = Failure(
            FailureClass(str(facts["failure"])),
            quick_only=bool(facts["quick_only"]),
            retry_after_ms=None if wait_ms is None else int(str(wait_ms)),
        )
        return cls(failure, bool(facts["nothing_happened"]))

    def may_repeat(self, effect: Effect) -> bool:
        """Whether the step may be done again by the next try."""
        if self.failure.failure_class is FailureClass.FATAL or effect is Effect.ASK:
            return False
        return self.nothing_happened or effect in _REPEATABLE or effect in _RECEIVER_KNOWS

    def voids_intent(self, effect: Effect) -> bool:
        """Whether what was begun leaves no question: neither a doubt nor money that is lost."""
        return self.nothing_happened or effect in _REPEATABLE


@dataclass(slots=True)
class _Failed:
    error: BaseException
    failure: StepFailure
    effect: Effect
    asked_count: int  #: how much had been asked for by the time of the failure
    since: str | None = None  #: the step from which on everything is done anew


class RunErrors:
    """The failed steps of one run of a handler, and what it asked for after each."""

    def __init__(self) -> None:
        """Begin with a run that has asked for nothing."""
        self._asked: list[str] = []
        self._failed: dict[str, _Failed] = {}

    @property
    def steps_asked(self) -> int:
        """Give the number of the handler's last step that was asked for."""
        return max((int(path) for path in self._asked if path.isdigit()), default=0)

    def ask(self, path: str) -> None:
        """Note that something is asked for; of a step of the handler when it gets its number."""
        self._asked.append(path)

    def fail(
        self,
        path: str,
        error: BaseException,
        failure: StepFailure,
        effect: Effect,
        *,
        since: str | None = None,
    ) -> None:
        """Note with which error a step has ended, recorded before or now."""
        self._failed[path] = _Failed(error, failure, effect, len(self._asked), since)

    def source(self, failure: BaseException) -> "tuple[str, StepFailure, bool] | None":
        """Give the step that a failure of the run comes from: path, how it failed, is it itself.

        None when it comes from no step, or says of itself what it is.
        """
        by_error = {id(one.error): (path, one) for path, one in self._failed.items()}
        error: BaseException | None = failure
        seen: set[int] = set()
        while error is not None and id(error) not in seen:
            seen.add(id(error))
            if id(error) in by_error:
                path, one = by_error[id(error)]
                return path, one.failure, error is failure
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return None

    def leaves_doubt(self, path: str) -> bool:
        """Whether nobody can know what this failed step has done."""
        one = self._failed[path]
        unknown = one.failure.failure.failure_class is not FailureClass.FATAL
        return one.effect is Effect.UNSAFE and unknown and not one.failure.nothing_happened

    def may_repeat(self, path: str, log: StepLog) -> bool:
        """Whether the next try may do this failed step again."""
        one = self._failed[path]
        if one.since is not None:
            return all(
                self._leaves_nothing(after, log.records[after])
                for after in self._from(one.since)
                if after in log.records
            )
        if not one.failure.may_repeat(one.effect):
            return False
        return not any(
            after in log.records and not _is_note(after)
            for after in self._followers(path, one.asked_count)
        )

    def forget(
        self, log: StepLog, now_ms: int, failure: BaseException | None = None
    ) -> tuple[Sequence[Entry], Sequence[bytes]]:
        """Forget what the next try may do again: entries to be written, keys to be removed.

        `failure` is what has ended the run.
        """
        written: list[Entry] = []
        removed: list[bytes] = []
        source = None if failure is None else self.source(failure)
        of = None if source is None else self._failed[source[0]]
        if source is not None and of is not None and of.since is not None:
            if self.may_repeat(source[0], log):
                self._forget_since(of.since, log, now_ms, (written, removed))
            return written, removed
        paths = [
            path
            for path, one in self._failed.items()
            if one.since is None and self.may_repeat(path, log)
        ]
        for path in paths:
            one, record = self._failed[path], log.records.get(path)
            if record is None or record.state is not StepState.FAILED:
                continue
            assert record.outcome is not None
            removed.append(record.outcome.key)
            record.outcome = None
            intent = record.intent
            if intent is None:
                del log.records[path]
            elif one.failure.voids_intent(one.effect):
                facts = {**intent.facts, "void": "another try"}
                if one.failure.nothing_happened:
                    facts["free"] = True
                record.intent = replace(intent, facts=facts, written_ms=now_ms)
                written.append(record.intent)
            # What was only noted after it is noted anew: the next try may not ask for it.
            for after in self._followers(path, one.asked_count):
                noted = log.records.pop(after, None) if _is_note(after) else None
                if noted is not None and noted.outcome is not None:
                    removed.append(noted.outcome.key)
        return written, removed

    def _from(self, since: str) -> list[str]:
        """What was asked for from a step on, that step among it."""
        if since not in self._asked:
            return []
        later = self._asked[self._asked.index(since) + 1 :]
        # What is within a call counts with its call, which may have begun before.
        calls = {since.partition(".")[0], *(path for path in later if "." not in path)}
        return [since, *(p for p in later if _is_note(p) or p.partition(".")[0] in calls)]

    def _leaves_nothing(self, path: str, record: StepRecord) -> bool:
        """Whether a step can be done anew: it does no harm, or it changed nothing."""
        failed, intent = self._failed.get(path), record.intent
        if failed is not None and failed.since is not None:
            return True
        if record.in_doubt is not None:
            return False
        return intent is None or Effect(str(intent.facts["effect"])) in _REPEATABLE

    def _forget_since(
        self, since: str, log: StepLog, now_ms: int, out: tuple[list[Entry], list[bytes]]
    ) -> None:
        written, removed = out
        for path in dict.fromkeys(self._from(since)):
            record = log.records.get(path)
            if record is None:
                continue
            if record.outcome is not None:
                removed.append(record.outcome.key)
                record.outcome = None
            if record.intent is None:
                del log.records[path]
            else:
                facts = {**record.intent.facts, "void": ANEW}
                record.intent = replace(record.intent, facts=facts, written_ms=now_ms)
                written.append(record.intent)

    def _followers(self, path: str, asked_count: int) -> list[str]:
        """What was asked for after this step had failed, except within calls begun before.

        Steps that run side by side have their numbers before any of them begins.
        """
        top = path.partition(".")[0]
        return [
            after
            for after in self._asked[asked_count:]
            if "." not in after or _is_note(after) or after.partition(".")[0] == top
        ]


def _is_note(path: str) -> bool:
    return not path[:1].isdigit()
