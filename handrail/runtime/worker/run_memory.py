"""What one run of a handler knows of memory: how far others must have read, and what it will write.

Positions only ever grow, and each comes from the handoff or from a recorded outcome, so that a run
that is repeated hands on what the first one did.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from handrail.lane.invocation import RefusedUse
from handrail.memory.likeness import echo_of, told_digests
from handrail.runtime.worker.outputs import Origin
from handrail.runtime.worker.place import TeamPlace
from handrail.wire.codec import encode_headers
from handrail.wire.envelope import Envelope
from handrail.wire.ids import handoff_id
from handrail.wire.memory import COMMAND_TYPE, COMMANDS, Command, Positions
from handrail.wire.record import Outgoing

COLLECTED_PATH = "memory"  #: in place of a step's path, of what is written when a handler ends
COLLECTED_COUNT_MAX = 1_000  #: commands of one run
REFUSED_COUNT_MAX = 100  #: refusals of one run that the ledger is told of
TOLD_COUNT_MAX = 50_000  #: texts that models were given in one run


class RunMemory:
    """The memory of one run."""

    def __init__(self, header: str | None) -> None:
        """Begin with what the handoff says of those before it."""
        self.positions = Positions.of(header)
        self._told: dict[str, None] = {}  # digests of what a model of this run was given
        self.collected: list[Command] = []  #: to be written when the handler ends
        #: (space, key) → the no to writing it when the handler ends, as recorded; empty for a yes
        self.told_of_writes: dict[tuple[str, str], str] = {}
        self.tool_call = self.model = ""  #: the last that have answered, as provenance names them
        self.refused: list[RefusedUse] = []  #: to be told when the invocation ends
        self.read_at: dict[tuple[str, str], str] = {}  #: (space, key) → step that read it last

    def see(self, header: str | None) -> None:
        """Join what an outcome has seen or written."""
        if header:
            self.positions = self.positions.joined([Positions.of(header)])

    def refuse(self, use: RefusedUse) -> None:
        """Remember what the worker has refused; of a run that goes on and on only the first."""
        if len(self.refused) < REFUSED_COUNT_MAX:
            self.refused.append(use)

    def tell(self, *texts: object) -> None:
        """Remember what a model is given: what it only says again is nothing new."""
        room = TOLD_COUNT_MAX - len(self._told)
        if room > 0:
            self._told.update(dict.fromkeys(told_digests(*texts)[:room]))

    def echoed(self, value: object) -> tuple[str, ...]:
        """Give the digest of a value that was told, word for word; else none.

        It alone goes with its command: a digest of what that does not say itself would tell others
        what else its writer has read.
        """
        return echo_of(value, self._told)

    @property
    def header(self) -> str | None:
        """What those have to see who come after; None for nothing."""
        return str(self.positions) or None

    def carried_on(self, envelope: Envelope) -> Envelope:
        """Give an envelope whose children have to see what this run has seen."""
        if self.header == envelope.memory_read:
            return envelope
        return replace(envelope, memory_read=self.header)


@dataclass(frozen=True, slots=True)
class CommandSender:
    """Makes records of commands, for the keeper."""

    agent: str
    place: TeamPlace

    def records(self, commands: Sequence[Command], origin: Origin) -> list[Outgoing]:
        """Give what a handler has collected; the same run gives the same ids."""
        return [
            self.record(
                command,
                replace(
                    self.envelope(origin.envelope, origin.invocation, origin.written_ms),
                    id=handoff_id(origin.invocation, origin.run, COLLECTED_PATH, index),
                ),
            )
            for index, command in enumerate(commands)
        ]

    def record(self, command: Command, envelope: Envelope) -> Outgoing:
        """Give one command on its way to the partition of its key."""
        topic = self.place.full(COMMANDS)
        return Outgoing(topic, command.key.encode(), command.encode(), encode_headers(envelope))

    def envelope(self, parent: Envelope, invocation: str, now_ms: int) -> Envelope:
        """Give what says for whom a command is; its id is still that of what caused it."""
        return Envelope(
            id=invocation,
            type=COMMAND_TYPE,
            source=f"handrail/{self.place.namespace}/{self.agent}",
            time_ms=now_ms,
            task_id=parent.task_id,
            tenant=parent.tenant,
            reference=parent.reference,
            causation_id=invocation,
            hop=parent.hop + 1,
            deadline_ms=parent.deadline_ms,
            priority=parent.priority,
            label=parent.label,
            trace_parent=parent.trace_parent,
        )
