"""Reads HTML: BeautifulSoup finds the words that a reader sees, block by block.

Guarantees: scripts, styles, templates, hidden elements and navigation are left out; nothing is
fetched; nesting of any depth is walked without recursion.
"""

import re
from importlib.metadata import version

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString, PageElement

from desk.formats.extract import Block, Extract

PARSER = "desk.html"
VERSION = f"1+beautifulsoup4-{version('beautifulsoup4')}"

_UNSEEN = frozenset({"script", "style", "template", "noscript", "head", "nav", "svg", "iframe"})
_BLOCKS = frozenset(
    """address article aside blockquote body caption dd details dialog div dl dt fieldset
    figcaption figure footer form header hr li main ol p pre section summary table tbody td tfoot
    th thead tr ul h1 h2 h3 h4 h5 h6""".split()
)
_CELLS = frozenset({"td", "th"})
_HEADING = re.compile(r"h[1-6]")
_SPACE = re.compile(r"[ \t\r\n\f]+")
_ENTER, _LEAVE = 0, 1


class _Page:
    """The text as it grows, with the headings that hold where it stands."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.length = 0
        self.open: list[str] = []
        self.trail: list[tuple[int, str]] = []
        self.blocks: list[Block] = []
        self.row: list[str] = []
        self.bare: Block | None = None
        self.inside: set[str] = set()

    def close(self, heading: int | None = None) -> None:
        """End the paragraph that is open, as a block or as a heading."""
        text = "".join(self.open)
        self.open.clear()
        if "\0" not in text:
            text = _SPACE.sub(" ", text)
        text = text.replace("\0", "").replace("\x01", "\n").strip()
        text = re.sub(r" *\n *", "\n", text) if "\n" in text and heading is not None else text
        if not text:
            return
        if heading is not None:
            if self.bare is not None and heading <= self.trail[-1][0]:
                self.blocks.append(self.bare)
            self.trail = [one for one in self.trail if one[0] < heading] + [(heading, text)]
        trail = tuple(title for _, title in self.trail)
        block = Block(self.length, self.length + len(text), trail)
        # A heading with nothing under it, not even another, is all that was written there.
        self.bare = block if heading else None
        if heading is None:
            self.blocks.append(block)
        self.parts.append(text)
        self.length += len(text) + 2


def extract_html(text: str) -> Extract:
    """Extract what a reader sees, one block a paragraph, with a blank line between two."""
    soup = BeautifulSoup(text, "html.parser")
    page = _Page()
    if soup.title is not None:
        page.open.append(soup.title.get_text(" "))
        page.close(heading=0)
    stack: list[tuple[PageElement, int]] = [(soup, _ENTER)]
    while stack:
        node, phase = stack.pop()
        if isinstance(node, Tag):
            _visit(page, node, phase, stack)
        elif isinstance(node, NavigableString) and type(node) is NavigableString:
            kept = "pre" in page.inside
            said = str(node).replace("\0", "").replace("\x01", "")
            page.open.append(f"\0{said}" if kept else said)
    page.close()
    if page.bare is not None:
        page.blocks.append(page.bare)
    return Extract("\n\n".join(page.parts), tuple(page.blocks), PARSER, VERSION)


def _visit(page: _Page, node: Tag, phase: int, stack: list[tuple[PageElement, int]]) -> None:
    """Enter or leave one element; what it holds is put on the stack."""
    name = node.name
    if phase == _LEAVE:
        page.inside.discard(name)
        if name in _CELLS:
            page.row.append(_SPACE.sub(" ", "".join(page.open)).strip())
            page.open.clear()
        elif name == "tr":
            page.open.append(" | ".join(cell for cell in page.row if cell))
            page.row.clear()
            page.close()
        else:
            page.close(heading=int(name[1]) if _HEADING.fullmatch(name) else None)
        return
    if name in _UNSEEN or _is_hidden(node):
        return
    if name == "br":
        page.open.append("\x01")
        return
    # What a table within a table, or a paragraph within a cell, is made of stays in one cell.
    inside_cell = bool(page.inside & _CELLS)
    if name in _BLOCKS and not inside_cell:
        if name not in _CELLS:
            page.close()
        if name in _CELLS or name == "pre":
            page.inside.add(name)
        stack.append((node, _LEAVE))
    elif inside_cell:
        page.open.append(" ")
    stack.extend((child, _ENTER) for child in reversed(node.contents))


def _is_hidden(node: Tag) -> bool:
    style = str(node.get("style") or "").replace(" ", "").lower()
    return node.has_attr("hidden") or "display:none" in style
