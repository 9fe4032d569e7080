"""What is about a person travels sealed, opens for that person alone, and for nobody once gone."""

from pathlib import Path

import pytest

from handrail.errors.subject import SealBroken
from handrail.memory.sealing import Sealing, subject_of
from handrail.store.subject_keys import LocalKeys
from handrail.wire.memory import full_key

BODY = b'{"likes":"tea"}'


@pytest.fixture
def keys(tmp_path: Path):
    keys = LocalKeys(tmp_path / "subjects.sqlite")
    yield keys
    keys.close()


async def test_what_is_about_a_person_is_sealed_and_opens_again(keys: LocalKeys) -> None:
    sealing = Sealing(keys)

    text = await sealing.seal("acme", "Ada", BODY)

    assert "tea" not in text
    assert await sealing.open("acme", "ada ", text) == BODY


async def test_a_view_opens_it_by_the_digest_in_its_key(keys: LocalKeys) -> None:
    sealing = Sealing(keys)
    text = await sealing.seal("acme", "Ada", BODY)
    key = full_key("acme", "drink", subject=await sealing.digest("acme", "Ada"))

    assert sealing.unseal("tastes", key, text) == {"likes": "tea"}
    assert sealing.unseal("tastes", full_key("acme", "drink"), text) is None


async def test_of_a_forgotten_subject_nothing_opens_and_others_do(keys: LocalKeys) -> None:
    sealing = Sealing(keys)
    ada, bob = [await sealing.seal("acme", name, BODY) for name in ("Ada", "Bob")]
    key = full_key("acme", "drink", subject=await sealing.digest("acme", "Ada"))

    keys.destroy(await sealing.digest("acme", "Ada"))

    assert await sealing.open("acme", "Ada", ada) is None
    assert sealing.unseal("tastes", key, ada) is None
    assert await sealing.open("acme", "Bob", bob) == BODY


async def test_what_was_sealed_before_they_were_forgotten_stays_shut_when_they_come_back(
    keys: LocalKeys,
) -> None:
    sealing = Sealing(keys)
    old = await sealing.seal("acme", "Ada", BODY)
    digest = await sealing.digest("acme", "Ada")
    keys.destroy(digest)

    new = await sealing.seal("acme", "Ada", BODY)

    assert await sealing.open("acme", "Ada", new) == BODY
    with pytest.raises(SealBroken):
        await sealing.open("acme", "Ada", old)
    assert sealing.unseal("tastes", full_key("acme", "drink", subject=digest), old) is None


async def test_a_value_copied_to_another_person_or_tenant_does_not_open(keys: LocalKeys) -> None:
    sealing = Sealing(keys)
    text = await sealing.seal("acme", "Ada", BODY)
    await sealing.seal("acme", "Bob", BODY)
    await sealing.seal("zeta", "Ada", BODY)

    for tenant, subject in (("acme", "Bob"), ("zeta", "Ada")):
        with pytest.raises(SealBroken):
            await sealing.open(tenant, subject, text)


def test_the_subject_of_a_key_is_read_from_its_place_alone() -> None:
    assert subject_of(full_key("acme", "a/b", subject="d1")) == "d1"
    assert subject_of(full_key("acme", "~d1/b")) is None
    assert subject_of(full_key("acme", "b", task="t1")) is None
    assert subject_of("no key at all") is None
