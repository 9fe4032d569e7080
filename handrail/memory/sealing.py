"""Seals the values of spaces with personal data, and opens them for whoever may read them.

A sealed value is a text, bound to its space, its key and its type: copied to another key it does
not open. Whose key opens it stands in its full key, as a digest. Guarantee: once a subject's key is
destroyed, `opened` gives None for every version of every record about them, wherever it was kept.
"""

from dataclasses import replace
from typing import Any, Final, Protocol

import orjson

from handrail.errors.subject import SealBroken
from handrail.store.sealing import seal, unseal
from handrail.store.subject_keys import SubjectKeys
from handrail.wire.memory import Command, StoredRecord, key_in_words

SUBJECT_MARK: Final = "~"  #: before the digest of a subject, in a full key


class Finds(Protocol):
    """All that opening needs of a store of keys."""

    def find(self, digest: str) -> bytes | None:
        """Give a subject's key; None when there is none, or none any more."""
        ...


class FoundOnce:
    """Asks a store once for each subject: for one read, and no longer."""

    def __init__(self, keys: Finds) -> None:
        """Ask this store."""
        self._keys = keys
        self._found: dict[str, bytes | None] = {}

    def find(self, digest: str) -> bytes | None:
        """Give what the store gave when it was first asked."""
        if digest not in self._found:
            self._found[digest] = self._keys.find(digest)
        return self._found[digest]


def subject_of(full: str) -> str | None:
    """Give the digest of the subject whom a full key is about; None when it is about nobody."""
    owner = full.split("/", 2)[1:2]
    if not owner or not owner[0].startswith(SUBJECT_MARK):
        return None
    return owner[0].removeprefix(SUBJECT_MARK)


def sealed(command: Command, keys: SubjectKeys, occasion: str | None = None) -> Command:
    """Give a command with its value sealed, if its key is about a subject; else as it is.

    The subject's key is made and kept before this returns. The keeper sees of two commands of one
    occasion whether they hold the same; of others nobody does.
    """
    digest = subject_of(command.key)
    if digest is None or command.sealed:
        return command
    plain = orjson.dumps(command.value)
    bound = _bound(command.space, command.key, command.type_name)
    return replace(command, value=seal(keys.key(digest), plain, bound, occasion), sealed=True)


def opened(record: StoredRecord, keys: Finds) -> StoredRecord | None:
    """Give a record with its value in the clear; None when its subject was forgotten.

    Raises SealBroken for a value that was changed, moved here from another key, or sealed with a
    key that this team does not have.
    """
    if not record.sealed:
        return record
    digest = subject_of(record.key)
    key = keys.find(digest) if digest is not None else None
    if digest is not None and key is None:
        return None
    bound = _bound(record.space, record.key, record.type_name)
    text: Any = record.value
    plain = unseal(key, text, bound) if key is not None and isinstance(text, str) else None
    if plain is None:
        reason = "it was changed, moved from another key, or sealed with a key of before."
        raise SealBroken(space=record.space, key=key_in_words(record.key), reason=reason)
    return replace(record, value=orjson.loads(plain), sealed=False)


def _bound(space: str, full: str, type_name: str) -> str:
    return f"{space}\0{full}\0{type_name}"
