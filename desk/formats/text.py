"""Reads plain text: paragraphs between blank lines, under their headings if any are drawn."""

import re

from desk.formats.extract import Block, Extract

PARSER, VERSION = "desk.text", "1"

#: A heading is at most this long; a longer line is a sentence.
HEADING_CHARS_MAX, HEADING_WORDS_MAX = 80, 8

_PARAGRAPH = re.compile(r"(?:[^\S\r\n]*\S[^\r\n]*(?:\r\n|\r|\n)?)+")
_LINES = re.compile(r"[^\r\n]+")
_UNDERLINE = re.compile(r"[=\-~^*#]{3,}\s*")


def extract_text(text: str) -> Extract:
    """Cut a plain text into blocks; ranges are those of the text as given."""
    blocks: list[Block] = []
    # The first heading is the document's title as long as no other stands above it.
    title, heading, bare = "", tuple[str, ...](), None
    for match in _PARAGRAPH.finditer(text):
        lines = list(_LINES.finditer(text, match.start(), match.end()))
        found, used = _heading([line.group().strip() for line in lines])
        if found:
            if bare is not None:
                blocks.append(bare)
            title = title or (found if not blocks else "")
            heading = (title, found) if title and title != found else (found,)
            # A heading with nothing under it is all that was written there.
            bare = Block(lines[0].start(), lines[0].end(), heading)
        if used < len(lines):
            blocks.append(Block(lines[used].start(), lines[-1].end(), heading))
            bare = None
    if bare is not None:
        blocks.append(bare)
    return Extract(text, tuple(blocks), PARSER, VERSION)


def _heading(lines: list[str]) -> tuple[str, int]:
    """Give the heading with which a paragraph opens, and how many lines it takes."""
    first = lines[0]
    if len(first) > HEADING_CHARS_MAX:
        return "", 0
    if len(lines) > 1 and _UNDERLINE.fullmatch(lines[1]):
        return first, 2
    if len(lines) == 1 and any(c.isalpha() for c in first):
        if first.isupper():
            return first.title(), 1
        if (
            first[0].isalnum()
            and first[-1] not in ".!?:;,|)"
            and len(first.split()) <= HEADING_WORDS_MAX
        ):
            return first, 1
    return "", 0
