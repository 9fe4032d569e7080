"""What of memory is written when a handler ends: additions, which cannot conflict.

They go in the transaction of the handler's handoffs, so that both appear together or not at all.
Below everything that is done with a space lies whose keys are meant, and who asks.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from pydantic_core import PydanticSerializationError, to_jsonable_python

from handrail.contract.memory import Memory
from handrail.errors.steps import StepInvalid
from handrail.memory.asked import Reason
from handrail.runtime.worker.asking import Asker
from handrail.runtime.worker.digest import call_in_words
from handrail.runtime.worker.memory_reads import beside_the_loop, key_of
from handrail.runtime.worker.memory_refusals import Refusals
from handrail.runtime.worker.memory_rights import Content, Right
from handrail.runtime.worker.step import Step
from handrail.runtime.worker.waiting import RunSteps
from handrail.wire.memory import Command, Op

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Numbered:
    """How a context numbers its steps."""

    next_step: Callable[[str], int]  #: takes the next number; raises ForeignTask
    check: Callable[[str], None]  #: raises ForeignTask
    step: Callable[[str, Callable[[], Coroutine[Any, Any, Any]]], Step[Any]]


class SpaceOfRun(Generic[M]):
    """One space as one run has it: its keys, and commands in the run's name."""

    def __init__(self, space: Memory[M], steps: RunSteps, asker: Asker, numbered: Numbered) -> None:
        """Act for the run that these steps belong to."""
        self._space = space
        self._steps = steps
        self._asker = asker
        self._numbered = numbered
        self._refusals = Refusals(space, steps, asker)
        self._worker = asker.ground.worker
        spaces = self._worker.memory.spaces.values()
        self._personal = frozenset(one.name for one in spaces if one.is_personal)

    def _command(self, op: Op, key: str, value: object, subject: str | None = None) -> Command:
        return Command(
            op=op,
            space=self._space.name,
            key=self._full_key(key, subject),
            by=self._worker.agent.name,
            by_version=self._worker.agent.version,
            type_name=self._space.type_name,
            value=value,
            tool_call=self._steps.memory.tool_call,
            model=self._steps.memory.model,
        )

    def _full_key(self, key: str, subject: str | None) -> str:
        return key_of(self._asker, self._space, key, subject)

    async def _whole(self, key: str, subject: str | None) -> str:
        keys = self._worker.memory.keys if subject is not None else None
        return await beside_the_loop(keys, lambda: self._full_key(key, subject))

    def _shown(self, what: str, key: str) -> str:
        return call_in_words(f"memory.{what}", [f"{self._space.name}/{key}"])


class Additions(SpaceOfRun[M]):
    """Adds to what is there, when the handler ends."""

    def add(
        self,
        key: str,
        item: object,
        *,
        subject: str | None = None,
        derived_from: Sequence[str] = (),
    ) -> None:
        """Add an item to a set of JSON values. Cannot conflict; written when the handler ends."""
        self._collect(Op.ADD, key, item, subject, derived_from)

    def append(
        self,
        key: str,
        item: object,
        *,
        subject: str | None = None,
        derived_from: Sequence[str] = (),
    ) -> None:
        """Append an item to a list. Cannot conflict; written when the handler ends."""
        self._collect(Op.APPEND, key, item, subject, derived_from)

    def increment(
        self,
        key: str,
        by: int = 1,
        *,
        subject: str | None = None,
        derived_from: Sequence[str] = (),
    ) -> None:
        """Add to a whole number. Cannot conflict; written when the handler ends."""
        self._collect(Op.INCREMENT, key, by, subject, derived_from)

    def merge(
        self,
        key: str,
        fields: Mapping[str, object],
        *,
        subject: str | None = None,
        derived_from: Sequence[str] = (),
    ) -> None:
        """Set fields of an object, the others stay. Cannot conflict; written when it ends."""
        self._collect(Op.MERGE, key, dict(fields), subject, derived_from)

    def _collect(
        self, op: Op, key: str, value: object, subject: str | None, derived_from: Sequence[str]
    ) -> None:
        shown = self._shown(str(op), key)
        self._numbered.check(shown)
        self._refusals.check(op, Right.WRITE, subject, key)
        self._refusals.check_collecting(op, key)
        self._refusals.check_collected(op, key)
        try:
            plain: object = to_jsonable_python(value, by_alias=True)
        except PydanticSerializationError as error:
            raise StepInvalid(
                step=shown, detail=f"its value has no JSON form: {error}", cure="give plain values"
            ) from error
        seen, sources = self._steps.memory.echoed(plain), tuple(derived_from)
        command = replace(self._command(op, key, plain), seen=seen, derived_from=sources)
        content = Content(plain, command.key, sources)
        self._refusals.check_content(str(op), key, content, self._personal)
        with self._refusals.noting(op, key, Reason.SCHEMA):
            command.encode()  # now, where the handler sees what is wrong with it
        self._steps.memory.collected.append(command)
