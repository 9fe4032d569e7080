"""A brief prints what is proved, and says what is not."""

from pathlib import Path

import pytest

from desk.brief import Brief, Claim, Gap, Struck, faults, is_refusal, render, strike
from desk.collections import Collection
from desk.documents import Document, read_document
from desk.passages import passages
from desk.publish import brief_name, publish
from desk.quotes import Quote, quote_words


@pytest.fixture
def papers(tmp_path: Path) -> Collection:
    root = tmp_path / "papers"
    root.mkdir()
    (root / "a.md").write_text("The sea is deep.\n\nThe sky is <b>high</b>.\n")
    return Collection("papers", root.resolve())


def quoted(papers: Collection, words: str) -> Quote:
    document = read_document("a.md", (papers.root / "a.md").read_bytes())
    assert isinstance(document, Document)
    one = quote_words(passages(document, "papers")[0], words)
    assert one is not None
    return one


def claim(text: str, *quotes: Quote) -> Claim:
    return Claim(question="How deep is it?", text=text, quotes=quotes)


def test_a_claim_is_printed_with_its_quote_and_the_place_of_it(papers):
    one = quoted(papers, "The sea is deep.")
    brief = Brief(
        question="Tell me of the sea", collection="papers", claims=(claim("It is deep.", one),)
    )

    text = render(brief)

    assert text == (
        "# Tell me of the sea\n\n"
        "1 claim, proved against the documents of “papers” by its quotes. "
        "Written without a language model: sentences were selected, none was written.\n\n"
        "## How deep is it?\n\nIt is deep.\n\n> The sea is deep.\n>\n"
        f"> — `a.md`, bytes 0–16, sha256 {one.source_sha256[:12]}\n"
    )


def test_a_selected_sentence_is_not_printed_twice(papers):
    one = quoted(papers, "The sea is deep.")
    brief = Brief(question="q", collection="papers", claims=(claim("The sea is deep.", one),))

    assert render(brief).count("The sea is deep.") == 1


def test_prose_without_a_quote_is_not_printed_as_a_claim(papers):
    brief = Brief(question="q", collection="papers", claims=(claim("The sea is wide."),))

    text = render(brief)

    assert "## How deep" not in text
    assert "- The sea is wide. – It has no quote." in text


def test_gaps_struck_claims_and_unread_documents_are_said_plainly():
    brief = Brief(
        question="q",
        collection="papers",
        gaps=(Gap(question="How old is it?", reason="Nothing that was found mentions “age”."),),
        struck=(
            Struck(question="q", text="It is old.", reason="a.md has changed since it was quoted."),
        ),
        left_out=("b.pdf is locked with a password: save a copy without one.",),
    )

    text = render(brief)

    assert is_refusal(brief)
    assert "The documents of “papers” do not answer this; nothing is claimed." in text
    assert "- **How old is it?** Nothing that was found mentions “age”." in text
    assert "- It is old. – a.md has changed since it was quoted." in text
    assert "- b.pdf is locked with a password: save a copy without one." in text


def test_what_a_document_says_cannot_break_out_of_its_quote(papers):
    (papers.root / "a.md").write_text("# not\n\n<script>x</script>\n> out\n\n```\nfence\n")
    document = read_document("a.md", (papers.root / "a.md").read_bytes())
    assert isinstance(document, Document)
    (passage,) = passages(document, "papers")
    one = quote_words(passage, passage.text)
    assert one is not None

    lines = render(Brief(question="q", collection="papers", claims=(claim("c", one),))).splitlines()

    assert lines[8] == "> &lt;script>x&lt;/script> > out ``` fence"


def test_the_reviewer_finds_what_is_not_proved_and_says_why(papers):
    good, bare = claim("deep", quoted(papers, "The sea is deep.")), claim("bare")
    forged = claim(
        "wide", quoted(papers, "The sea is deep.").model_copy(update={"text": "The sea is wide."})
    )

    found = faults([good, bare, forged], {"papers": papers})

    assert [(one.claim, one.reason) for one in found] == [
        (1, "It has no quote."),
        (2, "The quote “The sea is wide.” is not proved: Bytes 0-16 of a.md say something else."),
    ]


def test_what_is_not_proved_is_struck_and_the_rest_stays(papers):
    good, bare = claim("deep", quoted(papers, "The sea is deep.")), claim("bare")
    brief = Brief(question="q", collection="papers", claims=(bare, good))

    struck = strike(brief, faults(brief.claims, {"papers": papers}))

    assert struck.claims == (good,)
    assert struck.struck == (
        Struck(question="How deep is it?", text="bare", reason="It has no quote."),
    )


def test_a_deleted_source_is_found_out_at_review(papers):
    one = claim("deep", quoted(papers, "The sea is deep."))
    (papers.root / "a.md").unlink()

    (fault,) = faults([one], {"papers": papers})

    assert fault.reason.endswith("a.md is no longer in the collection papers.")


def test_publishing_twice_leaves_one_brief(tmp_path):
    first = publish(tmp_path / "briefs", "task-1", "one")
    second = publish(tmp_path / "briefs", "task-1", "one")

    assert first == second
    assert [one.name for one in (tmp_path / "briefs").iterdir()] == ["task-1.md"]
    assert Path(first.path).read_text() == "one"


@pytest.mark.parametrize("task", ["../../etc/passwd", "", ".", "a/b", "x" * 101, "ü", "-rf"])
def test_no_task_id_leads_out_of_the_folder(task):
    name = brief_name(task)

    assert name.startswith("task-")
    assert "/" not in name
    assert name == brief_name(task)
