"""What became of a command of a person is what the keeper says of that very command."""

from typing import Any

from handrail.ledger.memory_event import EXPIRE, MEMORY_TASK, MemoryRefused, MemoryWritten
from handrail.runtime.memory_commands import CommandSender
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
