"""Reads PDF: pypdf gives the text of each page, this file puts it in order and finds headings.

Guarantees: a locked, scanned or damaged file raises `Unreadable` with a sentence; a file that is
only locked against printing opens with its empty password.
"""

import io
import logging
import re
from collections.abc import Iterator
from importlib.metadata import version

from pypdf import PdfReader
from pypdf.errors import DependencyError

from desk.formats.extract import Block, Extract, Unreadable

PARSER = "desk.pdf"
VERSION = f"1+pypdf-{version('pypdf')}"

#: A document of more pages is not read.
PAGES_MAX = 3_000
#: A line is read as a heading up to this many characters.
HEADING_CHARS_MAX, HEADING_WORDS_MAX = 70, 10
#: With fewer letters than this on an average page, the pages are pictures.
LETTERS_PER_PAGE_MIN = 8

_BROKEN_WORD = re.compile(r"([^\W\d_]{2,})-\n([a-z]{2,})")
# pypdf reports every oddity of a file as a log record; a document's oddities are no events of ours.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)


def extract_pdf(data: bytes) -> Extract:
    """Extract the text page by page; raises Unreadable with its reason."""
    pages = _pages(data)
    letters = sum(sum(c.isalnum() for c in page) for page in pages)
    if letters < LETTERS_PER_PAGE_MIN * max(1, len(pages)):
        raise Unreadable(
            "holds pictures of pages and no text: run it through text recognition (OCR) first"
        )
    joined = _joined(pages)
    blocks: list[Block] = []
    title, trail = "", tuple[str, ...]()
    offset = 0
    for number, page in enumerate(joined, start=1):
        for start, end, heading in _paragraphs(page):
            if heading is not None:
                # A heading before any text is the document's title and stands above the others.
                title = title or (heading if not blocks else "")
                trail = (title, heading) if title and title != heading else (heading,)
            else:
                blocks.append(Block(offset + start, offset + end, trail, number))
        offset += len(page) + 2
    return Extract("\n\n".join(joined), tuple(blocks), PARSER, VERSION)


def _pages(data: bytes) -> list[str]:
    if not data[:1024].lstrip().startswith(b"%PDF-"):
        raise Unreadable("is called .pdf but does not begin like a PDF")
    try:
        reader = PdfReader(io.BytesIO(data))
        # pypdf 7.1: decrypt() gives 0 when the password does not open the file.
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("is locked with a password: save a copy without one")
        if len(reader.pages) > PAGES_MAX:
            raise Unreadable(f"has {len(reader.pages)} pages; at most {PAGES_MAX} are read")
        return [_tidy(page.extract_text()) for page in reader.pages]
    except Unreadable:
        raise
    except DependencyError as error:
        raise Unreadable("is locked with a cipher that is not installed here") from error
    except Exception as error:
        # pypdf raises its own errors and whatever else a broken file leads it into.
        raise Unreadable(f"is a damaged PDF ({type(error).__name__})") from error


def _tidy(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    # A surrogate that stands alone cannot be written as UTF-8 and so could never be proved.
    text = text.encode("utf-8", "replace").decode("utf-8")
    return "\n".join(line.rstrip() for line in text.split("\n")).strip()


def _joined(pages: list[str]) -> list[str]:
    """Put words together that a line's end broke, unless the document hyphenates them elsewhere."""
    everything = "\n".join(pages)

    def whole(match: re.Match[str]) -> str:
        hyphened = f"{match.group(1)}-{match.group(2)}"
        return f"{hyphened}\n" if hyphened in everything else f"{match.group(1)}{match.group(2)}\n"

    # The rest of the line follows the joined word, so the line's end moves behind it.
    return [re.sub(r"\n +", "\n", _BROKEN_WORD.sub(whole, page)) for page in pages]


def _paragraphs(page: str) -> Iterator[tuple[int, int, str | None]]:
    """Yield ranges of a page; a range that is a heading comes with its text."""
    lines = [(m.start(), m.end(), m.group()) for m in re.finditer(r"[^\n]+", page)]
    begun: int | None = None
    for index, (start, end, line) in enumerate(lines):
        above = lines[index - 1][2] if index else ""
        below = lines[index + 1][2] if index + 1 < len(lines) else ""
        gap = index > 0 and page[lines[index - 1][1] : start].count("\n") > 1
        heading = _is_heading(line, above, below)
        if begun is not None and (gap or heading):
            yield begun, lines[index - 1][1], None
            begun = None
        if heading:
            yield start, end, line.strip()
        elif begun is None:
            begun = start
    if begun is not None:
        yield begun, lines[-1][1], None


def _is_heading(line: str, above: str, below: str) -> bool:
    """Read a short line without an end, after one that ended and before one that begins."""
    text = line.strip()
    return bool(
        text
        and len(text) <= HEADING_CHARS_MAX
        and text[-1] not in ".!?,;:|)"
        and not text.isdigit()
        and (text[0].isupper() or text[0].isdigit())
        and (not above or above.rstrip()[-1] in ".!?:|" or len(above) <= HEADING_CHARS_MAX)
        and len(below) > len(text)
        and below.lstrip()[:1].isupper()
        and len(text.split()) <= HEADING_WORDS_MAX
    )
