"""Changes to a recorded run in what a lane licensed, kept in order, or remembered."""

from dataclasses import replace

import orjson

from handrail.chaos.checker.reading import Line, reading
from handrail.chaos.history import Fault, Happening, History, Phase
from handrail.lane.journal import Kind, entry_key
from handrail.ledger.event import (
    Finished,
    PersonAsked,
    StepWasted,
)
from handrail.wire.late_outcome import LateOutcome, LateState
from handrail.wire.record import Record, TopicPartition
from tests.unit.chaos.checker.changes import (
    added,
    changed,
    first,
    headed,
    last_progress,
    lines,
    retold,
    swapped,
    told,
    topic,
    with_facts,
    with_progress,
    without,
)

# ---- effects and doubts


def an_unsafe_act_happens_twice(day: History) -> History:
    act = next(e for e in day.effects if e.tool == "pay" and e.happened is Happening.EFFECTED)
    return replace(day, effects=[*day.effects, act])


def waste_is_not_booked(day: History) -> History:
    twice = [
        one.event.step
        for one in told(day, StepWasted)
        if isinstance(one.event, StepWasted) and ".m" not in one.event.step
    ]
    assert twice
    return without(day, *(one.record for one in told(day, StepWasted)))


def waste_is_booked_twice(day: History) -> History:
    return added(day, first(told(day, StepWasted)).record)


def a_try_has_another_key(day: History) -> History:
    line = lines(day, Kind.INTENT, name="book", attempt=2)[0]
    return with_facts(day, line, idem_key="0" * 64)


def a_recorded_step_is_licensed_again(day: History) -> History:
    recorded = first(lines(day, Kind.OUTCOME, name="book"))
    entry = recorded.entry
    intent = [
        line
        for line in lines(day, Kind.INTENT, name="book")
        if line.entry is not None
        and (line.entry.invocation, line.entry.path) == (entry.invocation, entry.path)
    ][-1]
    return swapped(day, intent.record, recorded.record)


def a_look_is_asked_for_again(day: History) -> History:
    act = next(e for e in day.effects if e.tool == "look" and e.happened is Happening.BEGUN)
    return replace(day, effects=[*day.effects, replace(act, time_ms=day.run.ended_ms)])


def a_look_is_asked_for_again_long_after_another_was_frozen(day: History) -> History:
    begun = Fault(time_ms=day.run.started_ms, fault="freeze", target="joiner")
    frozen = [begun, replace(begun, phase=Phase.ENDED)]
    return replace(a_look_is_asked_for_again(day), faults=[*frozen, *day.faults])


def doubts_have_no_crash(day: History) -> History:
    return replace(day, faults=[])


def a_doubt_is_told_late(day: History) -> History:
    line = lines(day, Kind.IN_DOUBT)[-1]
    assert line.entry is not None
    told_ms = line.entry.written_ms
    # No other death may explain it.
    faults = [fault for fault in day.faults if fault.time_ms < told_ms]
    ended = replace(faults[-1], phase=Phase.ENDED, time_ms=told_ms)
    return replace(with_facts(day, line, ts=told_ms + 60_000), faults=[*faults, ended])


def a_doubt_is_told_late_while_others_are_struck(day: History) -> History:
    """A process died for good, and another stood still until shortly before it was told."""
    late = a_doubt_is_told_late(day)
    line = lines(late, Kind.IN_DOUBT)[-1]
    assert line.entry is not None
    dead = Fault(time_ms=day.run.started_ms, fault="kill", target="maker")
    stood = Fault(time_ms=line.entry.written_ms - 5_000, fault="freeze", target="joiner")
    went_on = replace(stood, time_ms=line.entry.written_ms - 1_000, phase=Phase.ENDED)
    return replace(late, faults=[*late.faults, dead, stood, went_on])


def only_processes_came_and_went(day: History) -> History:
    """What was paid for again had no other cause."""
    return replace(day, faults=[replace(fault, fault="rebalance") for fault in day.faults])


def nobody_was_asked_about_a_doubt(day: History) -> History:
    return without(day, *(one.record for one in told(day, PersonAsked)))


def an_unsafe_outcome_is_lost(day: History) -> History:
    return without(day, lines(day, Kind.OUTCOME, name="pay")[0].record)


def classes_come_before_answers(day: History) -> History:
    """The decision said that it had happened, and the step was begun again all the same."""
    for record in topic(day, "cashier.answers"):
        body = orjson.loads(record.value or b"")
        if not body["happened"]:
            return changed(day, record, value=orjson.dumps({**body, "happened": True}))
    raise AssertionError


# ---- epochs and order


def a_decision_is_taken_by_nobody(day: History) -> History:
    """The request waits on, although somebody has decided."""
    doubt = _open_doubt(day)
    assert doubt.entry is not None
    decided = topic(day, "cashier.answers")[0]
    request = f"{doubt.entry.invocation}/{doubt.entry.path}/1".encode()
    about = replace(
        decided, headers=headed(decided, "ce_for", request), partition=doubt.record.partition
    )
    return added(day, about)


def an_answer_is_about_an_attempt_that_was_never_licensed(day: History) -> History:
    """An earlier owner has not begun an attempt of this number, and its licence is nowhere."""
    doubt = _open_doubt(day)
    assert doubt.entry is not None
    said = LateOutcome(
        doubt.entry.invocation, doubt.entry.path, 1, LateState.NOT_BEGUN, begun_in=0
    ).outgoing(day.full("cashier.answers"), doubt.record.partition, day.run.ended_ms)
    record = Record(
        said.topic,
        doubt.record.partition,
        0,
        day.run.ended_ms,
        said.key,
        said.value,
        tuple(said.headers),
    )
    return with_progress(added(day, record), last_progress(day, doubt.record.where), answers=1000)


def an_epoch_goes_back(day: History) -> History:
    line = lines(day, Kind.EPOCH)[-1]
    assert line.entry is not None
    return with_facts(day, line, epoch=line.entry.epoch - 1)


def a_zombie_is_licensed(day: History) -> History:
    """An intent under the epoch of an owner before, as where nothing fences it."""
    line = lines(day, Kind.INTENT, attempt=2)[-1]
    return with_facts(day, line, epoch=0)


def a_zombie_finishes(day: History) -> History:
    where = TopicPartition("test.maker.journal", 0)
    return with_progress(day, last_progress(day, where), epoch=1)


def _of_one_key(day: History) -> list[Record]:
    of_key: dict[object, list[Record]] = {}
    for record in topic(day, "bills"):
        of_key.setdefault((record.partition, record.key), []).append(record)
    return next(those for those in of_key.values() if len(those) > 1)


def two_of_a_key_overlap(day: History) -> History:
    places = [(record.partition, record.offset) for record in _of_one_key(day)[:2]]
    by_place = {
        (one.event.partition, one.event.offset): one
        for one in told(day, Finished)
        if isinstance(one.event, Finished) and one.event.agent == "cashier"
    }
    earlier, later = (by_place[place] for place in places)
    return retold(day, later, started_ms=earlier.event.time_ms - 1)


def two_of_a_key_change_places(day: History) -> History:
    return swapped(day, *_of_one_key(day)[:2])


# ---- journals


def _open_doubt(day: History) -> Line:
    found = [
        line
        for live in reading(day).live.values()
        for line in live.values()
        if line.entry is not None and line.entry.kind is Kind.IN_DOUBT
    ]
    return found[0]


def the_pointer_passes_a_live_record(day: History) -> History:
    live = _open_doubt(day)
    line = last_progress(day, live.record.where)
    return with_progress(day, line, journal=live.record.offset + 1)


def a_copy_forward_leaves_an_intent_behind(day: History) -> History:
    """All that is live is written again, but for the licence of the step that is in doubt."""
    where = _open_doubt(day).record.where
    live = reading(day).live[where]
    end = max(seen.record.offset for seen in day.records[where]) + 1
    last = last_progress(day, where).record
    for line in live.values():
        if line.entry is not None and line.entry.kind is not Kind.INTENT:
            day = added(day, line.record)
    day = added(day, last)
    return with_progress(day, reading(day).progress[where][-1].line, journal=end)


def an_answer_counts_as_settled_that_is_waited_for(day: History) -> History:
    doubt = _open_doubt(day)
    assert doubt.entry is not None
    answer = topic(day, "cashier.answers")[0]
    request = f"{doubt.entry.invocation}/{doubt.entry.path}/1".encode()
    day = added(
        day,
        replace(
            answer,
            partition=doubt.record.partition,
            headers=headed(answer, "ce_for", request),
            timestamp_ms=day.run.ended_ms,
        ),
    )
    return with_progress(day, last_progress(day, doubt.record.where), answers=1000)


def an_answer_waits_in_a_mailbox(day: History) -> History:
    one = topic(day, "bills")[0]
    return changed(day, one, headers=headed(one, "ce_for", b"somebody/1/1"))


def two_kinds_have_one_key(day: History) -> History:
    line = lines(day, Kind.OUTCOME, name="pay")[0]
    assert line.entry is not None
    key = entry_key(line.entry.invocation, Kind.INTENT, line.entry.path)
    return changed(day, line.record, key=key)


def something_rests_for_no_reason(day: History) -> History:
    """The journal keeps what ended long ago: its tombstone was never written."""
    gone = [
        line.record
        for line in reading(day).lines()
        if line.record.value is None and b"/gathered/" in line.key
    ]
    return without(day, gone[0])
