"""What a parser gives back: the text of a document and the blocks it is made of."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph, table or piece of code: a range of the text, its headings and its page."""

    start: int
    end: int
    headings: tuple[str, ...] = ()
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Extract:
    """The text of a document, cut into blocks in order; and who read it, in which version.

    For text formats the text is the decoded file itself, so that every range in it is a range of
    the file. For HTML and PDF it is what the parser extracted.
    """

    text: str
    blocks: tuple[Block, ...]
    parser: str
    version: str


class Unreadable(Exception):
    """A document cannot be read; the message is a sentence for people."""
