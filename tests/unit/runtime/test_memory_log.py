"""The log of a view is brought into its file beside the folding, and begins anew."""

import asyncio
from pathlib import Path

from handrail.memory.tables import LAYOUTS
from handrail.memory.view import View
from handrail.runtime.memory_log import ViewLog
from handrail.store.sqlite import Database
from tests.unit.memory.written import NAMESPACE, Written
from tests.waiting import until

PAGES_MAX = 100


class Folding:
    """Folds one small batch after the other, as a process does."""

    def __init__(self, path: Path) -> None:
        self.written = Written()
        self.view = View(path, NAMESPACE, ["facts"])
        self.log = ViewLog(PAGES_MAX)
        self.done: dict[object, int] = {}

    async def batch(self) -> None:
        self.written.put("facts", f"order/{len(self.written.versions)}", {"text": "paid"})
        for where, records in self.written.logs.items():
            self.view.take(records[self.done.get(where, 0) :], self.view.beginning())
            self.done[where] = len(records)
        await self.log.see_to(self.view)


async def test_what_could_not_be_brought_in_beside_the_folding_is_brought_in_by_the_next_batch(
    tmp_path: Path,
) -> None:
    path = tmp_path / "view.db"
    folding = Folding(path)
    await folding.batch()
    reader = Database.open(path, LAYOUTS)
    reader.execute("BEGIN")
    reader.first("SELECT count(*) FROM record")  # what is written from now on stays in the log
    while folding.log._bringing is None:
        await folding.batch()
    await until(folding.log._bringing.done)
    reader.close()

    await folding.batch()
    assert folding.view.database.log_pages >= PAGES_MAX
    await folding.batch()

    assert folding.view.database.log_pages < PAGES_MAX
    count = folding.view.database.first("SELECT count(*) FROM record")
    assert count == (len(folding.written.versions),)
    folding.view.close()


async def test_whoever_reads_from_the_log_is_waited_for_and_does_not_hold_up_each_batch(
    tmp_path: Path,
) -> None:
    asked: list[Path] = []
    folding = Folding(tmp_path / "view.db")
    folding.log = ViewLog(PAGES_MAX, asked.append)  # it cannot

    while folding.view.database.log_pages < 5 * PAGES_MAX:
        await folding.batch()
        await asyncio.sleep(0)

    await folding.log.settled()
    assert 0 < len(asked) <= 2 * 5
    folding.view.close()
