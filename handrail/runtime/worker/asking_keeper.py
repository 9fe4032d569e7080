"""The step that asks the keeper of memory to write, and waits for what became of it.

The command commits together with the intent of its step, so it is sent once whatever crashes; the
verdict comes to the lane's answers and is recorded like any answer, whatever it says.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from handrail.contract.effect import Effect
from handrail.errors.asking import NoAnswerInTime
from handrail.lane.invocation import Why
from handrail.lane.journal import Entry
from handrail.lane.steps import WAITS_FOR_AGENT, Asked
from handrail.runtime.worker.asking import IN_MEMORY_MS_MAX, Asker
from handrail.runtime.worker.memory_reads import beside_the_loop
from handrail.runtime.worker.run_memory import CommandSender
from handrail.runtime.worker.wait import Closing, Opening, Wait
from handrail.runtime.worker.waiting import waiting_act
from handrail.wire.ids import handoff_id
from handrail.wire.memory import COMMANDS, Answer, Command


@dataclass(frozen=True, slots=True)
class UntilKeeper:
    """A command whose verdict is awaited."""

    asker: Asker
    asked: Asked
    command_id: str
    make: Callable[[], Command]  #: called once, when the step begins
    why: Why = Why.ANSWER

    async def opening(self, now_ms: int, attempt: int) -> Opening:
        """Give the command. Raises what sealing it raises, and TooLarge."""
        del attempt  # its id has it
        asker = self.asker
        worker = asker.ground.worker
        sender = CommandSender(worker.agent.name, worker.team)
        labelled = asker.labels.carried_on(asker.envelope)
        envelope = sender.envelope(labelled, asker.invocation.id, now_ms)
        addressed = replace(envelope, id=self.command_id, reply_to=asker.reply_to)
        command = await beside_the_loop(worker.memory.keys, self.make)
        record = sender.record(command, addressed)
        facts: dict[str, object] = {"waits": WAITS_FOR_AGENT, "until_ms": None, "topic": COMMANDS}
        return Opening(facts, [record])

    def closing(self, intent: Entry) -> Closing:
        """Nobody waits any longer; the keeper may still carry it out."""
        del intent
        return Closing(NoAnswerInTime(step=self.asked.shown, within="the time of its handler"))

    def in_memory_until_ms(self, until_ms: int | None, now_ms: int) -> int:
        """The keeper mostly answers at once."""
        del until_ms
        return now_ms + IN_MEMORY_MS_MAX


def keeper_wait(
    asker: Asker, asked: Asked, attempt: int, make: Callable[[], Command]
) -> Wait[Answer]:
    """Give the step; another attempt has another id, so that no old verdict is taken for its."""
    assert asked.effect is Effect.ASK
    run = asker.invocation.run_of(int(asked.path.partition(".")[0]))
    command_id = handoff_id(asker.invocation.id, run, asked.path, attempt - 1)
    until = UntilKeeper(asker, asked, command_id, make)
    return Wait(waiting_act(asked, command_id, Answer.decode), until)
