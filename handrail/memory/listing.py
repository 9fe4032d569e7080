"""Lists the present records of a space in the order of their keys, with the state of each.

It is asked page by page, so that whoever follows a view goes on between two pages. Each page is as
of its own moment: what is written meanwhile is listed if its key is still to come.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from handrail.contract.memory import Memory
from handrail.memory.review import is_due, review_ms
from handrail.store.sqlite import Database, Row
from handrail.wire.memory import StoredRecord, full_key

PAGE_COUNT: Final = 500

_OWN: Final = """
    space = ?1 AND "key" > ?2 AND "key" < ?3 AND expires_ms > ?4
"""
#: A tenant and its slash have ?5 characters; behind them an owner, a slash and the key in words.
_PAGE: Final = f"""
    SELECT crc, body, "key" FROM record WHERE {_OWN} AND found <= ?7
    AND substr("key", ?5 + instr(substr("key", ?5 + 1), '/') + 1, length(?6)) = ?6
    ORDER BY "key" LIMIT ?8
"""  # noqa: S608  # texts of our own
_COUNT: Final = f"SELECT count(*) FROM record WHERE {_OWN}"  # noqa: S608  # texts of our own


@dataclass(frozen=True, slots=True)
class Within:
    """Which records of a space are meant."""

    tenant: str
    subject: str | None = None  #: a digest
    task: str | None = None
    begins: str = ""  #: how their keys begin, as a handler calls them
    only_marked: bool = False  #: in quarantine or flagged: those that no search finds

    @property
    def _whose(self) -> str:
        own = full_key(self.tenant, "", subject=self.subject, task=self.task)
        return own if self.subject or self.task else own[: self._tenant_chars]

    @property
    def _tenant_chars(self) -> int:
        return full_key(self.tenant, "").index("/") + 1

    def page(self, database: Database, space: str, after: str, now_ms: int) -> list[Row]:
        """Give checksum, body and full key of the next records after one, none that has expired."""
        whose = self._whose
        last = f"{whose[:-1]}0"  # "0" comes right after "/"
        bounds = (space, max(after, whose), last, now_ms, self._tenant_chars, self.begins)
        return database.rows(_PAGE, (*bounds, int(not self.only_marked), PAGE_COUNT))

    def has(self, record: StoredRecord, after: str) -> bool:
        """Say whether a record of a page may be meant, and comes after a full key.

        How its key begins is for the page alone to say: of a key that no keeper has written, SQL
        and Python need not say the same.
        """
        whose = self._whose
        marked = record.quarantined or record.flagged is not None
        is_its = max(after, whose) < record.key < f"{whose[:-1]}0"
        return is_its and (marked or not self.only_marked)

    def count(self, database: Database, space: str, now_ms: int) -> int:
        """Count the records of whom it is about that have not expired, whatever their keys."""
        whose = self._whose
        row = database.rows(_COUNT, (space, whose, f"{whose[:-1]}0", now_ms))[0]
        assert isinstance(row[0], int)
        return row[0]


class Pages(Protocol):
    """A view that is asked for its records page by page; `MemoryView` is one."""

    async def page(self, space: str, within: Within, after: str) -> Sequence[StoredRecord]:
        """Give the next records after a full key, in the order of their keys; none at the end."""
        ...

    async def count(self, space: str, within: Within) -> int:
        """Count the records, whatever their keys."""
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """A present record with what there is to say of its state."""

    record: StoredRecord
    review_ms: int | None  #: when somebody should look at it
    is_due: bool  #: that time is over


@dataclass(frozen=True, slots=True)
class States:
    """Of which states records are wanted: of any that is named, or of all when none is."""

    due: bool = False
    quarantined: bool = False
    flagged: bool = False

    @property
    def only_marked(self) -> bool:
        """Say whether only records are wanted that are in quarantine or flagged."""
        return not self.due and (self.quarantined or self.flagged)

    def wants(self, one: Listed) -> bool:
        """Say whether a record is wanted."""
        if not (self.due or self.quarantined or self.flagged):
            return True
        return (
            (self.due and one.is_due)
            or (self.quarantined and one.record.quarantined)
            or (self.flagged and one.record.flagged is not None)
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """How many records of a space are there, and how many of them want somebody."""

    records: int
    due: int
    quarantined: int
    flagged: int


async def listed(
    pages: Pages, space: Memory[Any], within: Within, states: States, now_ms: int
) -> AsyncGenerator[Listed]:
    """Give the records that are wanted, one after the other."""
    after = ""
    while page := await pages.page(space.name, within, after):
        for record in page:
            one = Listed(record, review_ms(space, record), is_due(space, record, now_ms))
            if states.wants(one):
                yield one
        after = page[-1].key


async def counted(pages: Pages, space: Memory[Any], tenant: str, now_ms: int) -> Counts:
    """Count the records of a tenant in a space, and those that want somebody."""
    # Where nothing is ever due, only what no search finds has to be read.
    only_marked = space.rules.review_s is None
    within = Within(tenant, only_marked=only_marked)
    due = quarantined = flagged = 0
    async for one in listed(pages, space, within, States(), now_ms):
        due += one.is_due
        quarantined += one.record.quarantined
        flagged += one.record.flagged is not None
    return Counts(await pages.count(space.name, within), due, quarantined, flagged)
