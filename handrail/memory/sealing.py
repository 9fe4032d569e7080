"""Seals what is about a person before it leaves the worker, and opens it for whoever may read it.

A sealed value is bound to its subject: copied to somebody else's key it does not open. Whose key
opens it stands in the full key of its record, as a digest. Guarantee: once a subject's key is
destroyed, every version of every record about them gives None, wherever a copy of it was kept.
"""

from typing import Final

import orjson
import structlog

from handrail.errors.subject import SealBroken
from handrail.store.sealing import seal, unseal
from handrail.store.subject_keys import SubjectKeys
from handrail.wire.memory import key_in_words

log = structlog.get_logger("handrail.memory")

SUBJECT_MARK: Final = "~"  #: before the digest of a subject, in a full key


def subject_of(full: str) -> str | None:
    """Give the digest of the subject whom a full key is about; None when it is about nobody."""
    owner = full.split("/", 2)[1:2]
    if not owner or not owner[0].startswith(SUBJECT_MARK):
        return None
    return owner[0].removeprefix(SUBJECT_MARK)


class Sealing:
    """The keys of subjects in the hands of a worker and of a view. Raises what the keys raise."""

    def __init__(self, keys: SubjectKeys) -> None:
        """Seal and open with these keys."""
        self._keys = keys

    async def digest(self, tenant: str, subject: str) -> str:
        """Give what stands in keys in place of a subject: the same each time, under a secret."""
        return self._keys.digest(tenant, subject)

    async def seal(self, tenant: str, subject: str, body: bytes) -> str:
        """Give a text that nobody reads without the subject's key, which is made when needed.

        A key that is made is kept for good before this returns.
        """
        digest = self._keys.digest(tenant, subject)
        return seal(self._keys.key(digest), body, digest)

    async def open(self, tenant: str, subject: str, text: str) -> bytes | None:
        """Give what was sealed; None once the subject was forgotten. Raises SealBroken."""
        digest = self._keys.digest(tenant, subject)
        return self._opened("(any)", digest, digest, text)

    def unseal(self, space: str, key: str, sealed: str) -> object | None:
        """Give the value of a record, for a view; None too when it does not open, which is told."""
        digest = subject_of(key)
        if digest is None:
            return None
        try:
            plain = self._opened(space, key, digest, sealed)
        except SealBroken as error:
            log.warning("sealed value does not open", space=space, key=key, why=error.why)
            return None
        value: object = None if plain is None else orjson.loads(plain)
        return value

    def _opened(self, space: str, key: str, digest: str, text: str) -> bytes | None:
        found = self._keys.find(digest)
        if found is None:
            return None
        plain = unseal(found, text, digest)
        if plain is None:
            # A subject who came back has another key than before they were forgotten.
            reason = "it was changed, moved from another subject, or sealed with a key of before."
            raise SealBroken(space=space, key=key_in_words(key), reason=reason)
        return plain
