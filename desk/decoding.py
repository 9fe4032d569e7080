"""Turns the bytes of a text file into text, or says in a sentence why it cannot.

Guarantees: pure and strict; what was decoded, encoded again, gives the very bytes back, so that
a range of characters is a range of bytes. Nothing is guessed: a byte order mark, a declaration in
an HTML head, else UTF-8.
"""

import codecs
import re
from dataclasses import dataclass

from desk.formats.extract import Unreadable

#: How far into a file a binary is looked for, and a declaration in an HTML head.
LOOK_BYTES = 8 * 1024

# UTF-32 comes first: its little-endian mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE
)
_LATIN = frozenset({"iso8859-1", "ascii"})


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text, its encoding, how many bytes its mark took, and what is worth saying about it."""

    text: str
    encoding: str
    mark_bytes: int
    notes: tuple[str, ...]


def decode(data: bytes, *, html: bool = False) -> Decoded:
    """Decode a text file; raises Unreadable with its reason."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            text = _strict(data[len(mark) :], encoding, f"its byte order mark says {encoding}")
            notes = (f"begins with a byte order mark and was read as {encoding}",)
            return Decoded(text, encoding, len(mark), (*notes, *_line_ends(text)))
    if b"\0" in data[:LOOK_BYTES]:
        if _looks_wide(data[:LOOK_BYTES]):
            raise Unreadable(
                "looks like UTF-16 without a byte order mark: save it as UTF-8, "
                "or as UTF-16 with its mark"
            )
        raise Unreadable("is a binary file, not text")
    declared = _DECLARED.search(data[:LOOK_BYTES]) if html else None
    if declared is not None:
        encoding = _known(declared.group(1).decode("ascii"))
        text = _strict(data, encoding, f"its head declares {encoding}")
        return Decoded(text, encoding, 0, _line_ends(text))
    text = _strict(data, "utf-8", "no byte order mark says otherwise")
    return Decoded(text, "utf-8", 0, _line_ends(text))


def _strict(data: bytes, encoding: str, because: str) -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unreadable(
            f"is not valid {encoding} at byte {error.start} ({because}): save it as UTF-8"
        ) from error
    if "\0" in text[:LOOK_BYTES]:
        raise Unreadable("is a binary file, not text")
    return text


def _known(name: str) -> str:
    try:
        found = codecs.lookup(name).name
    except LookupError as error:
        raise Unreadable(f"declares the unknown encoding {name}: save it as UTF-8") from error
    if found.startswith(("utf-16", "utf-32", "utf-7")):
        # A head that could be read byte by byte is not written in a wide encoding.
        return "utf-8"
    if found not in _TEXT_CODECS and not found.startswith(("iso8859", "cp", "koi8", "mac")):
        raise Unreadable(f"declares the encoding {name}, which is not one of text")
    # The HTML standard reads Latin-1 and ASCII as windows-1252.
    return "cp1252" if found in _LATIN else found


_TEXT_CODECS = frozenset(
    {"utf-8", "ascii", "shift_jis", "euc_jp", "euc_kr", "gb2312", "gbk", "gb18030", "big5"}
)


def _looks_wide(head: bytes) -> bool:
    """Say whether every second byte is mostly zero, as in Latin text in UTF-16."""
    pairs = max(1, len(head) // 2)
    return max(head[0::2].count(0), head[1::2].count(0)) > 0.7 * pairs


def _line_ends(text: str) -> tuple[str, ...]:
    return ("has Windows line ends, kept as they are",) if "\r\n" in text else ()
