"""Makes quotes that prove themselves against the bytes of their source, and proves them.

Guarantees: a quote that is proved stands, sign for sign, at its place in a file whose SHA-256 is
the one it names, which lies in the collection it names and has not changed. Whatever differs is
said in one sentence. Not proved by this: that the quote supports what is claimed with it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from desk.collections import Collection, Gone, read_source
from desk.decoding import decode
from desk.documents import Document, LeftOut, format_of, read_document, sha256
from desk.formats.extract import Unreadable
from desk.passages import Passage

#: A quote of more characters is not proved: it would be a copy, not a quote.
QUOTE_CHARS_MAX = 2_000


class ByteRange(BaseModel):
    """A place in a text file, in bytes from its beginning, any byte order mark included."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["bytes"] = "bytes"
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    encoding: str


class TextRange(BaseModel):
    """A place, in characters, in the text that a named version of a parser extracts."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["text"] = "text"
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    parser: str
    version: str
    text_sha256: str
    page: int | None = None


class Quote(BaseModel):
    """Words of a source, with what it takes to find them there again."""

    model_config = ConfigDict(frozen=True)

    text: str
    collection: str
    source: str
    source_sha256: str
    place: Annotated[ByteRange | TextRange, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True)
class Proved:
    """The quote stands at its place in its source."""


@dataclass(frozen=True, slots=True)
class NotProved:
    """The quote does not stand there; the reason is one sentence."""

    reason: str


Verdict = Proved | NotProved


def quote(passage: Passage, start: int, end: int) -> Quote:
    """Quote a range of a passage, in characters of its text; raises ValueError outside of it."""
    if not 0 <= start < end <= len(passage.text):
        raise ValueError(
            f"{start}-{end} is no range of a passage of {len(passage.text)} characters"
        )
    text = passage.text[start:end]
    place: ByteRange | TextRange
    if passage.encoding is not None and passage.start_byte is not None:
        first = passage.start_byte + len(passage.text[:start].encode(passage.encoding))
        size = len(text.encode(passage.encoding))
        place = ByteRange(start=first, end=first + size, encoding=passage.encoding)
    else:
        place = TextRange(
            start=passage.start + start,
            end=passage.start + end,
            parser=passage.parser,
            version=passage.parser_version,
            text_sha256=passage.text_sha256,
            page=passage.page,
        )
    return Quote(
        text=text,
        collection=passage.collection,
        source=passage.source,
        source_sha256=passage.source_sha256,
        place=place,
    )


def quote_words(passage: Passage, said: str) -> Quote | None:
    """Quote what a model says stands in a passage; None when it does not, sign for sign.

    Only white space may differ: a model does not keep line ends. The quote is the source's text.
    """
    wanted = said.split()
    if not wanted:
        return None
    # Both texts are reduced to single spaces, and the places are carried over one to one.
    places: list[int] = []
    plain: list[str] = []
    for index, sign in enumerate(passage.text):
        blank = sign.isspace()
        if blank and (not plain or plain[-1] == " "):
            continue
        plain.append(" " if blank else sign)
        places.append(index)
    found = "".join(plain).find(" ".join(wanted))
    if found < 0:
        return None
    return quote(passage, places[found], places[found + len(" ".join(wanted)) - 1] + 1)


def prove(one: Quote, collection: Collection) -> Verdict:
    """Prove one quote against the file as it is now."""
    return prove_all([one], {collection.name: collection})[0]


def prove_all(quotes: Iterable[Quote], known: Mapping[str, Collection]) -> tuple[Verdict, ...]:
    """Prove quotes in order; each source is read and extracted once."""
    read: dict[tuple[str, str], bytes | str] = {}
    extracted: dict[tuple[str, str], Document | LeftOut] = {}
    return tuple(_prove(one, known, read, extracted) for one in quotes)


def _prove(
    one: Quote,
    known: Mapping[str, Collection],
    read: dict[tuple[str, str], bytes | str],
    extracted: dict[tuple[str, str], Document | LeftOut],
) -> Verdict:
    key = (one.collection, one.source)
    if not one.text.strip():
        return NotProved("It quotes nothing.")
    if len(one.text) > QUOTE_CHARS_MAX:
        return NotProved(f"It is longer than {QUOTE_CHARS_MAX} characters.")
    if one.collection not in known:
        return NotProved(f"There is no collection called {one.collection!r}.")
    if key not in read:
        try:
            read[key] = read_source(known[one.collection], one.source)
        except Gone as why:
            read[key] = str(why)
    data = read[key]
    if isinstance(data, str):
        return NotProved(data)
    if sha256(data) != one.source_sha256:
        return NotProved(f"{one.source} has changed since it was quoted.")
    if isinstance(one.place, ByteRange):
        return _prove_bytes(one, one.place, data)
    if key not in extracted:
        extracted[key] = read_document(one.source, data)
    return _prove_text(one, one.place, extracted[key])


def _prove_bytes(one: Quote, place: ByteRange, data: bytes) -> Verdict:
    if format_of(one.source) not in {"md", "rst", "txt"}:
        return NotProved(f"{one.source} is not a text file, so a range of bytes proves nothing.")
    try:
        decoded = decode(data)
    except Unreadable as why:
        return NotProved(f"{one.source} {why}.")
    if place.encoding != decoded.encoding:
        return NotProved(f"{one.source} is written in {decoded.encoding}, not {place.encoding}.")
    if place.start < decoded.mark_bytes:
        return NotProved(f"Bytes {place.start}-{place.end} of {one.source} are not text.")
    try:
        text = data[place.start : place.end].decode(decoded.encoding)
    except UnicodeDecodeError:
        return NotProved(f"Bytes {place.start}-{place.end} of {one.source} cut a character in two.")
    if place.end > len(data) or text != one.text:
        return NotProved(f"Bytes {place.start}-{place.end} of {one.source} say something else.")
    return Proved()


def _prove_text(one: Quote, place: TextRange, document: Document | LeftOut) -> Verdict:
    if isinstance(document, LeftOut):
        return NotProved(str(document))
    if document.encoding is not None:
        return NotProved(f"{one.source} is a text file and is quoted by its bytes.")
    if (place.parser, place.version) != (document.parser, document.version):
        return NotProved(
            f"It was extracted by {place.parser} {place.version}; "
            f"here {one.source} is read by {document.parser} {document.version}."
        )
    if place.text_sha256 != document.text_sha256:
        return NotProved(f"Another text was extracted from {one.source} than the quoted one.")
    if place.end > len(document.text) or document.text[place.start : place.end] != one.text:
        return NotProved(f"{one.source} says something else at that place.")
    page = next((b.page for b in document.blocks if b.start <= place.start < b.end), None)
    if page != place.page:
        return NotProved(f"That place of {one.source} is not on page {place.page} but on {page}.")
    return Proved()
