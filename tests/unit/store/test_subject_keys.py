"""A subject's key lasts until it is destroyed, and then nothing of it is left in any file."""

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from handrail.errors.subject import ErasureUnfinished, KeysUnusable, SubjectHeld
from handrail.store.sealing import FORM_WITHOUT_NAME, key_name, named_key, seal, unseal
from handrail.store.sqlite import Database
from handrail.store.subject_keys import LAYOUTS, Hold, LocalKeys

HOLD = Hold(by="person:judge", reason="case 7", since_ms=1_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "subjects.sqlite"


def everything(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(path.parent.iterdir()))


def test_a_subject_has_one_key_in_every_process(path: Path) -> None:
    keys = LocalKeys(path)
    digest = keys.digest("acme", "ada@example.org")
    script = (
        "import sys; from pathlib import Path; from handrail.store.subject_keys import LocalKeys;"
        "k = LocalKeys(Path(sys.argv[1])); d = k.digest('acme', 'ada@example.org');"
        "sys.stdout.write(d + ' ' + k.key(d).hex())"
    )

    ours = keys.key(digest)
    theirs = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    ).stdout

    assert theirs == f"{digest} {ours.hex()}"
    keys.close()


def test_a_digest_names_a_person_however_they_are_spelt_and_tells_tenants_apart(path: Path) -> None:
    keys = LocalKeys(path)

    same = {keys.digest("acme", name) for name in ("Zoë", " zoe\u0308 ", "ZOË")}

    assert len(same) == 1
    assert keys.digest("other", "Zoë") not in same
    assert "zo" not in next(iter(same))
    keys.close()


def test_another_file_gives_other_digests_for_the_same_name(tmp_path: Path) -> None:
    one, two = LocalKeys(tmp_path / "a" / "k"), LocalKeys(tmp_path / "b" / "k")

    assert one.digest("acme", "Ada") != two.digest("acme", "Ada")
    one.close()
    two.close()


def test_only_the_owner_may_read_the_file(path: Path) -> None:
    LocalKeys(path).close()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_of_a_destroyed_key_is_left_in_the_file_or_beside_it(path: Path) -> None:
    keys = LocalKeys(path)
    made = {keys.digest("acme", f"person {n}"): b"" for n in range(200)}
    for digest in made:
        made[digest] = keys.key(digest)
    gone = list(made)[::2]
    assert all(key in everything(path) for key in made.values())

    for digest in gone:
        assert keys.destroy(digest)

    left = everything(path)
    assert not [digest for digest in gone if made[digest] in left]
    # A half of a key is as good as found: no 8 bytes of one may be left either.
    assert not [digest for digest in gone if made[digest][:8] in left or made[digest][-8:] in left]
    assert all(keys.find(digest) == made[digest] for digest in list(made)[1::2])
    keys.close()


def test_a_destroyed_key_is_gone_for_a_process_that_has_used_it(path: Path) -> None:
    one, two = LocalKeys(path), LocalKeys(path)
    digest = one.digest("acme", "Ada")
    old = two.key(digest)

    one.destroy(digest)

    assert two.find(digest) is None
    assert two.key(digest) != old
    one.close()
    two.close()


def test_destroying_twice_destroys_once(path: Path) -> None:
    keys = LocalKeys(path)
    digest = keys.digest("acme", "Ada")
    keys.key(digest)

    assert [keys.destroy(digest), keys.destroy(digest)] == [True, False]
    keys.close()


def test_a_reader_that_keeps_old_bytes_is_told_of_and_the_next_try_clears_them(path: Path) -> None:
    keys = LocalKeys(path, busy_wait_ms=50)
    digest = keys.digest("acme", "Ada")
    key = keys.key(digest)
    reader = Database.open(path, LAYOUTS)
    reader.execute("BEGIN")
    reader.rows("SELECT count(*) FROM subject")

    with pytest.raises(ErasureUnfinished):
        keys.destroy(digest)
    assert keys.find(digest) is None
    reader.execute("COMMIT")
    reader.close()
    keys.destroy(digest)

    assert key not in everything(path)
    keys.close()


def test_a_hold_forbids_to_destroy_until_it_is_released(path: Path) -> None:
    keys = LocalKeys(path)
    digest = keys.digest("acme", "Ada")
    key = keys.key(digest)
    keys.hold(digest, HOLD)

    with pytest.raises(SubjectHeld) as refusal:
        keys.destroy(digest)
    assert (refusal.value.by, refusal.value.why) == ("person:judge", "case 7")
    assert keys.find(digest) == key

    assert keys.release(digest)
    assert keys.held(digest) is None
    assert keys.destroy(digest)
    keys.close()


def test_a_damaged_file_is_never_moved_aside_or_begun_again(path: Path) -> None:
    keys = LocalKeys(path)
    keys.key(keys.digest("acme", "Ada"))
    keys.close()
    damaged = b"x" * 100 + path.read_bytes()[100:]
    path.write_bytes(damaged)

    with pytest.raises(KeysUnusable):
        LocalKeys(path)

    assert path.read_bytes() == damaged
    assert [file.name for file in path.parent.iterdir() if "damaged" in file.name] == []


def test_a_file_of_a_newer_version_is_never_advised_to_be_deleted(path: Path) -> None:
    LocalKeys(path).close()
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()

    with pytest.raises(KeysUnusable) as refusal:
        LocalKeys(path)

    assert "rm " not in str(refusal.value)


def test_a_sealed_text_opens_with_its_key_and_in_its_place_only() -> None:
    key, other = bytes(32), bytes([1] * 32)
    text = seal(key, b"what Ada likes", "facts/ada")

    assert unseal(key, text, "facts/ada") == b"what Ada likes"
    assert unseal(key, text, "facts/bob") is None
    assert unseal(other, text, "facts/ada") is None
    assert unseal(key, "what Ada likes", "facts/ada") is None
    assert b"Ada" not in text.encode()


def test_each_bit_of_a_sealed_text_counts() -> None:
    key = bytes(32)
    text = seal(key, b"likes a tea", "here")

    changed = [
        text[:n] + ("A" if text[n] != "A" else "B") + text[n + 1 :] for n in range(len(text))
    ]

    assert [unseal(key, one, "here") for one in changed] == [None] * len(text)


def test_a_sealed_text_names_its_key_and_one_from_before_that_is_read_all_the_same() -> None:
    key = bytes(32)
    text = seal(key, b"tea", "here")
    unnamed = FORM_WITHOUT_NAME + text.rpartition(".")[2]

    assert named_key(text) == key_name(key) != key_name(bytes([1] * 32))
    assert key.hex() not in text
    assert [named_key(one) for one in (unnamed, "tea", None, "s2.tea")] == [None] * 4
    assert unseal(key, unnamed, "here") == b"tea"


def test_the_same_value_is_sealed_differently_each_time() -> None:
    assert seal(bytes(32), b"tea", "here") != seal(bytes(32), b"tea", "here")
