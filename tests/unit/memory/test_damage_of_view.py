"""A bit that flips in the file of a view makes no other answer: it is damage, or it is nothing."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handrail.contract.memory_reader import AsOf
from handrail.errors.store import StoreDamaged
from handrail.memory.listing import Within
from handrail.memory.reading import Asker, Reader
from handrail.memory.versions import every_version, hold_on
from handrail.memory.view import View
from handrail.store.sqlite import bring_log_in
from handrail.wire.memory import HOLD_PREFIX, Command, Op, full_key
from handrail.wire.record import Record
from tests.unit.memory.written import NAMESPACE, TENANT, Written

SPACES = ("facts", "scratch")
NOW_MS = 50_000
PERSON, AGENT = Asker(NOW_MS, is_person=True), Asker(NOW_MS)
BATCH_COUNT, HALF_COUNT = 7, 10
KEYS = [f"doc/{number}" for number in range(12)]
SEEDS_COUNT, PARTS_COUNT = 240, 4
SIDES = ("", "-wal", "-shm")

Answers = Mapping[str, object]
Question = Callable[[Reader], object]


def written() -> list[Record]:
    topics = Written()
    for number, key in enumerate(KEYS):
        facts: dict[str, Any] = {"expires_ms": 40_000 + 2_000 * number, "quarantined": number == 3}
        topics.put("facts", key, {"text": f"the river near town {number} carries boats"})
        topics.put("facts", key, {"text": f"the river near town {number} is frozen"}, **facts)
        topics.put("scratch", key, {"text": f"a bridge of {number} arches"})
    topics.remove("facts", KEYS[5])
    topics.put("facts", "", "c2VhbGVk", full=full_key(TENANT, "order", subject="d1"), sealed=True)
    first = topics.records()[0]
    said = Command(op=Op.HOLD, space="", key="d1", by="person:ada", reason="case 7").encode()
    hold = replace(first, key=HOLD_PREFIX + b"acme/~d1", value=said, offset=10_000)
    return [*topics.records(), hold]


def questions() -> dict[str, Question]:
    found: dict[str, Question] = {}
    for space in SPACES:
        for key in (*KEYS, "missing"):
            full = full_key(TENANT, key)
            for name, as_of in (
                ("now", AsOf()),
                ("first", AsOf(version=1)),
                ("second", AsOf(version=2)),
                ("before", AsOf(at_ms=1_500)),
            ):
                found[f"{space} {key} {name}"] = lambda r, s=space, k=full, a=as_of: r.get(
                    s, k, AGENT, a
                )
            found[f"{space} {key} all"] = lambda r, s=space, k=full: r.history(s, k, PERSON)
        for text in ("river", "town 7", "frozen boats", "bridge arches", "nothing"):
            found[f"{space} {text}"] = lambda r, s=space, t=text: r.search(
                s, f"{TENANT}/", t, 20, AGENT
            )
        for within in (
            Within(TENANT),
            Within(TENANT, only_marked=True),
            Within(TENANT, begins="doc/1"),
        ):
            found[f"{space} {within}"] = lambda r, s=space, w=within: r.page(s, w, "", NOW_MS)
            found[f"{space} {within} count"] = lambda r, s=space, w=within: r.count(s, w, NOW_MS)
    return found


DAMAGE = "damage"
QUESTIONS = questions()
EVERY_NAME = [*QUESTIONS, "versions", "hold", "no hold"]


def answers(path: Path) -> dict[str, object]:
    """Give what a view says to every question, where it has no answer that it is damaged."""
    found: dict[str, object] = {}
    try:
        reader = Reader(path)
    except StoreDamaged:
        return dict.fromkeys(EVERY_NAME, DAMAGE)
    for name, question in QUESTIONS.items():
        found[name] = or_damage(lambda ask=question: ask(reader))
    reader.close()
    found["versions"] = or_damage(lambda: sorted(every_version(path), key=repr))
    found["hold"] = or_damage(lambda: hold_on(path, f"{TENANT}/~d1"))
    found["no hold"] = or_damage(lambda: hold_on(path, f"{TENANT}/~d2"))
    return found


def or_damage(ask: Callable[[], object]) -> object:
    try:
        return ask()
    except StoreDamaged:
        return DAMAGE


def filled(path: Path, records: list[Record]) -> View:
    """Give a view that has taken all, in some batches, as a process does."""
    view = View(path, NAMESPACE, SPACES)
    for at in range(0, len(records), BATCH_COUNT):
        view.take(records[at : at + BATCH_COUNT], view.beginning())
        if at == BATCH_COUNT * HALF_COUNT:
            bring_log_in(path)
    view.became_current(NOW_MS, {})
    return view


def copied(path: Path, to: Path) -> None:
    for side in ("", "-wal"):
        if (source := Path(f"{path}{side}")).exists():
            Path(f"{to}{side}").write_bytes(source.read_bytes())


@pytest.fixture(scope="module", params=["in its file", "in its log", "in both"])
def whole(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[Record], Path, Answers]:
    """Give a view as a process leaves it that ends, that is killed, or that has brought it in."""
    folder = tmp_path_factory.mktemp("whole")
    records = written()
    view = filled(folder / "living.db", records)
    truth = answers(folder / "living.db")
    assert DAMAGE not in truth.values()
    if request.param == "in its file":
        view.close()
    elif request.param == "in both":
        bring_log_in(view.path)
    copied(folder / "living.db", folder / "left.db")
    view.close()
    return records, folder / "left.db", truth


def flip(path: Path, dice: random.Random) -> str:
    """Flip a bit of a file or of its log, and say where."""
    files = [file for side in ("", "-wal") if (file := Path(f"{path}{side}")).exists()]
    sizes = [file.stat().st_size for file in files]
    (file,) = dice.choices(files, sizes)
    content = bytearray(file.read_bytes())
    # The first bytes say how all others are read, and are hit as often as those of a page.
    end = 100 if dice.random() < 0.1 else len(content)
    at, bit = dice.randrange(end), dice.randrange(8)
    content[at] ^= 1 << bit
    file.write_bytes(content)
    return f"bit {bit} of byte {at} of {file.name}"


def remove(path: Path) -> None:
    for side in SIDES:
        Path(f"{path}{side}").unlink(missing_ok=True)


def followed(path: Path, records: list[Record]) -> View:
    """Open a view and bring it up to date, as whoever follows the topics does."""
    view = View(path, NAMESPACE, SPACES)
    try:
        view.take(records, view.beginning())
        view.became_current(NOW_MS, {})
    except BaseException:
        view.close()
        raise
    return view


def asked_after(path: Path, records: list[Record]) -> Answers:
    """Give what is answered once the view is up to date."""
    try:
        view = followed(path, records)
    except StoreDamaged:
        return dict.fromkeys(EVERY_NAME, DAMAGE)
    try:
        return answers(path)
    finally:
        view.close()


@pytest.mark.parametrize("part", range(PARTS_COUNT))
def test_after_a_bit_flipped_an_answer_is_the_right_one_or_damage_which_filling_anew_mends(
    whole: tuple[list[Record], Path, Answers], tmp_path: Path, part: int
) -> None:
    records, left, truth = whole
    path = tmp_path / "v.db"
    for seed in range(part, SEEDS_COUNT, PARTS_COUNT):
        remove(path)
        copied(left, path)
        where = flip(path, random.Random(seed))

        told = asked_after(path, records)

        wrong = {name for name in EVERY_NAME if told[name] not in (truth[name], DAMAGE)}
        assert not wrong, f"{where}, seed {seed}"
        if DAMAGE in told.values():
            remove(path)
            assert asked_after(path, records) == truth, f"filled anew after {where}"


@pytest.mark.parametrize("seed", range(20))
def test_whoever_looks_into_a_file_whose_process_was_killed_leaves_its_log_as_it_is(
    whole: tuple[list[Record], Path, Answers], tmp_path: Path, seed: int
) -> None:
    records, left, truth = whole
    path, log = tmp_path / "v.db", tmp_path / "v.db-wal"
    copied(left, path)
    flip_in_log(log, random.Random(seed))
    before = log.read_bytes() if log.exists() else b""

    found = or_damage(lambda: sorted(every_version(path), key=repr))
    or_damage(lambda: Reader(path).close())

    assert found in (truth["versions"], DAMAGE)
    assert (log.read_bytes() if log.exists() else b"") == before
    told = asked_after(path, records)
    assert not {name for name in EVERY_NAME if told[name] not in (truth[name], DAMAGE)}


def flip_in_log(log: Path, dice: random.Random) -> None:
    if log.exists():
        content = bytearray(log.read_bytes())
        content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
        log.write_bytes(content)
