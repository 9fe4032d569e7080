"""What a handler may ask of the engine while it carries out one handoff.

A handler touches the world through its context only, so that the engine can record each step.
"""

import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, TypeVarTuple, overload

from handrail.contract.effect import EffectDeclaration
from handrail.contract.passage import Passage
from handrail.contract.tool import Tool, ToolContext
from handrail.wire.label import Integrity

if TYPE_CHECKING:
    from handrail.contract.memory import Memory
    from handrail.contract.memory_handle import MemoryHandle
    from handrail.contract.plan import May
    from handrail.contract.recall import Recall, Recalled
    from handrail.contract.topic import Topic

P = ParamSpec("P")
M = TypeVar("M")
R = TypeVar("R")
Ts = TypeVarTuple("Ts")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")

TURNS_COUNT_MAX = 8


class Context(Protocol):
    """The context of one invocation; worthless once its handler has returned.

    Every `model`, `call`, `step`, `sleep`, `ask` and `ask_person` is a *step*: what came of it is
    recorded, and a handler that is run again after a crash is given what is recorded, a result or
    an error, in place of a second try. The number of a step is taken when its method is called,
    before anything is awaited: call the steps in an order that does not depend on time, then await
    them in the handler's own asyncio task. Any other raises ForeignTask. A run that asks for
    another step than the recorded one is stopped; its handoff is a dead letter with the reason
    `divergence`.

    A handler whose steps only wait is cancelled after a while and run again from its start when
    what it waits for has come: whatever it does besides its steps, it does again. A handler that
    catches the cancellation gets no further than its next step, and nothing it returns is used.

    A step that was begun and whose outcome was lost in a crash is judged by its effect class: tried
    again, asked about, or, when nobody can know whether it happened, put to a person.
    """

    @property
    def task_id(self) -> str:
        """The task that this invocation belongs to."""
        ...

    @property
    def tenant(self) -> str:
        """On whose behalf the task runs."""
        ...

    @property
    def invocation_id(self) -> str:
        """The id of the handoff being carried out; of a gather, derived from its fan-out."""
        ...

    @property
    def attempt(self) -> int:
        """Which try this is, from 1."""
        ...

    @property
    def deadline_ms(self) -> int:
        """When the task's time is over, in milliseconds since 1970 (UTC)."""
        ...

    @property
    def random(self) -> random.Random:
        """A generator seeded with the invocation, so that a re-run draws the same numbers.

        Each run begins anew with the same seed. What was drawn is not recorded: numbers follow
        their order, so draw in an order that does not depend on time. Not for secrets.
        """
        ...

    def now(self) -> datetime:
        """Give the time, in UTC; recorded, so that a re-run is told the same times."""
        ...

    def model(
        self,
        prompt: str,
        *,
        returns: type[R],
        tools: Sequence[Tool[..., Any]] = (),
        sources: Sequence[Passage] = (),
        context: "Recalled | None" = None,
        turns_max: int = TURNS_COUNT_MAX,
    ) -> Awaitable[R]:
        """Ask the model for a `returns`: a pydantic model, or `str`.

        `context` is what `recall` gave: it is put before the model apart from the prompt.
        The engine runs the loop of tool calls, at most `turns_max` turns. Raises Refused
        (`output_invalid`) when the answer does not validate after two more tries, and ModelNeeded
        when no model is configured that can serve the call.
        """
        ...

    def call(self, tool: Tool[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
        """Call a tool; raises Refused in one of the 23 states."""
        ...

    @overload
    def step(
        self,
        fn: Callable[[ToolContext, *Ts], Awaitable[R]],
        /,
        *args: *Ts,
        effect: EffectDeclaration,
        name: str | None = None,
        gives: Integrity = ...,
    ) -> Awaitable[R]: ...
    @overload
    def step(
        self,
        fn: Callable[[*Ts], Awaitable[R]],
        /,
        *args: *Ts,
        effect: EffectDeclaration,
        name: str | None = None,
        gives: Integrity = ...,
    ) -> Awaitable[R]: ...

    def step(
        self,
        fn: Callable[..., Awaitable[R]],
        /,
        # mypy 2.4 wants what the overloads have here, pyright sees that nothing is bound by it.
        *args: *Ts,  # pyright: ignore[reportInvalidTypeVarUse]
        effect: EffectDeclaration,
        name: str | None = None,
        gives: Integrity = Integrity.UNTRUSTED,
    ) -> Awaitable[R]:
        """Carry an async function out as a step of this effect class.

        Its result must be annotated and have a JSON form; arguments are given in order, never by
        name. A first parameter of type ToolContext is filled by the engine. Unless it is pure,
        `gives` says how far what it brings can be trusted. Raises StepInvalid.
        """
        ...

    def plan(self, *tools: "May", refuses: bool = False) -> None:
        """Fix what may be done unattended after an untrusted read, here and in later hops.

        `may(tool, argument=bound)` names a tool. An argument with a bound may hold whatever is
        within it, whoever has written it; any other has to come from who is trusted. What is not
        in the plan a person has to approve; with `refuses` it is refused (`tainted_input`). A
        second plan only narrows the first, and one that is made after an untrusted read frees
        nothing.
        """
        ...

    def endorse(self, value: M, **allowed: "Collection[object]") -> M:
        """Vouch for what was taken out of an untrusted text, and give it back.

        A pydantic model in which nothing is free: enumerations, literals, booleans, numbers between
        two bounds; for any other field `allowed` lists what may stand there, and every entry of the
        list has to come from who is trusted. Its values may then stand in arguments of acts that
        are called like their fields, in this run. The label of the run stays what it is. Raises
        Refused (`tainted_input`).
        """
        ...

    def sleep(self, duration: float | timedelta) -> Awaitable[None]:
        """Wait for so many seconds, or for a timedelta; days are as good as seconds.

        A step: its end is that of the first attempt, whatever crashes in between. Up to 30 s the
        run stays in memory. Longer ones let it rest, at no cost but a record: the handler is
        cancelled and run again at that time. The task's deadline ends a sleep, and the invocation
        with it. Raises StepInvalid for less than 0 or more than 3,650 days.
        """
        ...

    def ask(
        self,
        topic: "Topic[M, R]",
        message: M,
        *,
        within_s: float | None = None,
        key: str | None = None,
    ) -> Awaitable[R]:
        """Ask the agent that reads a topic with `replies=`, and give its answer.

        A step. The question is written once, whatever crashes: in the transaction of its intent.
        For up to 30 s the run waits in memory, then it rests. Questions are answered side by side;
        those of one `key` one after the other (by default the topic's own `key=`, else none).
        Raises QuestionFailed when the question died, was refused or was not answered within
        `within_s`: its subclasses are NoAnswerInTime, AskCycle and AnswerUnfit. Raises AskInvalid
        for a topic without `replies=` or outside of the team.
        """
        ...

    @overload
    def ask_person(
        self, question: str, *, choices: Sequence[str] = (), within_s: float | None = None
    ) -> Awaitable[str]: ...
    @overload
    def ask_person(
        self,
        question: str,
        *,
        returns: type[R],
        choices: Sequence[R] = (),
        within_s: float | None = None,
    ) -> Awaitable[R]: ...

    def ask_person(
        self,
        question: str,
        *,
        returns: Any = str,
        choices: Sequence[Any] = (),
        within_s: float | None = None,
    ) -> Awaitable[Any]:
        """Ask a person, by `handrail people` and `handrail answer`, and give the answer.

        A step. The run rests until then; its task is `input_required`. The first answer that the
        lane records counts; it is a `returns`, and one of `choices` if there are any. Raises
        NoAnswerInTime after `within_s`, AnswerUnfit when a check that `returns` makes in code of
        its own fails, and AskInvalid for what cannot be asked.
        """
        ...

    def memory(self, space: "Memory[M]") -> "MemoryHandle[M]":
        """Give a memory space into the handler's hands. Its reads and `put` are steps.

        Raises SpaceUnknown for one that the team does not declare in memory/, and Refused
        (`denied_by_policy`) on use by an agent that the space does not name.
        """
        ...

    def recall(self, *parts: "Recall", budget_tokens: int) -> "Awaitable[Recalled]":
        """Put what is remembered into a text for a prompt, within a budget of tokens.

        A step. The parts are filled in their order, each with its best records; no record comes in
        twice, and the text never takes more than the budget. The ledger is told which versions are
        in it, and what was left out and why, in the transaction that records the step; `handrail
        memory manifest` makes the text again. What a model of this run then only says again is no
        news: memory refuses it as an echo. A record that no model of its space reads is left out
        and named in `dropped`. Raises what the reads of memory raise, for other records.
        """
        ...

    @overload
    def gather(self, a: Awaitable[A], /) -> Awaitable[tuple[A]]: ...
    @overload
    def gather(self, a: Awaitable[A], b: Awaitable[B], /) -> Awaitable[tuple[A, B]]: ...
    @overload
    def gather(
        self, a: Awaitable[A], b: Awaitable[B], c: Awaitable[C], /
    ) -> Awaitable[tuple[A, B, C]]: ...
    @overload
    def gather(
        self, a: Awaitable[A], b: Awaitable[B], c: Awaitable[C], d: Awaitable[D], /
    ) -> Awaitable[tuple[A, B, C, D]]: ...
    @overload
    def gather(self, *steps: Awaitable[A]) -> Awaitable[tuple[A, ...]]: ...

    def gather(self, *steps: Awaitable[Any]) -> Awaitable[tuple[Any, ...]]:
        """Carry steps out side by side and give their results in order.

        All come to their end; then the first error, in the order of the steps, is raised. Takes
        what `model`, `call` and `step` return, not yet awaited; raises StepInvalid otherwise.
        """
        ...
