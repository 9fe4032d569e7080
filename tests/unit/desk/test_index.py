"""Passages are found by their words, and what is searched is what lies in the folder now."""

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from desk.collections import Collection
from desk.documents import MIB
from desk.index import INDEXES_KEPT, Library

ROOT = Path(__file__).parents[3]


@pytest.fixture
def papers(tmp_path: Path) -> Collection:
    root = tmp_path / "papers"
    root.mkdir()
    (root / "sea.md").write_text(
        "# The sea\n\nThe sea is deep.\n\n## Fish\n\nHerring swim in shoals.\n"
    )
    (root / "land.txt").write_text("Mountains rise above the plain.")
    return Collection("papers", root.resolve())


@pytest.fixture
def library(papers: Collection, tmp_path: Path) -> Library:
    return Library(papers, tmp_path / "index")


def texts(library: Library, question: str, **how: int) -> list[str]:
    return [one.text.strip() for one in library.search(question, **how)]


def indexes(library: Library) -> list[Path]:
    return sorted(library.home.glob("*.sqlite"))


def test_the_passage_that_speaks_of_the_question_comes_first_with_its_neighbours_behind(library):
    found = texts(library, "How does a herring swim?")

    assert found == ["Herring swim in shoals.", "The sea is deep."]


def test_neighbours_can_be_left_out(library):
    assert texts(library, "herrings", neighbours=0) == ["Herring swim in shoals."]


def test_a_word_in_a_heading_or_in_the_name_of_a_file_finds_its_passage(library):
    assert texts(library, "fish", neighbours=0) == ["Herring swim in shoals."]
    assert texts(library, "land", neighbours=0) == ["Mountains rise above the plain."]


@pytest.mark.parametrize(
    "question", ["", "?", "what is the", "Zeppelin", '"; DROP TABLE found', "* OR NEAR("]
)
def test_a_question_without_a_known_word_finds_nothing_and_breaks_nothing(library, question):
    assert texts(library, question) == []


def test_a_file_that_changed_is_indexed_again(library, papers):
    library.refresh()
    (papers.root / "land.txt").write_text("Dunes wander over the coast.")

    assert texts(library, "dunes") == ["Dunes wander over the coast."]
    assert texts(library, "mountains") == []


def test_a_file_that_is_added_or_deleted_is_noticed(library, papers):
    library.refresh()
    (papers.root / "new.txt").write_text("Comets return.")
    (papers.root / "land.txt").unlink()

    assert texts(library, "comets") == ["Comets return."]
    assert texts(library, "mountains") == []


def test_a_file_that_did_not_change_is_not_parsed_again(library, papers, tmp_path):
    library.refresh()
    before = {one: one.stat().st_ino for one in (library.home / "files").iterdir()}
    (papers.root / "land.txt").write_text("Dunes wander over the coast.")

    Library(papers, library.home).refresh()

    after = {one: one.stat().st_ino for one in (library.home / "files").iterdir()}
    assert before.items() <= after.items()
    assert len(after) == len(before) + 1


def test_a_half_built_index_is_never_searched(library, papers):
    library.refresh()
    whole = indexes(library)[0]
    half = whole.with_name(f"{whole.name}.1-dead.building")
    half.write_bytes(whole.read_bytes()[:4096])
    whole.unlink()

    assert texts(Library(papers, library.home), "herring", neighbours=0) == [
        "Herring swim in shoals."
    ]
    assert not half.exists()


def test_an_index_carries_the_mark_that_is_written_last(library):
    library.refresh()

    with sqlite3.connect(indexes(library)[0]) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)


def test_only_the_last_few_indexes_are_kept(library, papers):
    for number in range(INDEXES_KEPT + 3):
        (papers.root / "land.txt").write_text(f"Mountain number {number} is named.")
        library.refresh()

    assert len(indexes(library)) == INDEXES_KEPT


def test_an_empty_collection_is_an_empty_shelf(tmp_path):
    library = Library(Collection("none", tmp_path), tmp_path / ".index")

    shelf = library.refresh()

    assert (shelf.files, shelf.passages, shelf.left_out) == (0, 0, ())
    assert library.search("anything") == ()


def test_what_cannot_be_read_stands_on_the_shelf_with_its_reason(library, papers):
    (papers.root / "huge.txt").write_bytes(b"word " * (10 * MIB))
    (papers.root / "tool.txt").write_bytes(b"\x7fELF\x00\x00\x01")
    (papers.root / "sheet.xlsx").write_bytes(b"PK")
    (papers.root / "wide.txt").write_bytes("Wide words.".encode("utf-16"))

    shelf = library.refresh()

    assert [str(one) for one in shelf.left_out] == [
        "huge.txt is too large to be read: 50.0 MiB, and a .txt may have 16 MiB.",
        "sheet.xlsx is not one of .md, .rst, .txt, .html, .pdf.",
        "tool.txt is a binary file, not text.",
    ]
    assert shelf.notes == ("wide.txt begins with a byte order mark and was read as utf-16-le.",)
    assert shelf.files == 3


def test_one_file_under_two_names_is_one_source(library, papers):
    (papers.root / "copy.md").write_bytes((papers.root / "sea.md").read_bytes())

    assert texts(library, "herring", neighbours=0) == ["Herring swim in shoals."]


def test_words_of_the_collection_are_known(library):
    assert library.mentions("herrings")
    assert not library.mentions("zeppelin")


def test_threads_share_one_library(library):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: texts(library, "herring", neighbours=0), range(40)))

    assert found == [["Herring swim in shoals."]] * 40


SEARCH = """
import sys
from pathlib import Path
from desk.collections import Collection
from desk.index import Library
library = Library(Collection("papers", Path(sys.argv[1])), Path(sys.argv[2]))
print(library.search("herring", neighbours=0)[0].text.strip())
"""


def test_several_processes_may_build_the_same_index_at_once(papers, library):
    command = [sys.executable, "-c", SEARCH, str(papers.root), str(library.home)]

    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(3)
    ]
    found = [one.communicate(timeout=60)[0].strip() for one in started]

    assert found == ["Herring swim in shoals."] * 3
    assert len(indexes(library)) == 1
