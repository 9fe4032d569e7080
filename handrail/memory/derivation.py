"""Which versions of memory were made from which others, and from which messages.

A record names what it was derived from: another version as `space/key@version`, or the id of a
message. The key may stand there as topics have it, with tenant and owner, which is exact; or as its
handler called it, which means every record of the same tenant under that name.

A version that keeps the value of an earlier one of its key, or adds to it, was made from that one
too. Whoever only added to it was not told what it says.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from handrail.wire.memory import StoredRecord, key_in_words

Place = tuple[str, str]  #: space and full key
#: One version: space, full key, its number, and the offset of the command that wrote it, since
#: numbers begin again when a removed key is written anew.
Name = tuple[str, str, int, int]

OWNER_PARTS: Final = 2  #: of a full key, before what its handler called it


def reference(record: StoredRecord) -> str:
    """Name a version exactly, for `derived_from`."""
    return f"{record.space}/{record.key}@{record.version}"


def place_of(record: StoredRecord) -> Place:
    """Name the key of a version."""
    return record.space, record.key


def name_of(record: StoredRecord) -> Name:
    """Name one version among all."""
    return record.space, record.key, record.version, record.applied


def by_place(versions: Iterable[StoredRecord]) -> dict[Place, list[StoredRecord]]:
    """Give the versions of each key, in the order in which they were applied."""
    found: dict[Place, list[StoredRecord]] = defaultdict(list)
    for record in versions:
        found[place_of(record)].append(record)
    for records in found.values():
        records.sort(key=lambda one: (one.applied, one.version))
    return dict(found)


@dataclass(frozen=True, slots=True)
class Derived:
    """What follows from a beginning: for each version, what it was made from."""

    because: Mapping[Name, str]
    heard_by: Collection[Name]  #: the versions whose writers had to do with the beginning

    def includes(self, record: StoredRecord) -> bool:
        """Say whether a version follows from the beginning."""
        return name_of(record) in self.because

    def heard(self, record: StoredRecord) -> bool:
        """Say whether the writer of a version had to do with the beginning, or named what had.

        Not whoever added to a record, endorsed it or gave it back: it holds what was there before.
        """
        return name_of(record) in self.heard_by

    def why(self, record: StoredRecord) -> str:
        """Name what a version was made from: a message or another version."""
        return self.because[name_of(record)]


def derived(
    versions: Collection[StoredRecord],
    *,
    messages: Collection[str] = (),
    begins: Callable[[StoredRecord], bool] = lambda record: False,  # noqa: ARG005  # none does
) -> Derived:
    """Give every version that was made from these messages or beginnings, however far removed.

    A version follows from a message when it was written in carrying it out, or names it; and from
    another version when it names that, or builds on it.
    """
    children, later = _children(versions), _later(versions)
    wanted = frozenset(messages)
    because: dict[Name, str] = {}
    heard_by: set[Name] = set()
    waiting: list[StoredRecord] = []

    def take(record: StoredRecord, why: str) -> None:
        if name_of(record) not in because:
            because[name_of(record)] = why
            waiting.append(record)

    def hear(record: StoredRecord, why: str) -> None:
        heard_by.add(name_of(record))
        take(record, why)

    for record in versions:
        named = next((one for one in record.derived_from if one in wanted), None)
        if record.message_id in wanted:
            hear(record, f"message {record.message_id}")
        elif named is not None:
            hear(record, f"message {named}")
        elif begins(record):
            hear(record, reference(record))
    while waiting:
        parent = waiting.pop()
        why = f"{parent.space}/{key_in_words(parent.key)}@{parent.version}"
        for child in _named_after(parent, children):
            if name_of(child) != name_of(parent):
                hear(child, why)
        for child in later.get(name_of(parent), ()):
            take(child, why)
    return Derived(because, heard_by)


def _later(versions: Iterable[StoredRecord]) -> Mapping[Name, Sequence[StoredRecord]]:
    """Give for each version those that build on it."""
    found: dict[Name, list[StoredRecord]] = defaultdict(list)
    for history in by_place(versions).values():
        numbered: dict[int, Name] = {}
        for record in history:
            # Numbers begin again with a key: what is meant is always the last one before.
            if record.builds_on in numbered:
                found[numbered[record.builds_on]].append(record)
            numbered[record.version] = name_of(record)
    return found


def _children(versions: Iterable[StoredRecord]) -> Mapping[str, Sequence[StoredRecord]]:
    found: dict[str, list[StoredRecord]] = defaultdict(list)
    for record in versions:
        for source in set(record.derived_from):
            found[source].append(record)
    return found


def _named_after(
    parent: StoredRecord, children: Mapping[str, Sequence[StoredRecord]]
) -> list[StoredRecord]:
    """Give the versions that name this one, exactly or as its handler called it."""
    exact = children.get(reference(parent), ())
    tenant = parent.key.partition("/")[0]
    short = f"{parent.space}/{key_in_words(parent.key)}@{parent.version}"
    loose = [one for one in children.get(short, ()) if one.key.partition("/")[0] == tenant]
    return [*exact, *loose]
