"""Cuts a passage into the pieces that may be quoted: sentences, list items, table rows, code lines.

Guarantees: pure; pieces are in order, do not overlap, and every piece is a range of the text as
it stands, so that quoting it is copying it. Text without full stops is cut at blank lines.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: A piece longer than this many characters is cut at a space: a quote is not a chapter.
PIECE_CHARS_MAX = 600

_LINE = re.compile(r"[^\n]*\n?")
_ITEM = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)]|#\.)\s+")
_ROW = re.compile(r"\s*\||.*\S\s\|\s\S")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_RULE = re.compile(r"[\s|+:=~^*#\-]*")
# A run of signs is read once, from its beginning: a passage may be nothing but dots.
_STOP = re.compile(r"(?<![.!?])[.!?]++[\"'”’)\]*_`]*+(?=\s+[\"'“‘(\[*_`]*[^\sa-z])|[。！？]")
_SHORTENED = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|ca|approx|dr|mr|mrs|ms|prof|st|no|nos|fig|vol|sec|p|pp|inc|ltd"
    r"|jr|sr|dept|est|min|max|al)|\b[A-Za-z])\.$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """One quotable range of a passage, without the white space and list sign around it."""

    start: int
    end: int


def pieces(text: str) -> tuple[Piece, ...]:
    """Cut a text into its quotable pieces, in order."""
    return tuple(
        piece
        for start, end in _paragraphs(text)
        for cut in _sentences(text, start, end)
        for piece in _bounded(text, *cut)
    )


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Yield ranges that a sentence never crosses: paragraphs, items, rows, lines of code."""
    begun: int | None = None
    fenced = False
    for match in _LINE.finditer(text):
        line, start = match.group(), match.start()
        fence = bool(_FENCE.match(line))
        alone = fenced or fence or bool(_ROW.match(line)) or not line.strip()
        if begun is not None and (alone or _ITEM.match(line) or _RULE.fullmatch(line)):
            yield begun, start
            begun = None
        if fence:
            fenced = not fenced
        elif alone:
            if line.strip() and not _RULE.fullmatch(line):
                yield start, match.end()
        elif begun is None and not _RULE.fullmatch(line):
            begun = start
    if begun is not None:
        yield begun, len(text)


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    item = _ITEM.match(text, start, end)
    begun = item.end() if item else start
    for match in _STOP.finditer(text, begun, end):
        if match.group() == "." and _SHORTENED.search(
            text, max(begun, match.end() - 8), match.end()
        ):
            continue
        yield begun, match.end()
        begun = match.end()
    yield begun, end


def _bounded(text: str, start: int, end: int) -> Iterator[Piece]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    while end - start > PIECE_CHARS_MAX:
        cut = text.rfind(" ", start, start + PIECE_CHARS_MAX)
        cut = cut if cut > start else start + PIECE_CHARS_MAX
        yield Piece(start, cut)
        start = cut
        while start < end and text[start].isspace():
            start += 1
    if any(c.isalnum() for c in text[start:end]):
        yield Piece(start, end)
