"""Each thing that may never happen is found when a recorded run is changed so that it did."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from handrail.chaos.checker import memories
from handrail.chaos.checker.check import INVARIANTS, check
from handrail.chaos.checker.report import report
from handrail.chaos.checker.violation import Harm
from handrail.chaos.history import Effect, History
from handrail.ledger.event import CancelAsked, Finished
from handrail.ledger.event_record import encode
from handrail.wire.record import Record
from tests.unit.chaos.checker import wrong_books as books
from tests.unit.chaos.checker import wrong_lanes as lanes
from tests.unit.chaos.checker.changes import added, first, told
from tests.unit.chaos.checker.days import busy_day
from tests.unit.chaos.checker.runs import Shop

Change = Callable[[History], History]


@pytest.fixture(scope="module")
def day() -> History:
    """What a busy day of the unharmed product left behind, recorded once."""

    async def lived() -> History:
        async with Shop() as shop:
            await busy_day(shop)
            return shop.history()

    return asyncio.run(lived())


CHANGES: list[tuple[Change, set[str]]] = [
    (books.a_result_is_lost, {"I1"}),
    (books.a_handoff_is_lost, {"I4"}),
    (books.a_submission_is_lost, {"I1"}),
    (books.a_task_that_was_acknowledged_is_unknown, {"I1"}),
    (books.an_id_is_doubled, {"I3"}),
    (books.an_invocation_ends_twice, {"I3"}),
    (books.an_id_is_random, {"I2"}),
    (books.a_cause_is_invented, {"I2"}),
    (books.a_handoff_has_another_priority_than_its_task, {"I2"}),
    (books.an_act_has_no_intent, {"I2"}),
    (books.an_intent_comes_after_its_act, {"I2"}),
    (books.an_end_is_not_told, {"I4"}),
    (books.a_handoff_is_written_that_no_end_names, {"I4"}),
    (books.an_end_does_not_finish_its_offset, {"I4", "I12"}),
    (books.a_group_is_told_another_offset, {"I4", "I12"}),
    (books.something_is_left_of_what_has_ended, {"I4"}),
    (books.an_undone_record_is_carried_out, {"I15"}),
    (lanes.an_unsafe_act_happens_twice, {"I5"}),
    (lanes.waste_is_not_booked, {"I5", "I17"}),
    (lanes.waste_is_booked_twice, {"I17"}),
    (lanes.a_try_has_another_key, {"I2", "I5"}),
    (lanes.a_recorded_step_is_licensed_again, {"I5"}),
    (lanes.a_look_is_asked_for_again, {"I5"}),
    (lanes.a_look_is_asked_for_again_long_after_another_was_frozen, {"I5"}),
    (lanes.doubts_have_no_crash, {"I5", "I18"}),
    (lanes.a_doubt_is_told_late, {"I18"}),
    (lanes.a_doubt_is_told_late_while_others_are_struck, {"I18"}),
    (lanes.only_processes_came_and_went, {"I5"}),
    (lanes.nobody_was_asked_about_a_doubt, {"I18"}),
    (lanes.an_unsafe_outcome_is_lost, {"I18"}),
    (lanes.classes_come_before_answers, {"I18"}),
    (lanes.a_decision_is_taken_by_nobody, {"I18"}),
    (lanes.an_epoch_goes_back, {"I9"}),
    (lanes.a_zombie_is_licensed, {"I6"}),
    (lanes.a_zombie_finishes, {"I9"}),
    (lanes.two_of_a_key_overlap, {"I8"}),
    (lanes.two_of_a_key_change_places, {"I4"}),
    (lanes.the_pointer_passes_a_live_record, {"I14"}),
    (lanes.a_copy_forward_leaves_an_intent_behind, {"I14"}),
    (lanes.an_answer_counts_as_settled_that_is_waited_for, {"I14"}),
    (lanes.an_answer_waits_in_a_mailbox, {"I14"}),
    (lanes.two_kinds_have_one_key, {"I14"}),
    (lanes.something_rests_for_no_reason, {"I12"}),
    (books.a_dead_letter_is_lost, {"I1"}),
    (books.a_dead_letter_lacks_a_header, {"I16"}),
    (books.a_dead_letter_has_other_bytes, {"I16"}),
    (books.an_innocent_is_quarantined, {"I1"}),
    (books.a_redrive_repeats_a_recorded_step, {"I16"}),
    (books.tokens_are_not_counted, {"I17"}),
    (books.a_turn_is_not_counted, {"I17"}),
    (books.a_part_counts_twice, {"I19"}),
    (books.a_gather_never_closes, {"I19"}),
    (books.a_gather_runs_short, {"I19"}),
    (books.a_handoff_goes_too_far, {"I11"}),
    (books.readers_stand_still, {"I13"}),
    (books.a_transaction_stays_open, {"I12"}),
    (books.a_rerun_gives_something_else, {"I7"}),
]


def test_the_unchanged_day_breaks_no_promise(day: History) -> None:
    assert [str(one) for one in check(day)] == []


@pytest.mark.parametrize(
    ("change", "names"), CHANGES, ids=[change.__name__ for change, _ in CHANGES]
)
def test_a_change_that_breaks_a_promise_is_found(
    day: History, change: Change, names: set[str]
) -> None:
    found = check(change(day))

    assert names <= {one.invariant for one in found}, "\n".join(map(str, found))
    assert all(one.sentence for one in found)


def test_a_handoff_on_the_inbox_of_the_other_priority_is_found(day: History) -> None:
    found = check(books.a_handoff_lies_on_the_other_inbox(day))

    assert [one.invariant for one in found if "of normal priority, lies on" in one.sentence] == [
        "I2"
    ]


def test_an_unsafe_effect_that_happens_twice_is_counted_apart(day: History) -> None:
    found = report(day, check(lanes.an_unsafe_act_happens_twice(day)))

    assert found.by_harm[Harm.UNSAFE].count == 1
    assert found.by_harm[Harm.UNSAFE].n == 3, "as often a process had died in between"


def test_an_innocent_that_is_quarantined_is_counted_apart(day: History) -> None:
    wrong = books.an_innocent_is_quarantined(day)

    figure = report(wrong, check(wrong)).by_harm[Harm.INNOCENT]

    assert figure.count == 1
    assert figure.n > 1, "others ran when processes died"


def test_paid_calls_that_a_move_has_cost_are_counted_apart_and_out_of_those_that_moved(
    day: History,
) -> None:
    moved = lanes.only_processes_came_and_went(day)

    figure = report(moved, check(moved)).by_harm[Harm.MOVED]

    assert figure.count > 0
    assert figure.n >= figure.count


def test_a_paid_call_that_only_faults_of_others_explain_is_found(day: History) -> None:
    others = [replace(fault, target="somebody") for fault in day.faults]

    found = check(replace(day, faults=others))

    assert any(one.harm is Harm.MOVED for one in found)


def test_what_an_earlier_owner_has_not_begun_is_no_answer_about_a_later_attempt(
    day: History,
) -> None:
    found = check(lanes.an_answer_is_about_an_attempt_that_was_never_licensed(day))

    assert [str(one) for one in found if "still waited for" in one.sentence] == []


def test_what_is_read_after_its_outcome_was_recorded_is_asked_again_unless_it_was_asked_before(
    day: History,
) -> None:
    late_ms = day.run.ended_ms
    looks = [one for one in day.effects if one.effect == "read"]
    came_late = [replace(one, time_ms=late_ms) for one in looks]
    given_up = [replace(one, time_ms=late_ms, asked_ms=one.time_ms) for one in looks]

    def asked_again(effects: list[Effect]) -> int:
        found = check(replace(day, effects=effects))
        return sum("was asked again although" in one.sentence for one in found)

    assert asked_again(came_late) > 0
    assert asked_again(given_up) == 0


def test_a_client_may_ask_for_one_cancel_twice_and_an_agent_ends_nothing_twice(
    day: History,
) -> None:
    of = first(told(day, Finished))
    asked = CancelAsked(
        task_id=of.event.task_id, tenant=of.event.tenant, time_ms=1, by="ada", why="too late"
    )
    cancel = replace(of.record, headers=encode(asked, of.record.topic).headers)
    cancel = replace(cancel, value=encode(asked, of.record.topic).value)

    def said_twice(record: Record) -> int:
        found = check(added(added(day, record), record))
        return sum("the ledger says twice" in one.sentence for one in found)

    assert said_twice(cancel) == 0
    assert said_twice(of.record) > 0


def test_every_invariant_is_seen_to_fail() -> None:
    seen = set[str]().union(*(names for _, names in CHANGES))

    # The shop remembers nothing: what is wrong with memory is changed in `test_memories`.
    assert {one.name for one in INVARIANTS} == seen | {memories.NAME}
