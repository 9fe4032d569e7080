"""A quote is proved against the bytes of its source, and nothing else passes for one."""

import html
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desk.collections import Collection
from desk.documents import Document, read_document
from desk.passages import Passage, passages
from desk.quotes import ByteRange, NotProved, Proved, Quote, TextRange, prove, quote, quote_words
from tests.unit.desk.bad_files import pdf

PROSE = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=80
)
LATIN = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=60)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"])
LINE_ENDS = st.sampled_from(["\n", "\r\n"])


@st.composite
def text_files(draw: st.DrawFn) -> tuple[str, bytes]:
    """A text file of any kind, with any line ends, in any encoding that is read."""
    suffix = draw(st.sampled_from([".md", ".rst", ".txt"]))
    end = draw(LINE_ENDS)
    lines = draw(st.lists(PROSE, min_size=1, max_size=8))
    return f"doc{suffix}", (end + end).join(lines).encode(draw(ENCODINGS))


@st.composite
def laid_out_files(draw: st.DrawFn) -> tuple[str, bytes]:
    """An HTML or a PDF file."""
    if draw(st.booleans()):
        paragraphs = draw(st.lists(PROSE, min_size=1, max_size=6))
        body = "".join(f"<p>{html.escape(one)}</p>" for one in paragraphs)
        return "doc.html", f"<meta charset=utf-8><h1>T</h1>{body}".encode()
    return "doc.pdf", pdf(*draw(st.lists(LATIN, min_size=1, max_size=3)))


FILES = st.one_of(text_files(), text_files(), laid_out_files())


def passages_of(name: str, data: bytes) -> tuple[Passage, ...]:
    document = read_document(name, data)
    return passages(document, "papers") if isinstance(document, Document) else ()


def some_quote(draw: st.DataObject, found: tuple[Passage, ...]) -> Quote | None:
    passage = draw.draw(st.sampled_from(found))
    start = draw.draw(st.integers(0, len(passage.text) - 1))
    end = draw.draw(st.integers(start + 1, len(passage.text)))
    one = quote(passage, start, end)
    return one if one.text.strip() else None


def tampered(one: Quote) -> list[Quote]:
    """Every quote that differs from this one in a single fact."""
    place = one.place
    facts: list[dict[str, object]] = [
        {"text": one.text + "x"},
        {"text": "x" + one.text[1:] if one.text[0] != "x" else "y" + one.text[1:]},
        {"collection": "others"},
        {"source": "other.md"},
        {"source": "../doc.md"},
        {"source_sha256": "0" * 64},
    ]
    places: list[dict[str, object]] = [{"start": place.end, "end": place.end}, {"end": 10**9}]
    if isinstance(place, ByteRange):
        places.append({"encoding": "cp1252"})
    else:
        places += [{"page": 99}, {"parser": "x"}, {"version": "0"}, {"text_sha256": "0" * 64}]
    facts += [{"place": place.model_copy(update=change)} for change in places]
    return [one.model_copy(update=change) for change in facts]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(file=FILES, data=st.data())
def test_any_quote_of_any_document_is_proved_and_no_tampered_one_is(file, data):
    name, content = file
    found = passages_of(name, content)
    one = some_quote(data, found) if found else None
    if one is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, name).write_bytes(content)
        papers = Collection("papers", Path(folder).resolve())

        assert prove(one, papers) == Proved()
        for other in tampered(one):
            assert isinstance(prove(other, papers), NotProved), other


@pytest.fixture
def papers(tmp_path: Path) -> Collection:
    (tmp_path / "a.md").write_text("# A\n\nThe sea is deep. It is cold, too.\n", "utf-8")
    return Collection("papers", tmp_path.resolve())


def quoted(papers: Collection, words: str, name: str = "a.md") -> Quote:
    data = (papers.root / name).read_bytes()
    found = (quote_words(one, words) for one in passages_of(name, data))
    one = next(each for each in found if each is not None)
    assert one.text == words
    return one


def reason(one: Quote, papers: Collection) -> str:
    verdict = prove(one, papers)
    assert isinstance(verdict, NotProved)
    return verdict.reason


def test_a_text_file_is_quoted_by_the_bytes_in_which_the_words_stand(papers):
    one = quoted(papers, "The sea is deep.")

    assert isinstance(one.place, ByteRange)
    cut = (papers.root / "a.md").read_bytes()[one.place.start : one.place.end]
    assert cut == b"The sea is deep."


def test_a_pdf_is_quoted_by_its_page_and_by_what_was_extracted(papers):
    (papers.root / "a.pdf").write_bytes(pdf("First page of the report.", "The ship sank at noon."))

    one = quoted(papers, "The ship sank at noon.", "a.pdf")

    assert isinstance(one.place, TextRange)
    assert one.place.page == 2
    assert prove(one, papers) == Proved()


def test_a_file_that_changed_after_it_was_quoted_is_not_proved(papers):
    one = quoted(papers, "The sea is deep.")
    (papers.root / "a.md").write_text("# A\n\nThe sea is deep. It is warm, too.\n", "utf-8")

    assert reason(one, papers) == "a.md has changed since it was quoted."


def test_a_file_that_was_deleted_after_it_was_quoted_is_not_proved(papers):
    one = quoted(papers, "The sea is deep.")
    (papers.root / "a.md").unlink()

    assert reason(one, papers) == "a.md is no longer in the collection papers."


def test_a_source_outside_of_the_collection_is_not_read(papers):
    (papers.root.parent / "secret.md").write_text("The sea is deep.")
    one = quoted(papers, "The sea is deep.").model_copy(update={"source": "../secret.md"})

    assert reason(one, papers) == "../secret.md lies outside of the collection papers."


def test_a_quote_of_nothing_is_not_proved(papers):
    one = quoted(papers, "The sea is deep.").model_copy(update={"text": " "})

    assert reason(one, papers) == "It quotes nothing."


def test_half_a_character_is_not_a_quote(papers):
    (papers.root / "b.txt").write_text("é is one letter and two bytes", "utf-8")
    one = quoted(papers, "is one letter", "b.txt")
    half = one.model_copy(update={"place": ByteRange(start=1, end=5, encoding="utf-8")})

    assert reason(half, papers) == "Bytes 1-5 of b.txt cut a character in two."


def test_words_that_a_model_quotes_are_found_whatever_its_line_ends():
    found = passages_of("a.txt", b"The sea\r\n  is deep.")

    one = quote_words(found[0], "The sea is deep.")

    assert one is not None
    assert one.text == "The sea\r\n  is deep."


@pytest.mark.parametrize("said", ["The sea is shallow.", "the sea is deep.", "", "  "])
def test_words_that_do_not_stand_there_give_no_quote(said):
    found = passages_of("a.txt", b"The sea is deep.")

    assert quote_words(found[0], said) is None
