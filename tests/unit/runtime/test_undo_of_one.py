"""How the undoer goes on with one act when the ledger cannot be read, or the try fails."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, ClassVar, cast

from handrail.ledger.taking_back import Done, Marks
from handrail.runtime.acts_of_task import MarksOf
from handrail.runtime.acts_packed import PackedAct
from handrail.runtime.undo import AGAIN, LEAVE, UndoOrder, _Undoing
from handrail.runtime.worker.context import RunContext
from handrail.runtime.worker.taking_back import TakingBack
from tests.unit.runtime.hired import HIRED

UNREAD = "the ledger could not be read within 20 s, so nothing was done. Try again later."
FAILED = ("unhire is not there now", "j/0/1")


class Scripted(_Undoing):
    """Tries, reads and asks as a test says."""

    tries: ClassVar[list[tuple[str, str] | None]] = []
    reads: ClassVar[list[tuple[Marks, str | None]]] = []
    answers: ClassVar[list[str]] = []
    asked: ClassVar[list[str]] = []

    async def _tried(self, act: Done, taking: TakingBack) -> tuple[str, str] | None:
        del act, taking
        return self.tries.pop(0)

    async def _marks(self, act: Done, reader: MarksOf, known: Marks) -> tuple[Marks, str | None]:
        del act, reader, known
        return self.reads.pop(0)

    async def _page(
        self, act: Done, left: Sequence[PackedAct], why: str, failed: tuple[int, str]
    ) -> str:
        del act, left, failed
        self.asked.append(why)
        return self.answers.pop(0)


def undoing(
    *,
    tries: list[tuple[str, str] | None],
    reads: list[tuple[Marks, str | None]],
    answers: list[str],
) -> Scripted:
    worker = SimpleNamespace(bus=None, team=SimpleNamespace(namespace="test"))
    ctx = SimpleNamespace(
        steps=SimpleNamespace(ground=SimpleNamespace(worker=worker)),
        invocation_id="j",
        now=lambda: datetime.now(UTC),
    )
    made = Scripted({}, UndoOrder(task="t"), cast("RunContext", cast("Any", ctx)))
    Scripted.tries, Scripted.reads, Scripted.answers, Scripted.asked = tries, reads, answers, []
    return made


def left() -> list[PackedAct]:
    return [PackedAct(text=HIRED.text, json=HIRED.model_dump_json().encode())]


async def test_a_person_is_told_that_the_ledger_cannot_be_read_and_nothing_is_tried() -> None:
    made = undoing(
        tries=[FAILED, None],
        reads=[(Marks(), UNREAD), (Marks(), UNREAD), (Marks(), None)],
        answers=[AGAIN, AGAIN],
    )

    why = await made._one(left())

    assert why is None
    assert made.asked == [f"{FAILED[0]} And {UNREAD}", UNREAD]
    assert (made.tries, made.reads) == ([], [])


async def test_what_another_undo_took_back_while_a_person_was_asked_is_not_tried_again() -> None:
    made = undoing(
        tries=[FAILED], reads=[(Marks(), UNREAD), (Marks(undone=True), None)], answers=[AGAIN]
    )

    assert await made._one(left()) is None
    assert made.tries == []


async def test_a_person_may_leave_an_act_of_which_the_ledger_says_nothing() -> None:
    made = undoing(tries=[FAILED], reads=[(Marks(), UNREAD)], answers=[LEAVE])

    assert await made._one(left()) == f"{FAILED[0]} And {UNREAD}"
