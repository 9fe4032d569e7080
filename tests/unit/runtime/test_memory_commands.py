"""What became of a command of a person is what the keeper says of that very command."""

from typing import Any

from handrail.ledger.memory_event import EXPIRE, MEMORY_TASK, MemoryRefused, MemoryWritten
from handrail.runtime.memory_commands import Awaited, CommandSender
from handrail.wire.memory import COMMANDS, Op
from tests.promises.ground import Ground
from tests.promises.memory_askers import TENANT, command


async def test_what_the_keeper_did_by_itself_after_a_command_is_not_what_became_of_it() -> None:
    ground = Ground.in_memory()
    async with ground.bus() as bus:
        await ground.prepare(bus, COMMANDS, "ledger")
        sender = CommandSender(bus, ground.namespace, TENANT)
        asked = command(Op.PUT, "facts", "f", {"text": "a"}, by="person:ada", expect=0)
        sent = await sender.send([asked], 0)
        (place,) = sent.places
        about: dict[str, Any] = {
            "task_id": MEMORY_TASK,
            "tenant": TENANT,
            "time_ms": 0,
            "space": "facts",
            "partition": place[0],
            "offset": place[1],
        }
        why = {"reason": "quota", "state": "quota_exceeded", "sentence": "it is full"}
        refused = MemoryRefused(**about, **why, key=asked.key, op="put", by=asked.by)
        old = {"key": "acme/-/old", "op": EXPIRE, "by": "keeper"}
        swept = MemoryWritten(**about, **old, version=2, removed=True)
        await ground.tell(bus, refused, swept)

        became = await sender.outcomes(sent)

        assert became == {place: refused}


def test_a_keeper_that_is_at_the_commands_ahead_is_not_silent() -> None:
    awaited = Awaited([(0, 7), (1, 3)])

    def forgot(partition: int, offset: int, op: str = "forget") -> MemoryWritten:
        return MemoryWritten(
            task_id=MEMORY_TASK,
            tenant=TENANT,
            time_ms=0,
            space="facts",
            key="acme/~d1/k",
            partition=partition,
            offset=offset,
            op=op,
            by="person:bob",
            version=2,
        )

    assert [awaited.take(forgot(0, 5)), awaited.take(forgot(0, 6))] == [True, True]
    assert not awaited.take(forgot(0, 8))
    assert not awaited.take(forgot(2, 1))
    assert not awaited.take(forgot(0, 5, op=EXPIRE))
    assert (awaited.left_count, awaited.found) == (2, {})
    assert awaited.take(forgot(0, 7))
    assert (awaited.left_count, list(awaited.found)) == (1, [(0, 7)])
