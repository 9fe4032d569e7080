"""Who opens sealed records for a view, which indexes their words and forgets what nobody can open.

Only their words are kept in the clear, in the view's index; rows hold them as topics do, sealed.
"""

from collections.abc import Callable

import structlog

from handrail.errors.subject import SealBroken
from handrail.wire.memory import StoredRecord

log = structlog.get_logger(__name__)

#: Gives a record with its value in the clear, None when its subject's key is gone; raises
#: SealBroken. Called often, so it answers from memory or from a local file.
Opener = Callable[[StoredRecord], StoredRecord | None]


def never(record: StoredRecord) -> StoredRecord | None:
    """Open nothing that is sealed: for a view that was given no keys."""
    return None if record.sealed else record


def opened_or_none(record: StoredRecord, opener: Opener) -> StoredRecord | None:
    """Give a record in the clear, None also when its seal is broken: whoever reads it is told."""
    try:
        return opener(record)
    except SealBroken as error:
        log.warning("a sealed record cannot be opened", space=record.space, why=error.why)
        return None
