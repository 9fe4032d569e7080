"""How many calls go on by an approval for the task, those under way included."""

import pytest

from handrail import Effect
from handrail.lane.journal import Entry, Kind
from handrail.lane.steps import Asked, StepLog
from handrail.runtime.worker.flights import ApprovalEnded, carry_out
from handrail.runtime.worker.ground import Act
from handrail.runtime.worker.run_licences import FACT, FURTHER, Further, RunLicences
from handrail.wire.record import Outgoing
from tests.unit.lane.test_denials import decision
from tests.unit.rails.test_licence import BOUND, LICENCE, call


def covering(licences: RunLicences, path: str, log: StepLog) -> Further | None:
    return licences.covering(call(), path, "rules", log)


def used(path: str, kind: Kind = Kind.INTENT, **facts: object) -> Entry:
    approved = {"request": BOUND.request, "digest": BOUND.digest, "by": "fay", FURTHER: 1}
    known: dict[str, object] = {"ok": True, "effect": "unsafe", FACT: approved, **facts}
    return Entry(kind, "inv", 1, "v", 1, facts=known, path=path)


def test_calls_on_record_and_those_under_way_are_counted_once_each() -> None:
    licences, log = RunLicences(), StepLog()
    licences.give(LICENCE)
    log.put(used("2"))
    log.put(used("2", Kind.OUTCOME))
    second = covering(licences, "3", log)
    assert second is not None
    assert second.count == 2

    with licences.going_on(second, "3"):
        third = covering(licences, "4", log)
        assert third is not None
        assert third.count == 3
        with licences.going_on(third, "4"):
            assert covering(licences, "5", log) is None
        assert covering(licences, "5", log) is not None


def test_a_call_that_is_begun_once_more_is_no_second_one() -> None:
    licences, log = RunLicences(), StepLog()
    licences.give(LICENCE)
    for path in ("2", "3", "4"):
        log.put(used(path, void="another try"))

    assert covering(licences, "4", log) is not None
    assert covering(licences, "5", log) is None


def test_the_call_that_was_shown_is_none_of_the_further_ones() -> None:
    licences, log = RunLicences(), StepLog()
    licences.give(LICENCE)
    log.put(used("1", **{FACT: {"request": BOUND.request, "digest": BOUND.digest, "by": "fay"}}))

    first = covering(licences, "2", log)
    assert first is not None
    assert first.count == 1


def test_after_a_denial_of_the_tool_none_goes_on() -> None:
    licences, log = RunLicences(), StepLog()
    licences.give(LICENCE)
    further = covering(licences, "2", log)
    assert further is not None
    assert not further.has_ended(log, BOUND.expires_ms - 1)
    for entry in decision("write", denied=True):
        log.put(entry)

    assert covering(licences, "2", log) is None
    assert further.has_ended(log, BOUND.expires_ms - 1)


def test_what_has_expired_has_ended() -> None:
    licences, log = RunLicences(), StepLog()
    licences.give(LICENCE)
    further = covering(licences, "2", log)

    assert further is not None
    assert further.has_ended(log, BOUND.expires_ms)


async def test_what_has_ended_before_a_further_call_begins_begins_nothing() -> None:
    licences, done = RunLicences(), list[str]()
    licences.give(LICENCE)
    further = covering(licences, "2", StepLog())
    assert further is not None
    told = Outgoing("ledger", b"", b"told")
    unsafe = further.of(act_of(Effect.UNSAFE, done), told, ended=lambda: True)
    harmless = further.of(act_of(Effect.READ, done), told, ended=lambda: True)

    with pytest.raises(ApprovalEnded):
        unsafe.with_intent(1)  # right before its intent is recorded
    with pytest.raises(ApprovalEnded):
        await carry_out(harmless, Effect.READ, 1)  # it has none
    assert done == []


def act_of(effect: Effect, done: list[str]) -> Act[str]:
    async def do() -> str:
        done.append("done")
        return "done"

    return Act(
        asked=Asked("2", "write", "d", "write()", effect),
        declared=effect,
        idem_key="key",
        do=do,
        encode=str.encode,
        decode=bytes.decode,
        accept=str,
    )
