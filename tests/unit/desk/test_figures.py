"""What the desk promises without a model is measured on every run, and every quote is true."""

import pytest

from bench.desk.run import SETS, measure


@pytest.mark.parametrize("name", SETS)
def test_quotes_are_true_answers_are_cited_and_the_unanswerable_is_refused(name):
    folder, questions = SETS[name]

    assert measure(name, folder, questions, misses=True)


def test_the_shipped_library_has_thirty_files_in_all_five_formats():
    folder, questions = SETS["library"]
    suffixes = [one.suffix for one in folder.rglob("*") if one.is_file()]
    lines = questions.read_text().splitlines()
    answerable = sum('"answer"' in line for line in lines)

    assert len(suffixes) >= 30
    assert set(suffixes) == {".md", ".rst", ".txt", ".html", ".pdf"}
    assert answerable >= 40
    assert len(lines) - answerable >= 40
