"""Has SQLite write a checksum into each page of a file, and compare it whenever a page is read.

SQLite has none by itself: a bit that flips in an index leads to another row, or to none. With them
a page is as it was written, or reading it is an error; pages of the write-ahead log have theirs
too. They are in files alone that were begun with them.
"""

import struct
from functools import cache
from pathlib import Path
from typing import Final, cast

import apsw
import apsw.sqlite_extra

from handrail.errors.store import StoreUnusable

VFS: Final = "cksmvfs"
#: SQLite 3.54: the last eight bytes of each page are its checksum, and it is looked at only where
#: the head of the file sets exactly so many aside.
RESERVED_BYTES: Final = 8
#: Whether they are compared by this connection, as it has found the head of the file.
IS_COMPARED: Final = "PRAGMA checksum_verification"

_NOT_THERE: Final = (
    "apsw was installed without SQLite's extensions, and damage would not be noticed without them:"
    " pip install --force-reinstall --only-binary apsw apsw"
)
#: SQLite 3.54, "Database header": what it begins with, the bytes of each page that are set aside,
#: and the number of the layout.
_HEAD: Final = struct.Struct(">16s4xB39xI")
_MAGIC: Final = b"SQLite format 3\0"
# SQLite 3.54, "WAL file format": the head of a log holds two numbers that change each time it
# begins anew, and so does the head of each page in it, with the length of the file where a commit
# ends and 0 elsewhere.
_LOG_HEAD: Final = struct.Struct(">16xII8x")
_PAGE_HEAD: Final = struct.Struct(">4xIII8x")


def load_checksums(path: Path) -> None:
    """Let connections of this process have checksums, for a file. Raises StoreUnusable."""
    try:
        _load()
    except apsw.sqlite_extra.NotAvailable as error:
        raise StoreUnusable(path=path, folder=path.parent, reason=_NOT_THERE) from error


@cache
def _load() -> None:
    # SQLite 3.54: the extension registers itself for the whole process, also as what connections
    # use that name nothing. A file without checksums is read and written as before.
    connection = apsw.Connection(":memory:")
    try:
        apsw.sqlite_extra.load(connection, "cksumvfs")
    finally:
        connection.close()


def begun_without(path: Path, layouts_count: int) -> bool:
    """Say whether a file is whole as far as its head tells, and was begun without checksums.

    So an earlier version has left it, which had fewer layouts; damage would look otherwise.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD.size)
    except OSError:
        return False
    if len(head) < _HEAD.size:
        return False
    magic, reserved, layout = cast("tuple[bytes, int, int]", _HEAD.unpack(head))
    return magic == _MAGIC and reserved == 0 and 0 < layout <= layouts_count


def commits_in_log(path: Path, page_bytes: int) -> int:
    """Give up to which page the log of a file holds commits, whether or not they can be read.

    SQLite reads a log up to the first page that is not as it was written, and takes the rest for
    what a crash has left unfinished. Nobody may write meanwhile.
    """
    last = 0
    try:
        log = Path(f"{path}-wal").open("rb")  # noqa: SIM115  # closed below
    except FileNotFoundError:
        return 0
    with log:
        head = log.read(_LOG_HEAD.size)
        if len(head) < _LOG_HEAD.size:
            return 0
        numbers = _LOG_HEAD.unpack(head)
        page = 0
        while len(found := log.read(_PAGE_HEAD.size)) == _PAGE_HEAD.size:
            page += 1
            ends, *its = _PAGE_HEAD.unpack(found)
            # One of the two is enough: the other one may be what is damaged.
            if ends and (its[0] == numbers[0] or its[1] == numbers[1]):
                last = page
            log.seek(page_bytes, 1)
    return last
