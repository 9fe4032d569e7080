"""Reads reStructuredText: docutils finds the blocks, the ranges stay those of the file itself.

Guarantees: directives that read other files, raw HTML and configuration files are switched off;
what Sphinx's common directives say is read. A block whose source cannot be found again in the
text, such as a cell that spans lines, is left to the range of the table it stands in.
"""

import re
from collections.abc import Iterator
from importlib.metadata import version

from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import Directive, directives

from desk.formats.extract import Block, Extract

PARSER = "desk.rst"
VERSION = f"1+docutils-{version('docutils')}"

_SETTINGS = {
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "report_level": 5,
    "halt_level": 5,
    "_disable_config": True,
    "doctitle_xform": False,
    "sectsubtitle_xform": False,
    "docinfo_xform": False,
}


class _Aside(Directive):
    """A directive of Sphinx, which docutils does not know: its words are read as they stand."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Give the words beside the directive's name and below it."""
        said = " ".join(self.arguments)
        held = nodes.container()
        if said.strip():
            held += nodes.paragraph(said, said)
        self.state.nested_parse(self.content, self.content_offset, held)
        return [held]


for _name in (
    "versionadded versionchanged versionremoved deprecated seealso option program function class "
    "method attribute data module exception envvar confval describe object glossary tab tabs "
    "dropdown details py:function py:class py:method py:attribute py:data py:module py:exception"
).split():
    directives.register_directive(_name, _Aside)

_LEAVES = (nodes.paragraph, nodes.term, nodes.literal_block, nodes.table, nodes.doctest_block)
_LEFT_OUT = (nodes.system_message, nodes.comment, nodes.substitution_definition)


def extract_rst(text: str) -> Extract:
    """Cut a reStructuredText into blocks under their headings."""
    tree = publish_doctree(text.replace("\r\n", "\n"), settings_overrides=dict(_SETTINGS))
    blocks: list[Block] = []
    cursor = 0
    for node, headings in _leaves(tree, ()):
        found = _locate(text, node, cursor)
        if found is None:
            continue
        cursor = found[1]
        blocks.append(Block(*found, headings))
    return Extract(text, tuple(blocks), PARSER, VERSION)


def _leaves(
    node: nodes.Node, headings: tuple[str, ...]
) -> Iterator[tuple[nodes.Element, tuple[str, ...]]]:
    """Walk the tree in order; depth is bounded by docutils' own recursion."""
    for child in node.children:
        if isinstance(child, _LEFT_OUT):
            continue
        if isinstance(child, _LEAVES):
            yield child, headings
        elif isinstance(child, nodes.section):
            title = child.next_node(nodes.title)
            yield from _leaves(child, (*headings, title.astext() if title else ""))
        elif isinstance(child, nodes.Element) and not isinstance(child, nodes.title):
            yield from _leaves(child, headings)


def _locate(text: str, node: nodes.Element, cursor: int) -> tuple[int, int] | None:
    if not isinstance(node, nodes.table):
        return _find(text, node.rawsource or node.astext(), cursor)
    start = end = None
    for cell in node.findall(nodes.paragraph):
        found = _find(text, cell.rawsource or cell.astext(), cursor if end is None else end)
        if found is not None:
            start, end = found[0] if start is None else start, found[1]
    if start is None or end is None:
        return None
    start = max(text.rfind("\n", 0, start) + 1, cursor)
    line_end = text.find("\n", end)
    return start, len(text) if line_end < 0 else line_end


def _find(text: str, source: str, cursor: int) -> tuple[int, int] | None:
    """Find a block's words again in the text, whatever its indent and its line ends."""
    wanted = source.split()
    if not wanted:
        return None
    # An escaped sign stands in the source as docutils saw it: NUL for the backslash.
    pattern = r"\s+".join(re.escape(word).replace("\x00", r"\\") for word in wanted)
    match = re.compile(pattern).search(text, cursor)
    return match.span() if match else None
