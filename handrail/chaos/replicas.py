"""Takes down what the processes of a team held of memory when they ended: each file, row by row.

A file is read as it lies there; where it stands behind the topics, it says how far it had come.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from handrail.chaos.history import Replica
from handrail.memory.tables import opened_beside


def replicas_of(project: Path) -> Sequence[Replica]:
    """Give every view below a project that has begun to be filled."""
    found = (replica(file) for file in sorted((project / ".handrail" / "memory").glob("*.db")))
    return [one for one in found if one.read]


def replica(file: Path) -> Replica:
    """Give one view. Raises StoreDamaged."""
    database = opened_beside(file)
    try:
        read = database.rows('SELECT topic, partition, "next" FROM position')
        rows = database.rows('SELECT space, "key", body FROM record')
        versions = database.rows('SELECT space, "key", "offset", body FROM version')
    finally:
        database.close()
    return Replica(
        file=file.name,
        read=tuple(sorted((str(t), int(str(p)), int(str(n))) for t, p, n in read)),
        rows=tuple(
            sorted(
                (str(space), str(key), hashlib.sha256(body).hexdigest())
                for space, key, body in rows
                if isinstance(body, bytes)
            )
        ),
        versions=tuple(
            sorted(
                (str(space), str(key), int(str(offset)), hashlib.sha256(body).hexdigest())
                for space, key, offset, body in versions
                if isinstance(body, bytes)
            )
        ),
    )
