"""I1 and I12: no acknowledged task is lost, and once the faults are over nothing hangs."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from handrail.chaos.checker.reading import REMEMBERED, Handed, Reading, Told, reading
from handrail.chaos.checker.violation import Harm, Violation, at
from handrail.chaos.history import Fate, History, Submission
from handrail.errors import WireError
from handrail.lane.journal import Kind
from handrail.lane.poison import Standing
from handrail.ledger.event import DeadLettered, Finished, Rejected
from handrail.ledger.task_record import RESULTS, TASKS, decode_end, decode_row
from handrail.ledger.task_state import ENDED_STATES, TaskFacts, TaskState, fold
from handrail.wire.dead_letter import DeadLetter, Reason
from handrail.wire.record import Record, TopicPartition

WAITS_FOR_PERSON = frozenset({TaskState.INPUT_REQUIRED, TaskState.AUTH_REQUIRED})


@lru_cache(maxsize=4)
def states(history: History) -> Mapping[str, TaskFacts]:
    """Fold the ledger into what is known of each task at the end of the run."""
    found: dict[str, TaskFacts] = {}
    for told in reading(history).told:
        found[told.event.task_id] = fold(found.get(told.event.task_id), told.event)
    return found


# ---- I1


def no_acknowledged_task_is_lost(history: History) -> Iterable[Violation]:
    """Each ends finished, dead with its record, or waits for a person with its request."""
    here = reading(history)
    known = states(history)
    results = _results_by_task(here)
    for submission in history.submissions:
        yield from _where_it_was_written(here, submission)
        facts = known.get(submission.task)
        given = results.get(submission.task, ())
        why = _not_ended(facts, submission, len(given))
        name = submission.reference or submission.task
        if why:
            yield Violation("I1", f"task {name} was acknowledged and {why}", (submission.task,))
        if submission.results is not None and len(given) > submission.results:
            sentence = (
                f"task {name} gave {len(given)} results where {submission.results} is planned"
            )
            yield Violation("I1", sentence, at(*(one.record for one in given)), Harm.DOUBLED)
    yield from _deaths_without_letter(here)
    for told, event in _innocents_quarantined(here):
        sentence = f"{event.invocation} was set aside as poison, and its task kills nobody"
        yield Violation("I1", sentence, at(told.record), Harm.INNOCENT)


def _plans(history: History) -> Mapping[str, Submission]:
    """Give what was planned for each task, where it is known what a task does."""
    return {one.task: one for one in history.submissions if one.kind}


def _innocents_quarantined(here: Reading) -> Iterator[tuple[Told, DeadLettered]]:
    plans = _plans(here.history)
    for told in here.told:
        event = told.event
        if isinstance(event, DeadLettered) and event.reason == Reason.POISON:
            plan = plans.get(event.task_id)
            if plan is not None and not plan.may_die:
                yield told, event


def innocent_suspects(here: Reading) -> frozenset[str]:
    """Give the invocations that ran when their process died, of tasks that kill nobody."""
    plans = _plans(here.history)
    innocent = {
        told.event.invocation
        for told in here.told
        if isinstance(told.event, Finished | DeadLettered)
        and told.event.task_id in plans
        and not plans[told.event.task_id].may_die
    }
    suspects = {
        entry.invocation
        for _, entry in here.entries(Kind.ACCEPTED)
        if Standing.of(entry.facts).involved_count
    }
    return frozenset(innocent & suspects)


def _where_it_was_written(here: Reading, submission: Submission) -> Iterator[Violation]:
    if submission.offset < 0:
        return
    where = TopicPartition(here.history.full(submission.topic), submission.partition)
    log = here.history.records.get(where, ())
    if not any(
        one.record.offset == submission.offset and one.fate is Fate.COMMITTED for one in log
    ):
        place = f"{where.topic}[{where.partition}]@{submission.offset}"
        sentence = f"the acknowledged record of {submission.reference or submission.task} is gone"
        yield Violation("I1", sentence, (place,))


def _not_ended(facts: TaskFacts | None, submission: Submission, results: int) -> str:
    if facts is None:
        if submission.results is not None and results >= submission.results:
            return "nobody has said that it was taken in"
        return "nothing is known of it"
    if facts.state in WAITS_FOR_PERSON:
        return ""
    if facts.state not in ENDED_STATES:
        return f"is still {facts.state}, with {facts.open} open records"
    if facts.state is TaskState.FAILED and not submission.may_die:
        words = "; ".join(loss.sentence for loss in facts.losses)
        if submission.dies:
            return f"was to die once and be sent back, and is dead in the end: {words}"
        return f"died, which nothing in its plan asks for: {words}"
    planned = submission.results
    if facts.state is TaskState.COMPLETED and planned is not None and results < planned:
        return f"completed with {results} of {planned} results"
    return ""


def _results_by_task(here: Reading) -> Mapping[str, list[Handed]]:
    found: dict[str, list[Handed]] = defaultdict(list)
    for handed in here.handed:
        if handed.topic == RESULTS:
            task = handed.envelope.task_id if handed.envelope else _text(handed.record.key)
            found[task].append(handed)
    return found


def _deaths_without_letter(here: Reading) -> Iterator[Violation]:
    letters = _letters(here)
    for told in here.told:
        event = told.event
        if not isinstance(event, DeadLettered | Rejected):
            continue
        topic = here.history.full(event.topic)
        if event.offset >= 0:
            found = (topic, event.partition, event.offset) in letters
        else:
            found = any(place[:2] == (topic, event.partition) for place in letters)
        if not found:
            of = f"{event.topic}[{event.partition}]@{event.offset}"
            sentence = f"{of} died ({event.reason}) and its dead letter is nowhere"
            yield Violation("I1", sentence, at(told.record))


def _letters(here: Reading) -> frozenset[tuple[str, int, int]]:
    found: set[tuple[str, int, int]] = set()
    for topic in here.history.topics():
        if topic.endswith(".dead"):
            for record in here.history.committed(topic):
                try:
                    letter = DeadLetter.from_record(record)
                except WireError:
                    continue  # whether it is complete is another invariant's question
                found.add((letter.topic, letter.partition, letter.offset))
    return frozenset(found)


# ---- I12


def nothing_hangs_once_the_faults_are_over(history: History) -> Iterable[Violation]:
    """After its time to settle: no lag, nothing running, nothing resting without a reason."""
    if not history.run.settled:
        return
    here = reading(history)
    yield from _open_transactions(history)
    yield from _unfinished_records(here)
    yield from _groups_that_were_not_told(here)
    yield from _resting_without_reason(here)
    yield from _rows_that_lag(here)


def _rows_that_lag(here: Reading) -> Iterator[Violation]:
    """The registrar's last word on each task is what its events fold into, and results has it."""
    known = states(here.history)
    rows: dict[str, TaskFacts] = {}
    for record in here.history.committed(TASKS):
        if record.value is not None:
            facts = decode_row(record).facts
            rows[facts.task_id] = facts
    if not rows:
        return  # a team without a registrar
    ends = [decode_end(record) for record in here.history.committed(RESULTS)]
    ended = {end.task for end in ends if end is not None}
    ended |= {one.envelope.task_id for one in here.handed if one.topic == RESULTS and one.envelope}
    for task, facts in known.items():
        row = rows.get(task)
        if row is None or row.state is not facts.state:
            state = "has no row" if row is None else f"has the state {row.state}"
            yield Violation("I12", f"task {task} {state}, and its events say {facts.state}")
        if facts.ended and task not in ended:
            sentence = f"task {task} ended as {facts.state}, and results has no last record of it"
            yield Violation("I12", sentence)


def _open_transactions(history: History) -> Iterator[Violation]:
    for log in history.records.values():
        for seen in log:
            if seen.fate is Fate.OPEN:
                yield Violation("I12", "a transaction was still open at the end", (seen.where,))
                break


def _unfinished_records(here: Reading) -> Iterator[Violation]:
    for handed in here.handed:
        agent = here.inboxes.get(handed.topic)
        if agent is None:
            continue
        come = here.progress.get(here.journal_beside(handed.topic, handed.record.partition), ())
        if not come or not come[-1].has_finished(handed.record.offset):
            sentence = f"{agent} has not finished {handed.id}"
            yield Violation("I12", sentence, at(handed.record))


def _groups_that_were_not_told(here: Reading) -> Iterator[Violation]:
    prefix = f"{here.history.run.namespace}."
    last = {(one.group, one.topic, one.partition): one for one in here.history.offsets}
    for one in last.values():
        inbox = one.topic.removeprefix(prefix)
        if inbox not in here.inboxes:
            continue
        come = here.progress.get(here.journal_beside(inbox, one.partition), ())
        if come and come[-1].low != one.offset:
            sentence = (
                f"group {one.group} was told offset {one.offset} of"
                f" {one.topic}[{one.partition}], and its lane had come to {come[-1].low}"
            )
            yield Violation("I12", sentence, at(come[-1].line.record))


def _resting_without_reason(here: Reading) -> Iterator[Violation]:
    known, run = states(here.history), here.history.run
    for live in here.live.values():
        for line in live.values():
            entry = line.entry
            if entry is None or entry.kind in REMEMBERED:
                continue
            invocation = entry.invocation
            wake_ms = entry.facts.get("wake_ms")
            if wake_ms is not None and int(str(wake_ms)) > run.ended_ms:
                continue
            task = _task_of(line.record, entry.facts) or _task_of_invocation(here, invocation)
            facts = known.get(task)
            if facts is not None and facts.state in WAITS_FOR_PERSON:
                continue
            state = "unknown" if facts is None else facts.state
            sentence = (
                f"{line.agent} still keeps {entry.kind} of {invocation}, and its task {task or '?'}"
                f" is {state}, which gives no reason to wait"
            )
            yield Violation("I12", sentence, at(line.record))


def _task_of(record: Record, facts: Mapping[str, object]) -> str:
    own = facts.get("task")
    return str(own) if own else _text(record.header("ce_taskid"))


def _task_of_invocation(here: Reading, invocation: str) -> str:
    for handed in here.by_id.get(invocation, ()):
        if handed.envelope is not None:
            return handed.envelope.task_id
    for told in here.told:
        of = getattr(told.event, "invocation", None) or getattr(told.event, "gather", None)
        if invocation in (of, getattr(told.event, "ce_id", None)):
            return told.event.task_id
    return ""


def _text(data: bytes | None) -> str:
    return (data or b"").decode(errors="replace")
