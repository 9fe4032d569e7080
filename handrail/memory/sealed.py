"""What a view needs to know of sealed values: who opens them, and whose keys say that they are."""

from typing import Final, Protocol

from handrail.wire.memory import StoredRecord

SUBJECT_OWNER: Final = "/~"  #: stands in the key of a record that is about a person


class Unseal(Protocol):
    """Gives the clear value of a sealed one, or None when its subject's key is gone."""

    def __call__(self, space: str, key: str, sealed: str) -> object | None:
        """Open it; called for every read, so it answers from memory or a local file."""
        ...


def never(space: str, key: str, sealed: str) -> object | None:
    """Open nothing: for a view that was given no keys."""
    del space, key, sealed
    return None


def clear_value(stored: StoredRecord, unseal: Unseal) -> object | None:
    """Give a record's value to be read, None when it cannot be any more."""
    value: object | None = stored.value
    return value if not stored.sealed else unseal(stored.space, stored.key, str(stored.value))
