"""Joins a document's blocks into passages: what is indexed, shown to a model and quoted from.

Guarantees: a passage is one range of the document's text, never crosses a heading or a page, and
knows where in the source it stands; its text is the text of that range, sign for sign.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from pydantic import BaseModel, ConfigDict

from desk.documents import Document, Format
from desk.formats.extract import Block

#: Blocks under one heading are joined up to the first, a longer block is cut at the second.
PASSAGE_CHARS_GOAL, PASSAGE_CHARS_MAX = 900, 2_000
assert PASSAGE_CHARS_GOAL < PASSAGE_CHARS_MAX


class Passage(BaseModel):
    """A range of one document, with all that a quote of it needs.

    `start` and `end` count characters of the document's text. For text formats `start_byte` is
    where it begins in the file, any byte order mark included, and `encoding` says how its
    characters are written; for HTML and PDF both are None.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    collection: str
    source: str
    source_sha256: str
    format: Format
    heading: str
    text: str
    start: int
    end: int
    page: int | None = None
    encoding: str | None = None
    start_byte: int | None = None
    parser: str
    parser_version: str
    text_sha256: str


def passages(document: Document, collection: str = "") -> tuple[Passage, ...]:
    """Cut a document into its passages, in order."""
    found: list[Passage] = []
    char = 0
    byte = document.mark_bytes
    for start, end, block in _ranges(document):
        if document.encoding is not None:
            byte += len(document.text[char:start].encode(document.encoding))
            char = start
        found.append(
            Passage(
                id=f"{document.sha256[:16]}-{start}",
                collection=collection,
                source=document.source,
                source_sha256=document.sha256,
                format=document.format,
                heading=_heading(document.source, block.headings),
                text=document.text[start:end],
                start=start,
                end=end,
                page=block.page,
                encoding=document.encoding,
                start_byte=byte if document.encoding is not None else None,
                parser=document.parser,
                parser_version=document.version,
                text_sha256=document.text_sha256,
            )
        )
    return tuple(found)


def _heading(source: str, headings: tuple[str, ...]) -> str:
    """Give the headings from the outermost in; a document without any is known by its name."""
    if headings:
        return " › ".join(headings)
    return re.sub(r"[-_.\s]+", " ", PurePosixPath(source).stem)


def _ranges(document: Document) -> Iterator[tuple[int, int, Block]]:
    """Join neighbouring blocks of one heading and page, and cut what is too long."""
    start = end = 0
    first: Block | None = None
    for block in document.blocks:
        same = first is not None and (first.headings, first.page) == (block.headings, block.page)
        if first is not None and (not same or block.end - start > PASSAGE_CHARS_GOAL):
            yield from _cut(document.text, start, end, first)
            first = None
        if first is None:
            first, start = block, block.start
        end = block.end
    if first is not None:
        yield from _cut(document.text, start, end, first)


def _cut(text: str, start: int, end: int, block: Block) -> Iterator[tuple[int, int, Block]]:
    while end > start and text[end - 1].isspace():
        end -= 1
    while end - start > PASSAGE_CHARS_MAX:
        window = text[start : start + PASSAGE_CHARS_MAX]
        ends = [m.end() for m in re.finditer(r"\n|[.!?]\s", window)]
        cut = start + (ends[-1] if ends else window.rfind(" ") + 1 or len(window))
        yield start, cut, block
        start = cut
    if end > start:
        yield start, end, block
