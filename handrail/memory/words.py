"""What of a record is searched: its words, and where its neighbours in the same source are.

A *source* is what records were taken from: the part of their key before its last `/`, or else the
first thing they were derived from. Within it they stand in the order of their keys, numbers in
them counted as numbers, so that `report/9` comes before `report/10`.
"""

import re
from collections.abc import Iterable
from typing import Final, cast

from handrail.wire.memory import StoredRecord, key_in_words

OWN_CHARS_MAX: Final = 32_768
AROUND_CHARS_MAX: Final = 2_000  #: of each neighbour
DIGITS_COUNT_MAX: Final = 12
QUERY_WORDS_MAX: Final = 24
TASK_OWNER: Final = "!"  #: begins the owner in the key of what belongs to a task

_DIGITS: Final = re.compile(r"\d+")
_WORD: Final = re.compile(r"\w+")


def text_of(key: str, value: object) -> str:
    """Give the words of a record: those of its key and of every text and number in its value."""
    found = [key_in_words(key)]
    _collect(value, found)
    return " ".join(found)[:OWN_CHARS_MAX]


def _collect(value: object, found: list[str]) -> None:
    # A stack of our own: values are at most 64 deep, and may have very many leaves.
    waiting: list[object] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            found.append(one)
        elif isinstance(one, dict):
            waiting.extend(reversed(cast("dict[str, object]", one).values()))
        elif isinstance(one, list):
            waiting.extend(reversed(cast("list[object]", one)))
        elif isinstance(one, int | float) and not isinstance(one, bool):
            found.append(str(one))


def source_of(record: StoredRecord) -> str | None:
    """Name what a record was taken from, within its tenant and owner; None when nobody says."""
    owner = record.key[: -len(key_in_words(record.key))]
    prefix, slash, _ = key_in_words(record.key).rpartition("/")
    if slash:
        return f"{owner}{prefix}/"
    if record.derived_from:
        return f"{owner}<{record.derived_from[0].partition('@')[0]}"
    return None


def place_of(key: str) -> str:
    """Give a text whose order is that of the key, with numbers in the order of numbers."""
    padded = _DIGITS.sub(lambda found: found.group().zfill(DIGITS_COUNT_MAX), key)
    return f"{padded} {key}"  # with the key itself, since `1` and `01` would be one place


def owner_of(prefix: str) -> str:
    """Say whose a full key is, or what begins with it: a tenant's, or one task's of a tenant."""
    tenant, _, rest = prefix.partition("/")
    owner, slash, _ = rest.partition("/")
    return f"{tenant}/{owner}" if slash and owner.startswith(TASK_OWNER) else tenant


def task_of(full: str) -> str | None:
    """Give the task to whose scratch a full key belongs; None when it is no scratch."""
    owner = full.split("/", 2)[1]
    return owner.removeprefix(TASK_OWNER) if owner.startswith(TASK_OWNER) else None


def words_of(text: str) -> list[str]:
    """Give the different words of a text that is looked for, in their order."""
    return list(dict.fromkeys(word.casefold() for word in _WORD.findall(text)))[:QUERY_WORDS_MAX]


def query_of(words: Iterable[str]) -> str:
    """Give the full-text query that finds any of these words."""
    return " OR ".join(f'"{word}"' for word in words)
