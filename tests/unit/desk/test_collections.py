"""A task names a collection, and a collection never leads out of its folder."""

import os
from pathlib import Path

import pytest

from desk.collections import (
    Collection,
    Found,
    Gone,
    NoSuchCollection,
    collection_named,
    collections,
    read_source,
    walk,
)
from desk.documents import MIB


@pytest.fixture
def papers(tmp_path: Path) -> Collection:
    root = tmp_path / "papers"
    (root / "inner").mkdir(parents=True)
    (root / "inner" / "a.md").write_text("a")
    (root / ".hidden.md").write_text("no")
    (tmp_path / "secret.md").write_text("secret")
    return Collection("papers", root.resolve())


def listed(papers: Collection) -> list[str]:
    return [one.source if isinstance(one, Found) else str(one) for one in walk(papers)]


def test_collections_are_named_in_the_settings_and_lie_in_the_project(tmp_path):
    known = collections({"library": "desk/library", "mine": "/srv/papers"}, tmp_path)

    assert known["library"].root == tmp_path.resolve() / "desk" / "library"
    assert known["mine"].root == Path("/srv/papers")


def test_an_unknown_name_is_answered_with_the_names_that_there_are(tmp_path):
    known = collections({"b": "b", "a": "a"}, tmp_path)

    with pytest.raises(
        NoSuchCollection, match=r"no collection called '/etc'\. Known collections: a, b\."
    ):
        collection_named("/etc", known)


def test_files_are_listed_in_order_and_hidden_ones_passed_over(papers):
    (papers.root / "z.txt").write_text("z")

    assert listed(papers) == ["z.txt", "inner/a.md"]


def test_a_link_that_leads_out_is_refused_and_one_within_is_read(papers):
    (papers.root / "out.md").symlink_to(papers.root.parent / "secret.md")
    (papers.root / "within.md").symlink_to(papers.root / "inner" / "a.md")
    (papers.root / "parent").symlink_to(papers.root.parent)

    assert listed(papers) == [
        "out.md is a link that leads out of its collection and is not followed.",
        "parent is a link that leads out of its collection and is not followed.",
        "within.md",
        "inner/a.md",
    ]
    assert read_source(papers, "within.md") == b"a"


@pytest.mark.parametrize(
    "source", ["../secret.md", "inner/../../secret.md", "/etc/hostname", "out.md"]
)
def test_nothing_outside_is_ever_read(papers, source):
    (papers.root / "out.md").symlink_to(papers.root.parent / "secret.md")

    with pytest.raises(Gone, match="lies outside of the collection papers"):
        read_source(papers, source)


def test_a_pipe_is_not_a_file_and_nobody_waits_for_it(papers):
    os.mkfifo(papers.root / "pipe.txt")

    assert "pipe.txt is not a file." in listed(papers)
    with pytest.raises(Gone, match=r"pipe\.txt is not a file"):
        read_source(papers, "pipe.txt")


def test_a_file_that_is_too_large_is_named_and_not_opened(papers):
    with (papers.root / "big.rst").open("wb") as file:
        file.truncate(50 * MIB)

    assert listed(papers)[0] == (
        "big.rst is too large to be read: 50.0 MiB, and a .rst may have 2 MiB."
    )
    with pytest.raises(Gone, match="too large"):
        read_source(papers, "big.rst")


def test_a_folder_that_is_not_there_is_said(tmp_path):
    assert listed(Collection("none", tmp_path / "none")) == [
        f"{tmp_path / 'none'} is not a folder."
    ]


def test_a_deleted_file_is_gone(papers):
    with pytest.raises(Gone, match=r"b\.md is no longer in the collection papers"):
        read_source(papers, "b.md")
