"""Reads Markdown: markdown-it-py finds the blocks, the ranges stay those of the file itself."""

import re
from collections.abc import Iterator
from importlib.metadata import version

from markdown_it import MarkdownIt
from markdown_it.token import Token

from desk.formats.extract import Block, Extract

PARSER = "desk.markdown"
VERSION = f"1+markdown-it-py-{version('markdown-it-py')}"

_LEAVES = frozenset({"paragraph_open", "fence", "code_block", "table_open", "html_block"})
# markdown-it-py 4.3 counts \r\n, \r and \n as ends of lines, and nothing else.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_FRONT = re.compile(r"\A---[^\S\r\n]*\r?\n(?:.*\r?\n)*?---[^\S\r\n]*(?:\r?\n|\Z)")
_MARKS = re.compile(r"[*_`]|!?\[|\]\([^)]*\)|\s*\{#[^}]*\}$")


def extract_markdown(text: str) -> Extract:
    """Cut a Markdown text into blocks under their headings."""
    front = _FRONT.match(text)
    skipped = front.end() if front else 0
    starts = [skipped + m.start() for m in _LINE.finditer(text[skipped:])]
    starts.append(len(text))
    tokens = MarkdownIt("commonmark").enable("table").parse(text[skipped:])
    return Extract(text, tuple(_blocks(text, tokens, starts)), PARSER, VERSION)


def _blocks(text: str, tokens: list[Token], starts: list[int]) -> Iterator[Block]:
    trail: list[tuple[int, str]] = []
    bare: Block | None = None
    done = 0
    for index, token in enumerate(tokens):
        if token.map is None or (token.type not in _LEAVES and token.type != "heading_open"):
            continue
        start, end = (starts[min(line, len(starts) - 1)] for line in token.map)
        # A paragraph within a table or a quote of another leaf is already in its range.
        if start < done or not text[start:end].strip():
            continue
        done = end
        if token.type == "heading_open":
            level = int(token.tag[1:])
            title = _MARKS.sub("", tokens[index + 1].content).strip()
            # A heading with nothing under it, not even another, is all that was written there.
            if bare is not None and level <= trail[-1][0]:
                yield bare
            trail = [one for one in trail if one[0] < level] + [(level, title)]
            bare = Block(start, end, tuple(title for _, title in trail)) if title else None
        else:
            bare = None
            yield Block(start, end, tuple(title for _, title in trail))
    if bare is not None:
        yield bare
