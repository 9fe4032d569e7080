"""Checks one use of memory before anything is sent, and notes for the ledger what it refuses.

A handler runs again after a crash, a rest or a failed try, and is refused again. So a refusal is
noted in the memory of its run and written in the transaction that ends the invocation: once,
however often the handler ran. Nothing noted holds what was refused, nor a key that may be personal.
"""

from collections.abc import Collection, Generator
from contextlib import contextmanager
from typing import Any, Final

from handrail.contract.failure import Refused, State
from handrail.contract.memory import Memory
from handrail.errors.memory import MemoryKeyInvalid, RecordUnreadable
from handrail.errors.root import HandrailError
from handrail.errors.wire import TooLarge
from handrail.lane.invocation import RefusedUse
from handrail.memory.asked import Reason
from handrail.runtime.worker.asking import Asker
from handrail.runtime.worker.memory_reads import key_of
from handrail.runtime.worker.memory_rights import (
    Content,
    Right,
    check_right,
    check_subject,
    refused_content,
)
from handrail.runtime.worker.policing import check_collected
from handrail.runtime.worker.run_memory import COLLECTED_COUNT_MAX
from handrail.runtime.worker.waiting import RunSteps

#: What is said where the error itself quotes what it was given.
_UNQUOTED: Final = {
    Reason.KEY: "its key is none that this space takes",
    Reason.SIZE: "its value is larger than a message may be",
    Reason.SCHEMA: "its value is not what the space holds",
}


class Refusals:
    """Checks what one run wants of one space, and notes what is refused."""

    def __init__(self, space: Memory[Any], steps: RunSteps, asker: Asker) -> None:
        """Note in the memory of this run."""
        self._space, self._steps, self._asker = space, steps, asker
        self._worker = asker.ground.worker

    def check(self, op: str, right: Right, subject: str | None, *keys: str) -> None:
        """Raise Refused for what this agent may not, or MemoryKeyInvalid for a key."""
        key, has_keys = keys[0] if len(keys) == 1 else "", self._worker.memory.keys is not None
        with self.noting(op, key, Reason.RIGHT):
            check_right(self._worker.agent.name, self._space, right)
        with self.noting(op, key, Reason.PERSONAL):
            check_subject(self._space, subject, has_keys=has_keys)
        for one in keys:
            with self.noting(op, "", Reason.KEY):
                self._space.check_key(one)

    def check_content(self, op: str, key: str, content: Content, personal: Collection[str]) -> None:
        """Raise Refused for what the keeper would refuse for its words."""
        refusal = refused_content(self._space, content, personal)
        if refusal is not None:
            with self.noting(op, key, refusal.reason):
                raise Refused(refusal.state, refusal.detail, remedy=refusal.remedy)

    def check_collected(self, op: str, key: str) -> None:
        """Raise Refused when the policy does not let this be written when the handler ends."""
        with self.noting(op, key, Reason.RIGHT):
            check_collected(self._steps, self._asker, (self._space.name, key))

    def check_collecting(self, op: str, key: str) -> None:
        """Raise Refused where nothing, or nothing more, can be written when the handler ends."""
        if self._space.is_personal:
            with self.noting(op, key, Reason.OPERATION):
                raise Refused(
                    State.INVALID_INPUT,
                    f"memory {self._space.name} is sealed, so the keeper cannot compute with it",
                    remedy="Use update, which reads, computes and puts.",
                )
        if len(self._steps.memory.collected) >= COLLECTED_COUNT_MAX:
            with self.noting(op, key, Reason.QUOTA):
                raise Refused(
                    State.INVALID_INPUT, f"one handler writes at most {COLLECTED_COUNT_MAX} times"
                )

    def leave_out(self, op: str, unreadable: RecordUnreadable) -> None:
        """Note a record that a read has gone on without, since no model of the space reads it."""
        key = "" if self._space.is_personal else str(unreadable.key)
        sentence = f"its version {unreadable.version} was written as {unreadable.type}"
        self._note(op, key, Reason.MODEL, State.PRECONDITION_FAILED, sentence)

    @contextmanager
    def noting(self, op: str, key: str, reason: Reason) -> Generator[None]:
        """Note what is refused inside, and raise it on."""
        try:
            yield
        except Refused as no:
            by_people = no.state is State.NEEDS_APPROVAL
            self._note(op, key, Reason.APPROVAL if by_people else reason, no.state, no.detail)
            raise
        except HandrailError as error:
            found = Reason.SIZE if isinstance(error, TooLarge) else reason
            self._note(op, key, found, State.INVALID_INPUT, _UNQUOTED[found])
            raise

    def _note(self, op: str, key: str, reason: Reason, state: State, sentence: str) -> None:
        try:
            full = key_of(self._asker, self._space, self._space.check_key(key), None)
        except MemoryKeyInvalid:
            full = ""  # an address may stand in it
        self._steps.memory.refuse(
            RefusedUse(self._space.name, full, op, reason.value, state.value, sentence)
        )
