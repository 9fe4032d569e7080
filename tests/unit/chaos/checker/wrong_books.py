"""Changes to a recorded run that lose, double, invent or tear something."""

from dataclasses import replace

from handrail.chaos.checker.reading import reading
from handrail.chaos.history import Fate, Happening, History, Rerun, Watermark
from handrail.lane.journal import Kind
from handrail.ledger.event import (
    DeadLettered,
    Finished,
    PartGathered,
    Redriven,
)
from handrail.ledger.event_record import encode
from handrail.wire.record import Record, TopicPartition
from tests.unit.chaos.checker.changes import (
    added,
    changed,
    edited,
    first,
    headed,
    last_progress,
    lines,
    retold,
    told,
    topic,
    undone,
    with_progress,
    without,
)

# ---- what is lost, doubled, invented


def a_result_is_lost(day: History) -> History:
    (gone, *_) = topic(day, "results")
    return without(day, gone)


def a_handoff_is_lost(day: History) -> History:
    return without(day, topic(day, "made")[3])


def a_submission_is_lost(day: History) -> History:
    gone = topic(day, "orders")[2]
    one = next(s for s in day.submissions if gone.header("ce_subject") == s.reference.encode())  # type: ignore[union-attr]
    placed = replace(one, partition=gone.partition, offset=gone.offset)
    others = [placed if s is one else s for s in day.submissions]
    return replace(without(day, gone), submissions=others)


def a_task_that_was_acknowledged_is_unknown(day: History) -> History:
    return replace(day, submissions=[*day.submissions, replace(day.submissions[0], task="nobody")])


def an_id_is_doubled(day: History) -> History:
    return added(day, topic(day, "pieces")[0])


def an_invocation_ends_twice(day: History) -> History:
    return added(day, first(told(day, Finished)).record)


def an_id_is_random(day: History) -> History:
    one = topic(day, "made")[0]
    return changed(day, one, headers=headed(one, "ce_id", b"8c0b0b1c-0000-4000-8000-000000000000"))


def a_cause_is_invented(day: History) -> History:
    one = topic(day, "made")[0]
    return changed(day, one, headers=headed(one, "ce_causationid", b"nobody"))


def a_handoff_has_another_priority_than_its_task(day: History) -> History:
    one = topic(day, "made")[0]
    return changed(day, one, headers=headed(one, "ce_priority", b"high"))


def a_handoff_lies_on_the_other_inbox(day: History) -> History:
    one = topic(day, "made")[0]
    agents = [
        replace(agent, inboxes=(*agent.inboxes, "made.high")) if "made" in agent.inboxes else agent
        for agent in day.run.agents
    ]
    return added(
        replace(without(day, one), run=replace(day.run, agents=tuple(agents))),
        replace(one, topic=f"{one.topic}.high"),
    )


def an_act_has_no_intent(day: History) -> History:
    act = next(e for e in day.effects if e.tool == "pay" and e.happened is Happening.BEGUN)
    return without(day, *(line.record for line in lines(day, Kind.INTENT, idem_key=act.key)))


def an_intent_comes_after_its_act(day: History) -> History:
    act = next(e for e in day.effects if e.tool == "pay" and e.happened is Happening.BEGUN)
    line = first(lines(day, Kind.INTENT, idem_key=act.key))
    return changed(day, line.record, timestamp_ms=act.time_ms + 1)


# ---- what is torn


def an_end_is_not_told(day: History) -> History:
    return without(day, told(day, Finished, lambda one: one.agent == "maker")[0].record)


def a_handoff_is_written_that_no_end_names(day: History) -> History:
    one = first(told(day, Finished, lambda event: event.agent == "maker" and event.wrote))
    return retold(day, one, wrote=())


def an_end_does_not_finish_its_offset(day: History) -> History:
    where = TopicPartition("test.maker.journal", 0)
    line = last_progress(day, where)
    return with_progress(day, line, low=reading(day).progress[where][-1].low - 2)


def a_group_is_told_another_offset(day: History) -> History:
    one = next(o for o in day.offsets if o.topic == "test.pieces")
    moved = replace(one, offset=one.offset + 1)
    return replace(day, offsets=[moved if o is one else o for o in day.offsets])


def something_is_left_of_what_has_ended(day: History) -> History:
    gone = [
        line.record
        for line in reading(day).lines()
        if line.record.value is None and b"/outcome/" in line.key
    ]
    return without(day, gone[0])


def an_undone_record_is_carried_out(day: History) -> History:
    return undone(day, topic(day, "pieces")[1])


# ---- dead letters


def a_dead_letter_is_lost(day: History) -> History:
    return without(day, *topic(day, "cutter.dead"))


def a_dead_letter_lacks_a_header(day: History) -> History:
    (one,) = topic(day, "cutter.dead")
    return changed(day, one, headers=headed(one, "kafka_dlt-original-offset", None))


def a_dead_letter_has_other_bytes(day: History) -> History:
    (one,) = topic(day, "cutter.dead")
    return changed(day, one, value=b"{}")


def an_innocent_is_quarantined(day: History) -> History:
    """Whatever died is said to have killed its process, and its task was to kill nobody."""
    innocent = [replace(one, kind="ordinary", may_die=False) for one in day.submissions]
    dead = retold(day, first(told(day, DeadLettered)), reason="poison")
    return replace(dead, submissions=innocent)


def a_redrive_repeats_a_recorded_step(day: History) -> History:
    line = lines(day, Kind.OUTCOME, name="book")[0]
    assert line.entry is not None
    act = next(e for e in day.effects if e.tool == "book" and e.key == _key_of(day, line))
    dead = first(told(day, DeadLettered)).event
    back = Redriven(
        task_id=dead.task_id,
        tenant=dead.tenant,
        time_ms=day.run.ended_ms,
        agent="maker",
        topic="pieces",
        partition=0,
        offset=0,
        invocation=line.entry.invocation,
    )
    record = encode(back, "test.ledger")
    written = Record(
        "test.ledger", 0, 0, day.run.ended_ms, record.key, record.value, record.headers
    )
    again = replace(act, time_ms=day.run.ended_ms + 1)
    return replace(added(day, written), effects=[*day.effects, again])


def _key_of(day: History, line: object) -> str:
    entry = line.entry  # type: ignore[attr-defined]
    steps = reading(day).steps[entry.invocation, entry.path]
    return str(next(e for _, e in steps if e.kind is Kind.INTENT).facts["idem_key"])


# ---- sums, gathers, bounds, readers, reruns


def tokens_are_not_counted(day: History) -> History:
    one = first(told(day, Finished, lambda event: event.model_calls > 0))
    return retold(day, one, tokens_in=1)


def a_turn_is_not_counted(day: History) -> History:
    one = first(told(day, Finished, lambda event: event.model_calls > 0))
    return retold(day, one, model_calls=0)


def a_part_counts_twice(day: History) -> History:
    return added(day, first(told(day, PartGathered)).record)


def a_gather_never_closes(day: History) -> History:
    return without(day, first(told(day, Finished, lambda event: event.gathered)).record)


def a_gather_runs_short(day: History) -> History:
    return without(day, first(told(day, PartGathered, lambda event: not event.first)).record)


def a_handoff_goes_too_far(day: History) -> History:
    one = topic(day, "made")[0]
    return changed(day, one, headers=headed(one, "ce_hop", b"40"))


def readers_stand_still(day: History) -> History:
    start = day.run.started_ms
    marks = [
        Watermark(
            time_ms=start + 1000 * second,
            topic="test.pieces",
            partition=0,
            begin=0,
            stable=3,
            end=5,
        )
        for second in range(30)
    ]
    return replace(day, watermarks=[*marks, *day.watermarks])


def a_transaction_stays_open(day: History) -> History:
    last = topic(day, "control") if day.committed("control") else topic(day, "results")
    place = (last[-1].where, last[-1].offset)
    return edited(
        day,
        lambda seen: (
            replace(seen, fate=Fate.OPEN)
            if (seen.record.where, seen.record.offset) == place
            else seen
        ),
    )


def a_rerun_gives_something_else(day: History) -> History:
    one = first(told(day, Finished, lambda event: event.agent == "maker" and event.wrote)).event
    rerun = Rerun(invocation=one.invocation, wrote=(("made", one.wrote[0].id, "0" * 64),))
    return replace(day, reruns=[rerun])
