"""Makes the text that a model was given again, from its manifest and the versions in a view's file.

Guarantee: the bytes are those that were given then, or PromptNotRebuilt says what is gone.
"""

from pathlib import Path

from handrail.contract.memory_reader import AsOf
from handrail.contract.recall import Manifest
from handrail.memory.assembly import rebuild
from handrail.memory.reading import Asker, Reader
from handrail.memory.sealing import opened
from handrail.store.subject_keys import SubjectKeys
from handrail.wire.memory import StoredRecord


def rebuilt(manifest: Manifest, path: Path, given_ms: int, keys: SubjectKeys) -> str:
    """Give the text; what has expired since was there at `given_ms`, and is in it."""
    reader = Reader(path)

    def lookup(space: str, key: str, version: int) -> StoredRecord | None:
        asker = Asker(given_ms, is_person=True)
        kept = reader.get(space, key, asker, AsOf(version=version))
        return None if kept is None else opened(kept, keys)

    try:
        return rebuild(manifest, lookup)
    finally:
        reader.close()
