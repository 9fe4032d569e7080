"""Reads a document's bytes: its format, its text, its passages' blocks, or why it was left out.

Guarantees: pure, so that a reviewer who reads the same bytes gets the same text; every way in
which a document can be unreadable gives one sentence and never an exception. Limits are by
format, in MiB, because parsers differ in what a megabyte costs them.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from typing import Literal, assert_never

from desk.decoding import decode
from desk.formats.extract import Block, Extract, Unreadable

Format = Literal["md", "rst", "txt", "html", "pdf"]

FORMATS: dict[str, Format] = {
    ".md": "md",
    ".markdown": "md",
    ".rst": "rst",
    ".txt": "txt",
    ".text": "txt",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
}
MIB = 1024 * 1024
#: The largest file of each format that is read, in MiB; reading it takes less than 500 MB.
FILE_MIB_MAX: dict[Format, int] = {"md": 4, "rst": 2, "txt": 16, "html": 4, "pdf": 64}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that is not read, and why, as the end of a sentence that its name begins."""

    source: str
    reason: str

    def __str__(self) -> str:
        """Give the whole sentence."""
        return f"{self.source} {self.reason}."


@dataclass(frozen=True, slots=True)
class Document:
    """A file that was read.

    For text formats `encoding` is set and every range of `text` is a range of the file, counted
    after `mark_bytes`. For HTML and PDF `encoding` is None: the text is what the parser extracted,
    and `text_sha256` is its sum in UTF-8.
    """

    source: str
    format: Format
    sha256: str
    text: str
    text_sha256: str
    blocks: tuple[Block, ...]
    parser: str
    version: str
    encoding: str | None
    mark_bytes: int
    notes: tuple[str, ...]


# Parsers are loaded where one is used: together they take 25 MB and a third of a second, and most
# agents that know what a document is never read one.
@cache
def parsers() -> str:
    """Name the versions of all parsers: what one extracted is used again only under the same."""
    from desk.formats import html, markdown, pdf, rst, text  # noqa: PLC0415

    return " ".join(f"{m.PARSER}={m.VERSION}" for m in (html, markdown, pdf, rst, text))


def format_of(source: str) -> Format | None:
    """Say by its ending in which format a file is read; None for one that is not."""
    return FORMATS.get(PurePosixPath(source).suffix.lower())


def too_large(source: str, size_bytes: int) -> LeftOut | None:
    """Say that a file is over the limit of its format, before it is read."""
    kind = format_of(source)
    if kind is None or size_bytes <= FILE_MIB_MAX[kind] * MIB:
        return None
    size = f"{size_bytes / MIB:.1f} MiB"
    return LeftOut(
        source,
        f"is too large to be read: {size}, and a .{kind} may have {FILE_MIB_MAX[kind]} MiB",
    )


def read_document(source: str, data: bytes) -> Document | LeftOut:
    """Read one document; whatever is wrong with it is said in the `LeftOut`."""
    kind = format_of(source)
    if kind is None:
        return LeftOut(source, "is not one of .md, .rst, .txt, .html, .pdf")
    large = too_large(source, len(data))
    if large is not None:
        return large
    if not data.strip():
        return LeftOut(source, "is empty")
    try:
        return _read(source, kind, data)
    except Unreadable as why:
        return LeftOut(source, str(why))
    except RecursionError:
        return LeftOut(source, "is nested too deeply to be read")


def _read(source: str, kind: Format, data: bytes) -> Document | LeftOut:
    encoding: str | None = None
    mark_bytes, notes = 0, tuple[str, ...]()
    if kind == "pdf":
        from desk.formats.pdf import extract_pdf  # noqa: PLC0415

        extract = extract_pdf(data)
    else:
        decoded = decode(data, html=kind == "html")
        extract, notes = _extract(kind, decoded.text), decoded.notes
        if kind != "html":
            encoding, mark_bytes = decoded.encoding, decoded.mark_bytes
    if not extract.blocks:
        return LeftOut(source, "holds no text")
    return Document(
        source=source,
        format=kind,
        sha256=sha256(data),
        text=extract.text,
        text_sha256=sha256(extract.text.encode("utf-8", "surrogatepass")),
        blocks=extract.blocks,
        parser=extract.parser,
        version=extract.version,
        encoding=encoding,
        mark_bytes=mark_bytes,
        notes=notes,
    )


def _extract(kind: Literal["md", "rst", "txt", "html"], decoded: str) -> Extract:
    match kind:
        case "md":
            from desk.formats.markdown import extract_markdown  # noqa: PLC0415

            return extract_markdown(decoded)
        case "rst":
            from desk.formats.rst import extract_rst  # noqa: PLC0415

            return extract_rst(decoded)
        case "txt":
            from desk.formats.text import extract_text  # noqa: PLC0415

            return extract_text(decoded)
        case "html":
            from desk.formats.html import extract_html  # noqa: PLC0415

            return extract_html(decoded)
        case _:
            assert_never(kind)


def sha256(data: bytes) -> str:
    """Give the hexadecimal SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()
