"""Bytes become a document, or one sentence that says why not."""

import pytest

from desk.documents import MIB, Document, LeftOut, read_document
from tests.unit.desk.bad_files import locked_pdf, pdf


def read(source: str, data: bytes) -> Document:
    document = read_document(source, data)
    assert isinstance(document, Document), document
    return document


def left_out(source: str, data: bytes) -> str:
    document = read_document(source, data)
    assert isinstance(document, LeftOut), document
    return str(document)


def blocks(document: Document) -> list[tuple[tuple[str, ...], str]]:
    return [(b.headings, document.text[b.start : b.end].strip()) for b in document.blocks]


def test_markdown_is_cut_into_blocks_under_their_headings():
    source = (
        b"---\ntitle: x\n---\n# A\n\nfirst\n\n## B `code`\n\n"
        b"- one\n- two\n\n| k | v |\n|---|---|\n| 1 | 2 |\n"
    )

    document = read("a.md", source)

    assert blocks(document) == [
        (("A",), "first"),
        (("A", "B code"), "- one"),
        (("A", "B code"), "- two"),
        (("A", "B code"), "| k | v |\n|---|---|\n| 1 | 2 |"),
    ]


def test_restructured_text_keeps_its_ranges_through_lists_definitions_and_tables():
    source = (
        b"Top\n===\n\nA *first*\nparagraph.\n\nSub\n---\n\n``term``\n    What it is.\n\n"
        b"== ==\na  b\n== ==\n1  2\n== ==\n\n.. note:: Take care.\n"
    )

    document = read("a.rst", source)

    assert blocks(document) == [
        (("Top",), "A *first*\nparagraph."),
        (("Top", "Sub"), "``term``"),
        (("Top", "Sub"), "What it is."),
        (("Top", "Sub"), "a  b\n== ==\n1  2"),
        (("Top", "Sub"), "Take care."),
    ]


def test_restructured_text_reads_no_other_file_and_survives_what_it_does_not_know(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")

    document = read(
        "a.rst", f".. include:: {secret}\n\n.. unknown:: x\n\nSee :nope:`y`.\n".encode()
    )

    assert "the secret" not in document.text
    assert blocks(document)[-1][1] == "See :nope:`y`."


def test_what_directives_of_sphinx_say_is_read():
    source = (
        b".. versionadded:: 3.2\n   The lid locks.\n\n.. option:: --wipe\n\n   Deletes all data.\n"
    )

    document = read("a.rst", source)

    assert [text for _, text in blocks(document)] == [
        "3.2\n   The lid locks.",
        "--wipe",
        "Deletes all data.",
    ]


def test_plain_text_finds_its_title_and_its_headings():
    document = read("a.txt", b"THE TITLE\n\nOne.\n\nA heading\n---------\n\nTwo,\nstill two.\n")

    assert blocks(document) == [
        (("The Title",), "One."),
        (("The Title", "A heading"), "Two,\nstill two."),
    ]


def test_html_gives_what_a_reader_sees():
    source = (
        b"<html><head><title>T</title><style>p{}</style></head><body><nav>menu</nav><h1>H</h1>"
        b"<p>One  <b>bold</b><br>line</p><!-- no --><script>no()</script><p hidden>no</p>"
        b"<table><tr><th>k</th><th>v</th></tr><tr><td><p>1</p></td><td>2</td></tr></table>"
        b"<pre>a\n  b</pre></body></html>"
    )

    document = read("a.html", source)

    assert blocks(document) == [
        (("T", "H"), "One bold\nline"),
        (("T", "H"), "k | v"),
        (("T", "H"), "1 | 2"),
        (("T", "H"), "a\n  b"),
    ]


def test_pdf_knows_the_page_of_every_block():
    document = read("a.pdf", pdf("The first page speaks.", "The second page answers."))

    assert [(b.page, document.text[b.start : b.end]) for b in document.blocks] == [
        (1, "The first page speaks."),
        (2, "The second page answers."),
    ]


def test_a_word_that_a_line_of_a_pdf_broke_is_whole_again():
    document = read(
        "a.pdf", pdf("It is distri-\nbuted and event-\ndriven, which event-driven means.")
    )

    assert "distributed" in document.text
    assert "event-driven, which" in document.text.replace("\n", "")


def test_a_pdf_that_only_locks_its_owner_out_is_read():
    assert "The vault opens at nine." in read("a.pdf", locked_pdf("")).text


UNREADABLE = [
    (
        "a.pdf",
        locked_pdf("secret"),
        "a.pdf is locked with a password: save a copy without one.",
    ),
    (
        "a.pdf",
        pdf("", ""),
        ("a.pdf holds pictures of pages and no text: run it through text recognition (OCR) first."),
    ),
    ("a.pdf", b"MZ\x90\x00", "a.pdf is called .pdf but does not begin like a PDF."),
    ("a.txt", b"\x7fELF\x00\x01\x02", "a.txt is a binary file, not text."),
    (
        "a.txt",
        b"caf\xe9",
        (
            "a.txt is not valid utf-8 at byte 3 (no byte order mark says otherwise): "
            "save it as UTF-8."
        ),
    ),
    (
        "a.txt",
        "wide".encode("utf-16-le"),
        (
            "a.txt looks like UTF-16 without a byte order mark: "
            "save it as UTF-8, or as UTF-16 with its mark."
        ),
    ),
    (
        "a.html",
        b"<meta charset=klingon>x",
        "a.html declares the unknown encoding klingon: save it as UTF-8.",
    ),
    (
        "a.html",
        b"<meta charset=base64>x",
        "a.html declares the encoding base64, which is not one of text.",
    ),
    ("a.md", b" \n", "a.md is empty."),
    ("a.html", b"<script>x</script>", "a.html holds no text."),
    ("a.docx", b"PK", "a.docx is not one of .md, .rst, .txt, .html, .pdf."),
    (
        "a.txt",
        b"x" * (50 * MIB),
        "a.txt is too large to be read: 50.0 MiB, and a .txt may have 16 MiB.",
    ),
]


@pytest.mark.parametrize(
    ("source", "data", "sentence"),
    UNREADABLE,
    ids=[
        "locked",
        "scanned",
        "no-pdf",
        "binary",
        "latin-1",
        "wide",
        "klingon",
        "base64",
        "empty",
        "no-words",
        "docx",
        "50-mb",
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence(source, data, sentence):
    assert left_out(source, data) == sentence


def test_a_damaged_pdf_is_called_damaged():
    whole = pdf("Some words that are here.")

    said = left_out("a.pdf", whole[:200] + b"\n%%EOF")

    assert said.startswith("a.pdf is a damaged PDF")


@pytest.mark.parametrize("source", ["a.md", "a.rst", "a.txt"])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        ("\ufeff", "utf-8"),
        ("\ufeff", "utf-16-le"),
        ("\ufeff", "utf-16-be"),
        ("\ufeff", "utf-32-le"),
    ],
)
def test_a_byte_order_mark_is_obeyed_and_said(source, mark, encoding):
    document = read(source, (mark + "Zürich – “quoted”.").encode(encoding))

    assert document.text == "Zürich – “quoted”."
    assert document.notes == (f"begins with a byte order mark and was read as {encoding}",)


def test_windows_line_ends_are_kept_and_said():
    document = read("a.md", b"# A\r\n\r\none\r\ntwo\r\n")

    assert blocks(document) == [(("A",), "one\r\ntwo")]
    assert document.notes == ("has Windows line ends, kept as they are",)


def test_html_is_read_in_the_encoding_that_its_head_declares():
    document = read("a.html", b"<meta charset='ISO-8859-1'><p>caf\xe9 \x93x\x94</p>")

    assert document.text == "café “x”"


def test_html_that_is_nested_ten_thousand_deep_is_read_or_left_out_but_raises_nothing():
    source = b"<div>" * 10_000 + b"deep" + b"</div>" * 10_000

    document = read_document("a.html", source)

    assert isinstance(document, Document | LeftOut)
