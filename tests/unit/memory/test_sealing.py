"""What is about a person travels sealed, opens in its place, and stays shut once they are gone."""

from dataclasses import replace
from pathlib import Path

import pytest

from handrail.errors.subject import SealBroken
from handrail.memory.sealing import opened, sealed, subject_of
from handrail.store.subject_keys import LocalKeys
from handrail.wire.memory import Command, Op, StoredRecord, full_key


@pytest.fixture
def keys(tmp_path: Path):
    keys = LocalKeys(tmp_path / "subjects.sqlite")
    yield keys
    keys.close()


def command(key: str) -> Command:
    return Command(
        op=Op.PUT, space="tastes", key=key, by="clerk", type_name="taste.v1", value={"likes": "tea"}
    )


def stored(command: Command) -> StoredRecord:
    return StoredRecord(
        space=command.space,
        key=command.key,
        version=1,
        type_name=command.type_name,
        value=command.value,
        applied=0,
        written_ms=0,
        agent=command.by,
        sealed=command.sealed,
    )


def about(keys: LocalKeys, name: str) -> str:
    return full_key("acme", "drink", subject=keys.digest("acme", name))


def test_what_is_about_a_person_is_sealed_and_opens_again(keys: LocalKeys) -> None:
    sent = sealed(command(about(keys, "Ada")), keys)

    assert sent.sealed
    assert b"tea" not in sent.encode()
    found = opened(stored(sent), keys)
    assert found is not None
    assert (found.value, found.sealed) == ({"likes": "tea"}, False)


def test_what_is_about_nobody_stays_as_it_is(keys: LocalKeys) -> None:
    plain = command(full_key("acme", "drink"))

    assert sealed(plain, keys) == plain
    assert opened(stored(plain), keys) == stored(plain)


def test_what_is_sealed_is_not_sealed_twice(keys: LocalKeys) -> None:
    sent = sealed(command(about(keys, "Ada")), keys)

    assert sealed(sent, keys) == sent


def test_on_one_occasion_the_same_is_sealed_alike_and_else_nothing_is(keys: LocalKeys) -> None:
    ada = about(keys, "Ada")
    first, again = (sealed(command(ada), keys, "i-1") for _ in range(2))
    others = [
        sealed(command(ada), keys, "i-2"),
        sealed(command(ada), keys),
        sealed(replace(command(ada), value={"likes": "te"}), keys, "i-1"),
        sealed(replace(command(ada), type_name="taste.v2"), keys, "i-1"),
        sealed(command(about(keys, "Bob")), keys, "i-1"),
    ]

    assert first == again
    assert opened(stored(first), keys) == replace(
        stored(first), value={"likes": "tea"}, sealed=False
    )
    texts = [one.value.partition(".")[2].partition(".")[2] for one in (first, *others)]
    assert len({text[:16] for text in texts}) == len(texts)  # no nonce comes twice


def test_of_a_forgotten_subject_nothing_opens_and_others_do(keys: LocalKeys) -> None:
    ada, bob = (sealed(command(about(keys, name)), keys) for name in ("Ada", "Bob"))

    keys.destroy(keys.digest("acme", "Ada"))

    assert opened(stored(ada), keys) is None
    assert opened(stored(bob), keys) is not None


@pytest.mark.parametrize("what", ["space", "type_name", "value"])
def test_a_value_that_was_moved_or_changed_is_named(keys: LocalKeys, what: str) -> None:
    record = stored(sealed(command(about(keys, "Ada")), keys))

    with pytest.raises(SealBroken):
        opened(replace(record, **{what: "other"}), keys)


def test_a_value_copied_to_another_person_does_not_open(keys: LocalKeys) -> None:
    record = stored(sealed(command(about(keys, "Ada")), keys))
    keys.key(keys.digest("acme", "Bob"))

    with pytest.raises(SealBroken):
        opened(replace(record, key=about(keys, "Bob")), keys)


def test_the_subject_of_a_key_is_read_from_its_place_alone() -> None:
    assert subject_of(full_key("acme", "a/b", subject="d1")) == "d1"
    assert subject_of(full_key("acme", "~d1/b")) is None
    assert subject_of(full_key("acme", "b", task="t1")) is None
    assert subject_of("no key at all") is None
