"""What is recorded of steps, and what may be done when one is asked for again."""

from dataclasses import replace

import pytest

from handrail.contract.effect import Effect
from handrail.errors import Diverged
from handrail.lane import steps as module
from handrail.lane.bounds import LaneBounds
from handrail.lane.decision import LaneSettings
from handrail.lane.journal import Entry, Kind, decode_entry, encode_entry
from handrail.lane.lane import Lane
from handrail.lane.progress import OffsetMetadata
from handrail.lane.steps import (
    COLLECTED,
    Asked,
    Begin,
    Doubt,
    Reconcile,
    Replay,
    StepBook,
    StepLog,
    StepState,
    lean,
)
from handrail.wire.envelope import Envelope
from handrail.wire.record import Record, TopicPartition

JOURNAL = TopicPartition("ns.a.journal", 0)
MINUTE_MS = 60_000
ENVELOPE = Envelope("i0", "str.v1", "s", 0, "t", "default")


def asked(path: str = "1", name: str = "pay", effect: Effect = Effect.UNSAFE, **more: str) -> Asked:
    arguments = more.get("arguments", "x")
    return Asked(path, name, f"digest of {arguments}", f"{name}({arguments})", effect)


def intent(
    effect: Effect = Effect.UNSAFE, path: str = "1", at_ms: int = 0, **more: object
) -> Entry:
    facts = {"name": "pay", "digest": "digest of x", "shown": "pay(x)", "effect": str(effect)}
    rest = {"attempt": 1, "first_ms": at_ms, "idem_key": "k", "key_ttl_s": None, **more}
    return Entry(Kind.INTENT, "i", 1, "1.2", at_ms, facts={**facts, **rest}, path=path)


def outcome(path: str = "1", body: bytes | None = b'"r"', *, ok: bool = True) -> Entry:
    facts = {"ok": ok, "name": "pay", "digest": "digest of x", "shown": "pay(x)", "attempt": 1}
    return Entry(Kind.OUTCOME, "i", 1, "1.2", 5, facts=facts, path=path, body=body)


def log_of(*entries: Entry) -> StepLog:
    log = StepLog()
    for entry in entries:
        log.put(entry)
    return log


def judged(log: StepLog, what: Asked, now_ms: int = 0) -> object:
    return log.judge(what, "clerk", "1.3", now_ms)


def test_a_step_is_in_one_of_five_states() -> None:
    doubt = Entry(Kind.IN_DOUBT, "i", 1, "1.2", 9, path="1")

    assert StepLog().state("1") is StepState.NOT_BEGUN
    assert log_of(intent()).state("1") is StepState.BEGUN
    assert log_of(intent(), doubt).state("1") is StepState.IN_DOUBT
    assert log_of(intent(), doubt, outcome()).state("1") is StepState.SUCCEEDED
    assert log_of(outcome(ok=False)).state("1") is StepState.FAILED


def test_a_recorded_outcome_is_given_and_a_new_step_begins() -> None:
    log = log_of(intent(), outcome())

    assert judged(log, asked()) == Replay(outcome())
    assert judged(log, asked("2"), 7) == Begin(1, 7)


@pytest.mark.parametrize(
    ("effect", "verdict"),
    [
        (Effect.PURE, Begin(2, 0)),
        (Effect.READ, Begin(2, 0)),
        (Effect.PAID, Begin(2, 0, wasted=True)),
        (Effect.QUERYABLE, Reconcile(2, 0, 0)),
    ],
)
def test_a_step_without_an_outcome_is_judged_by_the_class_under_which_it_was_begun(
    effect: Effect, verdict: object
) -> None:
    assert judged(log_of(intent(effect)), asked(effect=Effect.UNSAFE), 50) == verdict


@pytest.mark.parametrize("effect", [Effect.UNSAFE, Effect.ASK])
def test_what_must_not_happen_twice_is_in_doubt(effect: Effect) -> None:
    found = judged(log_of(intent(effect, at_ms=3)), asked())

    assert isinstance(found, Doubt)
    assert (found.path, found.shown, found.begun_ms, found.recorded) == ("1", "pay(x)", 3, False)


@pytest.mark.parametrize(
    ("ttl_s", "minutes", "again"),
    [(3600, 58, True), (3600, 60, False), (60, 0.4, True), (60, 0.6, False)],
)
def test_a_key_is_used_again_only_while_its_receiver_surely_knows_it(
    ttl_s: float, minutes: float, again: bool
) -> None:
    # A later attempt has a later intent; the key is as old as the first one.
    log = log_of(intent(Effect.IDEMPOTENT, at_ms=30_000, key_ttl_s=ttl_s, first_ms=0, attempt=2))

    found = judged(log, asked(), int(minutes * MINUTE_MS))

    assert found == Begin(3, 0) if again else isinstance(found, Doubt)


def test_another_step_under_the_same_number_says_what_changed_between_which_versions() -> None:
    log = log_of(intent(path="3"), outcome("3"))

    with pytest.raises(Diverged) as raised:
        judged(log, asked("3", arguments="y"))

    assert "step 3 was `pay(x)` and is now `pay(y)`" in raised.value.what
    assert "the code changed between 1.2 and 1.3" in raised.value.why


def test_a_step_that_was_only_begun_may_not_become_another_one_either() -> None:
    with pytest.raises(Diverged):
        judged(log_of(intent()), asked(name="refund"))


def test_of_the_steps_that_are_left_out_the_first_is_named() -> None:
    log = log_of(outcome("1"), outcome("10"), outcome("2.m1"), outcome("2"))

    with pytest.raises(Diverged, match="step 2 was `pay\\(x\\)` and is no longer asked for"):
        log.check_all_asked(["1"], "clerk", "1.2")
    log.check_all_asked(["1", "2", "2.m1", "10"], "clerk", "1.2")


def test_a_write_that_was_judged_and_is_no_longer_wanted_is_no_divergence() -> None:
    facts = {"name": COLLECTED, "ok": True}
    log = log_of(outcome("1"), replace(outcome("collect.5e"), facts=facts))

    log.check_all_asked(["1"], "clerk", "1.2")


def test_each_kind_and_path_has_a_key_of_its_own_and_the_end_names_them_all() -> None:
    book = StepBook()
    book.restore([intent(), outcome(), outcome("1.2"), outcome("now.1")])

    keys = book.end("i")

    assert sorted(keys) == [b"i/intent/1", b"i/outcome/1", b"i/outcome/1.2", b"i/outcome/now.1"]
    assert book.end("i") == []


def test_a_result_lies_in_the_journal_byte_for_byte() -> None:
    for body in (b"{}", b"", b'{"a": 1}', None):
        entry = outcome("3.m1", body)
        written = encode_entry(entry, JOURNAL)
        record = Record("j", 0, 1, 0, written.key, written.value, written.headers)

        assert decode_entry(record) == entry


def test_large_results_stay_in_the_journal() -> None:
    assert lean(outcome(body=b"x" * 5000)).body is None
    assert lean(outcome(body=b"x" * 4000)).body is not None


def test_what_a_lane_keeps_of_results_is_bounded() -> None:
    count = module.OUTCOMES_IN_MEMORY_BYTES_MAX // 4000 + 10
    book = StepBook()

    book.restore(outcome(str(number), b"x" * 4000) for number in range(count))

    held = [book.of("i").records[str(n)].outcome for n in range(count)]
    assert sum(len(one.body or b"") for one in held if one) <= module.OUTCOMES_IN_MEMORY_BYTES_MAX
    assert all(one is not None for one in held), "what is not held is still known"


def test_only_the_outcome_of_the_open_attempt_is_accepted_late() -> None:
    book = StepBook()
    book.restore([intent(), intent(path="2", attempt=2), intent(path="3"), outcome("3")])

    assert book.accepts(outcome("1"))
    assert not book.accepts(outcome("2")), "another attempt has begun since"
    assert not book.accepts(outcome("3")), "its outcome is there"
    assert not book.accepts(outcome("4")), "it was never begun"


def test_the_pointer_never_passes_a_live_record_of_a_step_and_the_end_removes_them() -> None:
    lane = Lane(LaneSettings("1", "in", None, LaneBounds()), 0, None)
    lane.progress.admit(0)
    record = Record("ns.in", 0, 0, 0, b"k", b"{}", ())
    envelope = Envelope("i", "str.v1", "s", 0, "t", "default", deadline_ms=10**9)
    invocation = lane.take(record, envelope, b"k", 0)
    lane.start_next(0)
    lane.steps.of("i").put(intent())
    lane.committed((), [(b"x/outcome/1", 4, False), (intent().key, 7, False)])
    lane.committed((), [(b"x/outcome/1", 9, True), (b"lane/epoch/0", 10, False)])

    _, text = lane.offset_metadata(())
    assert OffsetMetadata.decode(text).journal == 7
    end = lane.end(invocation, 0)
    assert list(end.removed) == [b"i/intent/1"]
    lane.committed((0,), [(key, 11, True) for key in end.removed])

    _, text = lane.offset_metadata(())
    assert OffsetMetadata.decode(text).journal == 12


def test_an_invocation_in_doubt_rests_first_of_its_key_and_takes_nobody_s_place() -> None:
    lane = Lane(LaneSettings("1", "in", None, LaneBounds(running=1)), 0, None)
    for offset, key in enumerate((b"a", b"a", b"b")):
        lane.progress.admit(offset)
        record = Record("ns.in", 0, offset, 0, key, b"{}", ())
        envelope = Envelope(f"i{offset}", "str.v1", "s", 0, "t", "default", deadline_ms=10**9)
        lane.take(record, envelope, key, 0)
    first = lane.start_next(0)
    assert first is not None
    lane.steps.of("i0").put(Entry(Kind.INTENT, "i0", 1, "1", 0, facts=intent().facts, path="1"))

    rest = lane.hold(first, ENVELOPE, lane.steps.doubts("i0", 0), 9)

    assert [(entry.kind, entry.path) for entry in rest.entries] == [
        (Kind.IN_DOUBT, "1"),
        (Kind.PARKED, ""),
    ]
    assert rest.offsets == (0,)
    following = lane.start_next(9)
    assert following is not None
    assert following.id == "i2", "its own key waits, another one runs"
    assert lane.hold(first, ENVELOPE, lane.steps.doubts("i0", 0), 10).entries == []
