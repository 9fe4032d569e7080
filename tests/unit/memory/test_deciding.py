"""What becomes of a command, class by class and rule by rule."""

from dataclasses import replace
from typing import Any

import pytest

from handrail.contract.memory import Access, Memory, MemoryClass, Quota
from handrail.memory.asked import (
    Alike,
    Conflicting,
    Decision,
    Reason,
    Refusal,
    Stored,
    Unchanged,
    Usage,
)
from handrail.memory.deciding import digest_of
from handrail.memory.gate import VALUE_BYTES_MAX
from handrail.memory.likeness import told_digests
from handrail.wire.label import Integrity
from handrail.wire.memory import Op, full_key
from tests.unit.memory.asking import (
    NOW_MS,
    PEOPLE,
    TASK,
    asked,
    decided,
    key_in,
    space_of,
    stored,
)

DAY_MS = 24 * 3_600_000
FACT = space_of(MemoryClass.FACT)
OTHER = {"text": "it is otherwise"}


def word(decision: Decision) -> str:
    """Say in one word what was decided."""
    match decision:
        case Stored(record=record):
            return f"v{record.version}" + ("?" if record.quarantined else "")
        case Unchanged(version=version):
            return f"same v{version}"
        case Conflicting(version=version):
            return f"conflict v{version}"
        case Refusal(reason=reason):
            return reason.value


#: Class → what becomes of: a first write of an agent; a change that names the version; one that
#: names none; one with an old version; an untrusted first write; a removal by a person.
TABLE = {
    MemoryClass.WORKING: ("v1", "v2", "v2", "conflict v1", "v1", "v2"),
    MemoryClass.FACT: ("v1", "v2", "conflict v1", "conflict v1", "v1?", "v2"),
    MemoryClass.PREFERENCE: ("v1", "v2", "conflict v1", "conflict v1", "untrusted", "v2"),
    MemoryClass.PROCEDURE: ("approval",) * 5 + ("v2",),
    MemoryClass.ARTIFACT: ("v1", "fixed", "conflict v1", "conflict v1", "v1", "v2"),
    MemoryClass.DECISION: ("v1", "fixed", "conflict v1", "conflict v1", "v1", "fixed"),
}


@pytest.mark.parametrize("keeps", list(MemoryClass))
def test_each_class_allows_what_its_row_of_the_table_says(keeps: MemoryClass) -> None:
    space = space_of(keeps)
    there = stored(space)

    found = (
        decided(space, asked(space, expect=0)),
        decided(space, asked(space, value=OTHER, expect=1), there),
        decided(space, asked(space, value=OTHER), there),
        decided(space, asked(space, value=OTHER, expect=0), there),
        decided(space, asked(space, expect=0, label="untrusted")),
        decided(space, asked(space, Op.REMOVE, by="person:ada", expect=1), there),
    )

    assert tuple(map(word, found)) == TABLE[keeps]


def test_a_person_may_write_a_procedure_and_no_untrusted_text_ever_becomes_one() -> None:
    space = space_of(MemoryClass.PROCEDURE)

    by_person = decided(space, asked(space, expect=0, by="person:ada"))
    tainted = decided(space, asked(space, expect=0, by="person:ada", label="untrusted"))

    assert (word(by_person), word(tainted)) == ("v1", "untrusted")


def test_a_version_names_all_that_led_to_it() -> None:
    there = stored(FACT)
    command = asked(
        FACT,
        value=OTHER,
        expect=1,
        by_version="3",
        derived_from=("m-1",),
        confidence=0.5,
        observed_ms=9,
        tool_call="t",
        model="m",
        label="user",
    )

    made = decided(FACT, command, there)

    assert isinstance(made, Stored)
    record = made.record
    assert record.previous == digest_of(there.encode())
    assert (record.supersedes, record.applied, record.written_ms) == (f"{there.key}@1", 7, NOW_MS)
    assert (record.agent, record.agent_version, record.task_id) == ("clerk", "3", TASK)
    assert (record.derived_from, record.confidence, record.observed_ms) == (("m-1",), 0.5, 9)
    assert (record.tool_call, record.model, record.label) == ("t", "m", "user")
    assert made.body == record.encode()


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"expect": 2}, Reason.FUTURE),
        ({"expect": -1}, Reason.FUTURE),
        ({"key": full_key("other", "k/1")}, Reason.KEY),
        ({"key": full_key("acme", "ada@example.org")}, Reason.KEY),
        ({"key": full_key("acme", "tel/+491701234567")}, Reason.KEY),
        ({"key": full_key("acme", "DE89370400440532013000")}, Reason.KEY),
        ({"key": full_key("acme", "card/4111-1111-1111-1111")}, Reason.KEY),
        ({"key": full_key("acme", "k/1", subject="d")}, Reason.KEY),
        ({"key": full_key("acme", "k/1", task="t")}, Reason.KEY),
        ({"key": ""}, Reason.KEY),
        ({"value": {"txt": "no such field"}}, Reason.SCHEMA),
        ({"value": 7}, Reason.SCHEMA),
        ({"type_name": "other.v9"}, Reason.SCHEMA),
        ({"value": {"text": "x" * VALUE_BYTES_MAX}}, Reason.SIZE),
        ({"derived_from": ("m",) * 201}, Reason.SIZE),
        ({"value": "sealed text", "sealed": True}, Reason.PERSONAL),
        ({"value": {"text": "write to ada@example.org"}}, Reason.PERSONAL),
        ({"value": {"text": "-----BEGIN RSA PRIVATE KEY-----"}}, Reason.SECRET),
        ({"op": Op.REMOVE}, Reason.RIGHT),
        ({"op": Op.ENDORSE}, Reason.RIGHT),
        ({"op": Op.FORGET}, Reason.RIGHT),
        ({"op": Op.FORGET, "by": "person:ada"}, Reason.OPERATION),
        ({"op": Op.FLAG, "by": "person:ada"}, Reason.OPERATION),
        ({"op": Op.INCREMENT, "value": "one"}, Reason.OPERATION),
    ],
)
def test_bad_input_is_refused_in_words_with_a_cure(facts: dict[str, Any], reason: Reason) -> None:
    given: dict[str, Any] = {"expect": 0, **facts}
    if given.get("key") == "":
        given["key"] = "/"

    found = decided(FACT, asked(FACT, **given))

    assert isinstance(found, Refusal), found
    assert found.reason is reason
    assert found.detail
    assert found.remedy


def test_who_may_not_write_is_told_where_it_is_declared() -> None:
    space = space_of(MemoryClass.FACT, access=Access(writers=("planner",)))

    found = decided(space, asked(space, expect=0))

    assert isinstance(found, Refusal)
    assert (found.reason, "Access(writers=" in found.remedy) == (Reason.RIGHT, True)
    assert word(decided(space, asked(space, expect=0, by="planner"))) == "v1"


def test_scratch_is_gone_a_day_after_the_time_of_its_task() -> None:
    space = space_of(MemoryClass.WORKING)

    named = decided(space, asked(space, deadline_ms=NOW_MS + 5))
    unnamed = decided(space, asked(space))
    short = space_of(MemoryClass.WORKING, ttl_s=60)

    assert isinstance(named, Stored)
    assert named.record.expires_ms == NOW_MS + 5 + DAY_MS
    assert isinstance(unnamed, Stored)
    assert unnamed.record.expires_ms == NOW_MS + 8 * DAY_MS
    bounded = decided(short, asked(short))
    assert isinstance(bounded, Stored)
    assert bounded.record.expires_ms == NOW_MS + 60_000


def test_scratch_of_another_task_is_not_touched() -> None:
    space = space_of(MemoryClass.WORKING)

    found = decided(space, asked(space, key=full_key("acme", "k/1", task="other")))

    assert word(found) == "key"


def test_what_has_expired_is_not_there_and_its_numbers_go_on() -> None:
    space = space_of(MemoryClass.FACT, ttl_s=60)
    there = stored(space, version=4, expires_ms=NOW_MS)

    assert word(decided(space, asked(space, expect=0), there)) == "v5"
    assert word(decided(space, asked(space, expect=4), there)) == "conflict v0"


def test_what_was_removed_begins_anew_with_the_next_number() -> None:
    gone = stored(FACT, version=2, removed=True, value=None)

    assert word(decided(FACT, asked(FACT, expect=0), gone)) == "v3"
    assert word(decided(FACT, asked(FACT, expect=2), gone)) == "conflict v0"
    assert word(decided(FACT, asked(FACT, expect=3), gone)) == "future"


def test_the_very_same_is_not_written_again_unless_it_says_more() -> None:
    there = stored(FACT)

    assert word(decided(FACT, asked(FACT, expect=1), there)) == "same v1"
    assert word(decided(FACT, asked(FACT, expect=1, confidence=0.9), there)) == "v2"
    assert word(decided(FACT, asked(FACT, expect=1, derived_from=("m",)), there)) == "v2"
    assert word(decided(FACT, asked(FACT, expect=1, rollback_of=1, by="person:a"), there)) == "v2"


def test_what_cannot_conflict_is_applied_whatever_the_version() -> None:
    tally = Memory("tally", carries=int, keeps=MemoryClass.FACT)
    first = decided(tally, asked(tally, Op.INCREMENT, 3))
    assert isinstance(first, Stored)

    second = decided(tally, asked(tally, Op.INCREMENT, 4), first.record)

    assert isinstance(second, Stored)
    assert (second.record.value, second.record.version) == (7, 2)


def test_what_nobody_trusts_never_takes_the_place_of_what_is_trusted() -> None:
    there, hidden = stored(FACT), stored(FACT, quarantined=True)
    untrusted = asked(FACT, value=OTHER, expect=1, label="untrusted")

    assert word(decided(FACT, untrusted, there)) == "untrusted"
    assert word(decided(FACT, asked(FACT, expect=0, label="untrusted"), hidden)) == "v2?"
    assert word(decided(FACT, asked(FACT, expect=0), hidden)) == "v2"


def test_a_put_that_is_asked_again_by_its_own_invocation_is_no_conflict_with_itself() -> None:
    first = replace(asked(FACT, expect=0), message_id="i-1")
    there = decided(FACT, first)
    assert isinstance(there, Stored)
    again = replace(asked(FACT, expect=0, offset=9), message_id="i-1")
    other = replace(asked(FACT, expect=0, value=OTHER, offset=9), message_id="i-1")
    somebody = replace(asked(FACT, expect=0, offset=9), message_id="i-2")
    change = decided(
        FACT, replace(asked(FACT, expect=1, value=OTHER), message_id="i-1"), there.record
    )
    assert isinstance(change, Stored)

    assert word(decided(FACT, again, there.record)) == "same v1"
    assert word(decided(FACT, other, there.record)) == "conflict v1"
    assert word(decided(FACT, somebody, there.record)) == "conflict v1"
    # What it has changed since is not what it asked for first.
    assert word(decided(FACT, again, change.record)) == "conflict v2"


def test_what_is_given_back_is_trusted_no_more_than_it_was() -> None:
    facts: dict[str, Any] = {"by": "person:ada", "expect": 1, "rollback_of": 1}

    hidden = decided(FACT, asked(FACT, quarantined=True, value=OTHER, **facts), stored(FACT))
    flagged = decided(FACT, asked(FACT, flagged="m-1", value=OTHER, **facts), stored(FACT))

    assert isinstance(hidden, Stored)
    assert isinstance(flagged, Stored)
    assert (hidden.record.quarantined, flagged.record.quarantined) == (True, False)
    assert (hidden.record.flagged, flagged.record.flagged) == (None, "m-1")


def test_a_person_endorses_what_lies_in_quarantine() -> None:
    hidden = stored(FACT, quarantined=True)
    endorse = asked(FACT, Op.ENDORSE, by="person:ada", expect=1)

    found = decided(FACT, endorse, hidden)

    assert isinstance(found, Stored)
    assert (found.record.version, found.record.quarantined) == (2, False)
    assert found.record.value == hidden.value
    assert word(decided(FACT, endorse, stored(FACT))) == "same v1"


def test_what_is_retracted_and_kept_says_so() -> None:
    space = space_of(MemoryClass.DECISION)

    found = decided(
        space, asked(space, Op.FLAG, by="person:ada", expect=1, reason="m-1"), stored(space)
    )

    assert isinstance(found, Stored)
    assert (found.record.flagged, found.record.value) == ("m-1", {"text": "it is so"})


@pytest.mark.parametrize(
    ("label", "integrity", "expected"),
    [
        (None, Integrity.INTERNAL, "v1"),
        ("user", Integrity.INTERNAL, "v1"),
        ("internal", Integrity.USER, "v1?"),
        ("untrusted", Integrity.UNTRUSTED, "v1"),
        ("untrusted user", Integrity.INTERNAL, "v1?"),
        ("what is this", Integrity.INTERNAL, "v1?"),
    ],
)
def test_the_least_trusted_origin_of_a_label_counts(
    label: str | None, integrity: Integrity, expected: str
) -> None:
    space = space_of(MemoryClass.FACT, access=Access(integrity=integrity))

    assert word(decided(space, asked(space, expect=0, label=label))) == expected


def test_a_personal_space_takes_sealed_values_of_a_subject_alone() -> None:
    space = space_of(MemoryClass.PREFERENCE, access=PEOPLE)
    sealed = asked(space, value="c2VhbGVk", sealed=True, expect=0)

    assert word(decided(space, sealed)) == "v1"
    assert word(decided(space, asked(space, expect=0))) == "personal"
    assert word(decided(space, asked(space, value=7, sealed=True, expect=0))) == "schema"
    nobody = full_key("acme", "k/1")
    assert word(decided(space, asked(space, value="x", sealed=True, key=nobody))) == "key"
    assert word(decided(space, asked(space, Op.ADD, "x", sealed=True))) == "operation"


def test_a_legal_hold_keeps_a_record_from_being_removed() -> None:
    space = space_of(MemoryClass.PREFERENCE, access=PEOPLE)
    sealed = asked(space, value="c2VhbGVk", sealed=True, expect=0)
    first = decided(space, sealed)
    assert isinstance(first, Stored)
    remove = asked(space, Op.REMOVE, by="person:ada", expect=1)

    assert word(decided(space, remove, first.record, is_held=True)) == "held"
    assert word(decided(space, remove, first.record)) == "v2"


def test_an_echo_of_what_was_just_read_is_refused_and_an_update_is_not() -> None:
    text = "The order of the third of May was paid by invoice and sent to the warehouse in Bern"
    seen = told_digests(text)
    echo = asked(FACT, value={"text": text}, expect=0, seen=seen)
    update = asked(FACT, value={"text": text.replace("was paid", "was not paid")}, seen=seen)

    assert word(decided(FACT, echo)) == "echo"
    assert word(decided(FACT, update)) == "v1"
    assert word(decided(FACT, asked(FACT, value={"text": text}))) == "v1"


@pytest.mark.parametrize("nothing", [None, "", []])
def test_what_says_beside_a_told_text_that_nothing_is_there_is_an_update(nothing: object) -> None:
    space = space_of(MemoryClass.FACT, carries=dict)
    text = "The order of the third of May was paid by invoice and sent to the warehouse in Bern"
    seen = told_digests({"text": text, "blocked_by": "customs"})
    update = asked(space, value={"text": text, "blocked_by": nothing}, expect=0, seen=seen)
    echo = asked(space, value={"blocked_by": "customs", "text": text}, expect=0, seen=seen)

    assert word(decided(space, update)) == "v1"
    assert word(decided(space, echo)) == "echo"


def test_what_takes_the_place_of_another_value_is_no_echo() -> None:
    text = "The order of the third of May was paid by invoice and sent to the warehouse in Bern"
    seen, present = told_digests(text), stored(FACT)
    put = asked(FACT, value={"text": text}, expect=1, seen=seen)
    merge = asked(FACT, Op.MERGE, {"text": text}, seen=seen)

    assert word(decided(FACT, put, present)) == "v2"
    assert word(decided(FACT, merge, present)) == "v2"


def test_the_same_value_under_a_key_that_says_something_is_kept_and_linked() -> None:
    twin = Alike(key_in(FACT, "order/1"), 3, exactly=True)
    digest = "0123456789abcdef0123456789abcdef"

    told = decided(FACT, asked(FACT, expect=0), alike=twin)
    opaque = decided(FACT, asked(FACT, expect=0, key=key_in(FACT, f"claim/{digest}")), alike=twin)

    assert isinstance(told, Stored)
    assert told.record.same_as == twin.key
    assert opaque == Unchanged(twin.key, 3)


def test_nearly_the_same_is_kept_and_linked() -> None:
    twin = Alike(key_in(FACT, "order/1"), 3, exactly=False)

    found = decided(FACT, asked(FACT, expect=0, key=key_in(FACT, "claim/" + "a" * 32)), alike=twin)

    assert isinstance(found, Stored)
    assert found.record.same_as == twin.key


def test_a_quota_is_shared_by_the_partitions_and_what_exceeds_it_is_refused() -> None:
    space = space_of(MemoryClass.FACT, quota=Quota(records=12, bytes=2_000))
    first = asked(space, expect=0)

    assert word(decided(space, first, usage=Usage(2, 100), partitions=4)) == "v1"
    assert word(decided(space, first, usage=Usage(3, 100), partitions=4)) == "quota"
    assert word(decided(space, first, usage=Usage(1, 1_990), partitions=4)) == "quota"
    there = stored(space)
    change = asked(space, value={"text": "so"}, expect=1)
    assert word(decided(space, change, there, usage=Usage(3, 1_000), partitions=4)) == "v2"
