"""Damage of the file of a view, on the in-process bus, and when it is told at a bad moment."""

import asyncio
import os
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from handrail.bus.in_process import InProcessAdmin, InProcessBus
from handrail.bus.in_process_broker import InProcessBroker
from handrail.bus.port import Bus
from handrail.errors import BrokerUnreachable
from handrail.errors.store import StoreDamaged, StoreTooNew
from handrail.memory.tables import LAYOUTS
from handrail.runtime.clock import WallClock
from handrail.runtime.memory_view import Freshness, MemoryView, ViewSettings
from handrail.store.sqlite import Database
from handrail.wire.memory import NOTHING_WRITTEN, StoredRecord
from tests.captured_lines import captured_lines
from tests.promises.ground import Ground
from tests.promises.memory_damage import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.memory_damage import KEYS, remembered, versions
from tests.promises.memory_scribe import SPACES, Scribe
from tests.promises.memory_view import delete_view, names, view_of
from tests.waiting import until


@pytest.fixture
def ground() -> Ground:
    return Ground.in_memory()


def number_of(path: Path) -> int:
    return path.stat().st_ino


class Question:
    """Asks something of a whole file; says of the first one that it is damaged, once it may."""

    def __init__(self) -> None:
        self.files: list[int] = []
        self.may_say = asyncio.Event()
        self.may_say.set()

    async def __call__(self, path: Path) -> int:
        self.files.append(number_of(path))
        if len(self.files) == 1:
            # So that no file gets the number of one that is gone.
            os.link(path, path.parent.parent / "first")
            await self.may_say.wait()
            raise StoreDamaged(path=path, reason="planned")
        return self.files[-1]


class HeldOpener:
    """Opens a sealed record once it may, in the thread that fills a view."""

    def __init__(self) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()

    def __call__(self, stored: StoredRecord) -> StoredRecord:
        self.began.set()
        assert self.may_end.wait(30)
        return stored


async def view_of_something_sealed(
    ground: Ground, bus: Bus, folder: Path, opener: HeldOpener
) -> MemoryView:
    scribe = await Scribe.begin(ground, bus)
    await scribe.put("facts", "order/1", "x", sealed=True)
    return MemoryView(bus, ViewSettings(ground.namespace, SPACES, folder / "views", opener=opener))


async def test_a_view_that_was_found_damaged_as_it_was_filled_is_not_believed_once_it_is_full(
    ground: Ground, tmp_path: Path
) -> None:
    opening = HeldOpener()
    async with ground.bus() as bus:
        view = await view_of_something_sealed(ground, bus, tmp_path, opening)
        question = Question()
        starting = asyncio.create_task(view.start())
        await until(opening.began.is_set)
        asking = asyncio.create_task(view.of_file(question))
        await until(lambda: question.files)
        opening.may_end.set()
        await starting
        first, second = question.files[0], await asking
        await view.close()

    assert first != second


async def test_a_start_that_ends_while_what_was_damaged_is_filled_anew_lets_nobody_believe_it(
    ground: Ground, tmp_path: Path
) -> None:
    opening = HeldOpener()
    async with ground.bus() as bus:
        view = await view_of_something_sealed(ground, bus, tmp_path, opening)
        question = Question()
        starting = asyncio.create_task(view.start(within_s=0.5))
        await until(opening.began.is_set)
        asking = asyncio.create_task(view.of_file(question))
        await until(lambda: question.files)

        await starting
        after_start = view.freshness
        believed = view.holds(NOTHING_WRITTEN)
        opening.may_end.set()
        await asking
        await view.close()

    assert (after_start, believed) == (Freshness.LOADING, False)


class Upgrading(WallClock):
    """A clock by which a newer version comes upon the file of a view as soon as it is there."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._is_upgraded = False

    def now_ms(self) -> int:
        if self._file.exists() and not self._is_upgraded:
            self._is_upgraded = True
            newer = Database.open(self._file, LAYOUTS, checks_pages=True)
            newer.execute(f"PRAGMA user_version = {len(LAYOUTS) + 1}")
            newer.close()
        return super().now_ms()


async def test_a_file_to_which_a_newer_version_has_written_is_told_when_it_is_copied(
    ground: Ground, tmp_path: Path
) -> None:
    clock = Upgrading(tmp_path / "view-1.db")
    async with ground.bus() as bus:
        await remembered(await Scribe.begin(ground, bus))
        async with view_of(ground, bus, tmp_path, saved_from=0, clock=clock) as view:
            with pytest.raises(StoreTooNew) as told:
                await until(view.check_alive, what="it ends")

    assert told.value.facts["found"] == len(LAYOUTS) + 1
    assert not list((tmp_path / "snapshots").glob("*"))


async def test_a_file_of_an_older_layout_is_told_as_such_and_not_as_damage(
    ground: Ground, tmp_path: Path
) -> None:
    file = tmp_path / "view-1.db"
    async with ground.bus() as bus:
        await remembered(await Scribe.begin(ground, bus))
        Database.open(file, LAYOUTS[:1]).close()  # of before pages had checksums

        with captured_lines() as lines:
            async with view_of(ground, bus, tmp_path) as view:
                found = await view.of_file(versions)

    events = [line["event"] for line in lines]
    assert "file of an older layout is made anew" in events
    assert "damaged file moved aside" not in events
    assert len(found) == 2 * len(KEYS)
    assert [one for one in names(tmp_path) if "damaged" in one] == []


class FailingAdmin(InProcessAdmin):
    """Cannot say once where topics end, and waits before it does not."""

    def __init__(self, bus: InProcessBus) -> None:
        super().__init__(bus)
        self.is_asked, self.may_fail = asyncio.Event(), asyncio.Event()

    async def offsets(self, topic: str) -> Mapping[int, tuple[int, int]]:
        if not self.is_asked.is_set():
            self.is_asked.set()
            await self.may_fail.wait()
            raise BrokerUnreachable(bootstrap="memory", reason="planned")
        return await super().offsets(topic)


class FailingBus(InProcessBus):
    """A connection that a view follows through."""

    def __init__(self, broker: InProcessBroker) -> None:
        super().__init__(broker)
        self.failing = FailingAdmin(self)

    @property
    def admin(self) -> InProcessAdmin:
        return self.failing


async def test_damage_is_not_forgotten_because_the_broker_cannot_be_reached(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        assert isinstance(bus, InProcessBus)
        await Scribe.begin(ground, bus)
        failing = FailingBus(bus.broker)
        view = MemoryView(failing, ViewSettings(ground.namespace, SPACES, tmp_path / "views"))
        question = Question()
        starting = asyncio.create_task(view.start())
        await failing.failing.is_asked.wait()
        asking = asyncio.create_task(view.of_file(question))
        await until(lambda: question.files)
        failing.failing.may_fail.set()
        await starting
        first, second = question.files[0], await asking
        await view.close()

    assert first != second


async def test_damage_of_a_file_that_is_gone_says_nothing_of_the_one_in_its_place(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.bus() as bus:
        await Scribe.begin(ground, bus)
        question = Question()
        question.may_say.clear()
        async with view_of(ground, bus, tmp_path / "views") as view:
            asking = asyncio.create_task(view.of_file(question))
            await until(lambda: question.files)
            delete_view(tmp_path / "views")
            file = tmp_path / "views" / "view-1.db"
            await until(lambda: file.exists() and view.freshness is Freshness.CURRENT)
            new = number_of(file)
            os.link(file, tmp_path / "second")

            question.may_say.set()

            assert await asking == new
