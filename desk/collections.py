"""Names folders of documents: a task names a collection, never a path.

Guarantees: a file is only read from within its collection's folder; a link that leads out of it
is refused with a sentence, as is one that is swapped in while a file is being opened.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from desk.documents import LeftOut, format_of, too_large

#: A collection of more files is not read beyond this number, and says so.
FILES_MAX = 20_000

# Not every system has these two: without them a link or a pipe is still met by the checks below.
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


@dataclass(frozen=True, slots=True)
class Collection:
    """A named folder of documents."""

    name: str
    root: Path


@dataclass(frozen=True, slots=True)
class Found:
    """A file that can be read, and what tells whether it has changed since."""

    source: str
    size_bytes: int
    changed_ns: int
    inode: int


class NoSuchCollection(LookupError):
    """A task names a collection that the project does not have."""


class Gone(Exception):
    """A file of a collection cannot be read any more; the message is a sentence for people."""


def collections(documents: Mapping[str, str], project: Path) -> dict[str, Collection]:
    """Name the project's collections, as `[documents] name = path` gives them."""
    return {
        name: Collection(name, (project / Path(path).expanduser()).resolve())
        for name, path in documents.items()
    }


def collection_named(name: str, known: Mapping[str, Collection]) -> Collection:
    """Find a collection by its name; raises NoSuchCollection with the names that exist."""
    if name in known:
        return known[name]
    others = ", ".join(sorted(known)) or "none"
    raise NoSuchCollection(
        f"There is no collection called {name!r}. Known collections: {others}. "
        "Name one under [documents] in handrail.toml; a path is never taken for a name."
    )


def walk(collection: Collection) -> Iterator[Found | LeftOut]:
    """List what can be read and what cannot, in order of names; hidden files are passed over."""
    if not collection.root.is_dir():
        yield LeftOut(str(collection.root), "is not a folder")
        return
    count = 0
    for folder, folders, files in os.walk(collection.root):
        folders.sort()
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in sorted((*files, *(n for n in folders if Path(folder, n).is_symlink()))):
            if name.startswith("."):
                continue
            source = Path(folder, name).relative_to(collection.root).as_posix()
            count += 1
            if count > FILES_MAX:
                yield LeftOut(source, f"and what follows is beyond the first {FILES_MAX} files")
                return
            yield _look(collection, source)


def _look(collection: Collection, source: str) -> Found | LeftOut:
    path = collection.root / source
    if path.is_symlink():
        target = path.resolve()
        if not target.is_relative_to(collection.root):
            return LeftOut(source, "is a link that leads out of its collection and is not followed")
        if target.is_dir():
            return LeftOut(source, "is a link to a folder that is read under its own name")
    try:
        facts = path.stat()
    except OSError as error:
        return LeftOut(source, f"cannot be looked at ({error.strerror})")
    if not stat.S_ISREG(facts.st_mode):
        return LeftOut(source, "is not a file")
    if format_of(source) is None:
        return LeftOut(source, "is not one of .md, .rst, .txt, .html, .pdf")
    large = too_large(source, facts.st_size)
    return large or Found(source, facts.st_size, facts.st_mtime_ns, facts.st_ino)


def read_source(collection: Collection, source: str) -> bytes:
    """Read one file of a collection; raises Gone when it is not there, or not within it."""
    path = (collection.root / source).resolve()
    if not path.is_relative_to(collection.root):
        raise Gone(f"{source} lies outside of the collection {collection.name}.")
    try:
        # The resolved path has no link left; one that is put in its place now is not followed.
        handle = os.open(path, _OPEN_FLAGS)
    except FileNotFoundError as error:
        raise Gone(f"{source} is no longer in the collection {collection.name}.") from error
    except OSError as error:
        raise Gone(f"{source} cannot be opened ({error.strerror}).") from error
    with os.fdopen(handle, "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise Gone(f"{source} is not a file.")
        large = too_large(source, facts.st_size)
        if large is not None:
            raise Gone(str(large))
        try:
            return file.read()
        except OSError as error:
            raise Gone(f"{source} cannot be read ({error.strerror}).") from error
