"""What the keeper knows of one partition, in a scratch file of its own: a row for each key.

Nothing here is for keeps: it is read anew from the topics by whoever owns the partition next. A
batch is written inside one open transaction of the file and kept or forgotten as a whole. Values
are not in it: their places are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from handrail.contract.memory import MemoryClass
from handrail.memory.asked import NOTHING, Alike, Present, Usage
from handrail.memory.likeness import NEAR_SHARE, guard_digest, same_digest, shared, sketch_of
from handrail.store.sqlite import Database, Value
from handrail.wire.memory import StoredRecord

#: How long the number of a version that was removed is known: longer than its tombstone is kept.
GONE_KEPT_MS: Final = 8 * 24 * 3_600_000
CANDIDATES_COUNT_MAX: Final = 5
#: Classes whose records say something by their words.
COMPARED: Final = frozenset({MemoryClass.FACT, MemoryClass.PREFERENCE, MemoryClass.PROCEDURE})

_LAYOUT: Final = (
    """
    CREATE TABLE record (
        space TEXT NOT NULL, "key" TEXT NOT NULL, tenant TEXT NOT NULL, version INTEGER NOT NULL,
        at INTEGER, until_ms INTEGER, bytes INTEGER NOT NULL, digest TEXT, gone INTEGER NOT NULL,
        same BLOB, guard BLOB, PRIMARY KEY (space, "key")
    ) WITHOUT ROWID, STRICT;
    CREATE INDEX record_until ON record (gone, until_ms) WHERE until_ms IS NOT NULL;
    CREATE INDEX record_same ON record (space, tenant, same) WHERE same IS NOT NULL;
    CREATE TABLE sketch (
        space TEXT NOT NULL, tenant TEXT NOT NULL, number INTEGER NOT NULL, "key" TEXT NOT NULL,
        PRIMARY KEY (space, tenant, number, "key")
    ) WITHOUT ROWID, STRICT;
    CREATE INDEX sketch_key ON sketch (space, "key");
    CREATE TABLE usage (
        space TEXT NOT NULL, tenant TEXT NOT NULL, records INTEGER NOT NULL, bytes INTEGER NOT NULL,
        PRIMARY KEY (space, tenant)
    ) WITHOUT ROWID, STRICT;
    CREATE TABLE held (subject TEXT PRIMARY KEY) WITHOUT ROWID, STRICT;
    CREATE TABLE forgotten (
        subject TEXT PRIMARY KEY, names TEXT NOT NULL, until_ms INTEGER NOT NULL
    ) WITHOUT ROWID, STRICT;
    """,
)


class Place(NamedTuple):
    """A key of a space."""

    space: str
    key: str


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of a key without its value."""

    version: int
    at: int | None  #: offset of its newest record on the space's topic; None: not committed yet
    digest: str | None
    gone: bool
    bytes: int = 0


class Shelf:
    """The rows of one partition. Every method raises as `Database` does."""

    def __init__(self, classes: Mapping[str, MemoryClass]) -> None:
        """Know nothing yet."""
        self._classes = classes
        self._database = Database.scratch(_LAYOUT)
        self._in_batch = False
        self._rows: dict[Place, Row | None] = {}  #: of this batch and just before
        self._usage: dict[tuple[str, str], Usage] = {}  #: of this batch, written at its end
        self._ever_held = False  #: whether any legal hold was ever taken in

    def close(self) -> None:
        """Give the file back."""
        self._database.close()

    def begin(self) -> None:
        """Begin a batch."""
        assert not self._in_batch, "one batch at a time"
        self._database.execute("BEGIN")
        self._in_batch = True

    def keep(self, places: Iterable[tuple[Place, int]]) -> None:
        """End the batch; what it wrote lies there. Nothing when there is none."""
        if not self._in_batch:
            return
        self._database.execute_many(
            'UPDATE record SET at = ? WHERE space = ? AND "key" = ?',
            [(at, place.space, place.key) for place, at in places],
        )
        self._database.execute_many(
            "INSERT OR REPLACE INTO usage VALUES (?, ?, ?, ?)",
            [(*whose, used.records, used.bytes) for whose, used in self._usage.items()],
        )
        self._database.execute("COMMIT")
        self._end_batch()

    def _end_batch(self) -> None:
        self._in_batch = False
        self._rows, self._usage = {}, {}

    def forget_batch(self) -> None:
        """Be as before the batch; nothing when there is none."""
        if self._in_batch:
            self._database.execute("ROLLBACK")
        self._end_batch()

    def row(self, place: Place) -> Row | None:
        """Give what is known of a key."""
        if place not in self._rows:
            self._rows[place] = self._read(place)
        return self._rows[place]

    def _read(self, place: Place) -> Row | None:
        row = self._database.first(
            'SELECT version, at, digest, gone, bytes FROM record WHERE space = ? AND "key" = ?',
            place,
        )
        if row is None:
            return None
        version, at, digest, gone, size = row
        assert isinstance(at, int | None)
        assert isinstance(digest, str | None)
        return Row(_int(version), at, digest, bool(gone), _int(size))

    def present(self, place: Place, record: StoredRecord | None) -> Present:
        """Give what is known of a key, with its record, which the caller has."""
        row = self.row(place)
        if row is None:
            return NOTHING
        if row.gone:
            return Present(row.version, None, row.digest, row.bytes)
        # Under a key that is there, what nobody can read is neither a version nor nothing.
        is_foreign = record is None
        return Present(row.version, record, row.digest, row.bytes, is_foreign=is_foreign)

    def usage(self, space: str, tenant: str) -> Usage:
        """Give what a tenant keeps in a space."""
        whose = (space, tenant)
        if whose not in self._usage:
            row = self._database.first(
                "SELECT records, bytes FROM usage WHERE space = ? AND tenant = ?", whose
            )
            found = Usage() if row is None else Usage(_int(row[0]), _int(row[1]))
            self._usage[whose] = found
        return self._usage[whose]

    def put(self, record: StoredRecord, size: int, digest: str, at: int | None = None) -> None:
        """Take in a version that is there."""
        place = Place(record.space, record.key)
        self._leave(place)
        self._rows[place] = Row(record.version, at, digest, gone=False, bytes=size)
        tenant = _tenant(record.key)
        same, guard, numbers = self._likeness(record)
        self._database.execute(
            "INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
            (
                *(record.space, record.key, tenant, record.version, at, record.expires_ms),
                *(size, digest, same, guard),
            ),
        )
        if numbers:
            self._database.execute_many(
                "INSERT OR IGNORE INTO sketch VALUES (?, ?, ?, ?)",
                [(record.space, tenant, number, record.key) for number in numbers],
            )
        self._count(record.space, tenant, 1, size)

    def put_foreign(self, place: Place, size: int) -> None:
        """Take in that what nobody can read lies over whatever was known of a key."""
        row = self.row(place)
        self._leave(place)
        version, digest = (0, None) if row is None else (row.version, row.digest)
        self._rows[place] = Row(version, None, digest, gone=False, bytes=size)
        tenant = _tenant(place.key)
        self._database.execute(
            "INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, NULL, NULL, ?, ?, 0, NULL, NULL)",
            (*place, tenant, version, size, digest),
        )
        self._count(place.space, tenant, 1, size)

    def remove(self, place: Place, version: int, digest: str | None, gone_ms: int) -> None:
        """Take in that a key is gone, and which version that was."""
        self._leave(place)
        self._rows[place] = Row(version, None, digest, gone=True)
        self._database.execute(
            "INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, NULL, ?, 0, ?, 1, NULL, NULL)",
            (*place, _tenant(place.key), version, gone_ms + GONE_KEPT_MS, digest),
        )

    def drop(self, place: Place) -> None:
        """Take in that a key is gone and nobody knows as which version."""
        self._leave(place)
        self._rows[place] = None
        self._database.execute('DELETE FROM record WHERE space = ? AND "key" = ?', place)

    def _leave(self, place: Place) -> None:
        row = self.row(place)
        if row is not None and not row.gone:
            self._count(place.space, _tenant(place.key), -1, -row.bytes)
            if self._classes.get(place.space) in COMPARED:
                self._database.execute('DELETE FROM sketch WHERE space = ? AND "key" = ?', place)

    def _count(self, space: str, tenant: str, records: int, size: int) -> None:
        before = self.usage(space, tenant)
        self._usage[space, tenant] = Usage(before.records + records, before.bytes + size)

    def _likeness(self, record: StoredRecord) -> tuple[bytes | None, bytes | None, Sequence[int]]:
        # What nobody trusts, or what may be gone at any time, stands for nothing else.
        if (
            self._classes.get(record.space) not in COMPARED
            or record.sealed
            or record.quarantined
            or record.flagged is not None
            or record.expires_ms is not None
        ):
            return None, None, ()
        numbers = sketch_of(record.value)
        # What is said in a few words, such as that something is paid, is said of many things.
        if not numbers:
            return None, None, ()
        same = same_digest([record.type_name, record.value])
        return same, guard_digest(record.value), numbers

    def alike(self, place: Place, value: object, type_name: str) -> Alike | None:
        """Look for another record of the space and tenant that says the same, or nearly.

        The same fields of another type nearly say the same: they may mean something else.
        """
        if self._classes.get(place.space) not in COMPARED:
            return None
        numbers, tenant = sketch_of(value), _tenant(place.key)
        if not numbers:
            return None
        row = self._database.first(
            'SELECT "key", version FROM record WHERE space = ? AND tenant = ? AND same = ?'
            ' AND "key" <> ? ORDER BY "key" LIMIT 1',
            (place.space, tenant, same_digest([type_name, value]), place.key),
        )
        if row is not None:
            return Alike(str(row[0]), _int(row[1]), exactly=True)
        return self._nearly(place, tenant, value, numbers)

    def _nearly(
        self, place: Place, tenant: str, value: object, numbers: Sequence[int]
    ) -> Alike | None:
        marks = ", ".join("?" * len(numbers))
        rows = self._database.rows(
            f'SELECT "key" FROM sketch WHERE space = ? AND tenant = ? AND "key" <> ?'  # noqa: S608 - marks only
            f' AND number IN ({marks}) GROUP BY "key" ORDER BY count(*) DESC, "key" LIMIT ?',
            (place.space, tenant, place.key, *numbers, CANDIDATES_COUNT_MAX),
        )
        guard = guard_digest(value)
        for (key,) in rows:
            found = self._database.rows(
                'SELECT number FROM sketch WHERE space = ? AND "key" = ?', (place.space, key)
            )
            other = self._database.first(
                'SELECT version, guard FROM record WHERE space = ? AND "key" = ?',
                (place.space, key),
            )
            near = shared(numbers, [_int(number) for (number,) in found]) >= NEAR_SHARE
            if near and other is not None and other[1] == guard:
                return Alike(str(key), _int(other[0]), exactly=False)
        return None

    def hold(self, subject: str, *, held: bool) -> None:
        """Take in that a legal hold is on a subject, or no longer."""
        if held:
            self._ever_held = True
            self._database.execute("INSERT OR IGNORE INTO held VALUES (?)", (subject,))
        else:
            self._database.execute("DELETE FROM held WHERE subject = ?", (subject,))

    def is_held(self, subject: str) -> bool:
        """Say whether a legal hold is on a subject (as it stands before a key)."""
        if not self._ever_held:
            return False
        return self._database.first("SELECT 1 FROM held WHERE subject = ?", (subject,)) is not None

    def forgotten(self, subject: str) -> tuple[str, ...]:
        """Give the names of the keys of a subject of which it is known that they are destroyed."""
        row = self._database.first("SELECT names FROM forgotten WHERE subject = ?", (subject,))
        return () if row is None else tuple(str(row[0]).split())

    def forgets(self, subject: str, names: Iterable[str], until_ms: int) -> None:
        """Take in which keys of a subject are destroyed, to be known until then."""
        self._database.execute(
            "INSERT OR REPLACE INTO forgotten VALUES (?, ?, ?)",
            (subject, " ".join(names), until_ms),
        )

    def forgets_no_more(self, subject: str) -> None:
        """Take in that nothing can come any more that was sealed with these keys."""
        self._database.execute("DELETE FROM forgotten WHERE subject = ?", (subject,))

    def forgotten_until(self, now_ms: int, count_max: int) -> list[str]:
        """Give subjects of whom it need not be known any more, at most so many."""
        rows = self._database.rows(
            "SELECT subject FROM forgotten WHERE until_ms <= ? LIMIT ?", (now_ms, count_max)
        )
        return [str(subject) for (subject,) in rows]

    def of_subject(self, subject: str, count_max: int) -> list[Place]:
        """Give keys of a subject that are there, at most so many; no others are looked at."""
        first, last = f"{subject}/", f"{subject}0"  # "0" comes right after "/"
        found: list[Place] = []
        for space in sorted(self._classes):
            # Space by space, so that the primary key leads to them.
            rows = self._database.rows(
                'SELECT "key" FROM record WHERE space = ? AND "key" >= ? AND "key" < ?'
                ' AND gone = 0 ORDER BY "key" LIMIT ?',
                (space, first, last, count_max - len(found)),
            )
            found += [Place(space, str(key)) for (key,) in rows]
        return found

    def overdue(
        self, now_ms: int, count_max: int, whose: tuple[str, str] | None = None
    ) -> list[Place]:
        """Give keys whose records have expired, the longest ago first; none that are held.

        `whose` is a space and a tenant, where those of no other are wanted.
        """
        only = "" if whose is None else " AND space = ? AND tenant = ?"
        rows = self._database.rows(
            f'SELECT space, "key" FROM record WHERE gone = 0 AND until_ms <= ?{only} AND NOT EXISTS'  # noqa: S608 - marks only
            " (SELECT 1 FROM held WHERE \"key\" >= subject || '/' AND \"key\" < subject || '0'"
            " ) ORDER BY until_ms LIMIT ?",
            (now_ms, *(whose or ()), count_max),
        )
        return [Place(str(space), str(key)) for space, key in rows]

    def forget_gone(self, now_ms: int) -> None:
        """Forget keys that were gone for so long that nobody else knows them either."""
        self._database.execute("DELETE FROM record WHERE gone = 1 AND until_ms <= ?", (now_ms,))


def _tenant(full_key: str) -> str:
    return full_key.partition("/")[0]


def _int(value: Value) -> int:
    assert isinstance(value, int)
    return value
