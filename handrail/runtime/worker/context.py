"""What a handler gets as `ctx` while it runs in a lane.

Every call of a model, a tool or a function is a step: its number is taken when the method is
called, and its outcome is recorded under that number. What a model's call does within it has paths
below it: `3.m1` is the first turn of step 3, `3.1` its first tool call.
"""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from handrail.contract.effect import Effect, EffectDeclaration, Idempotent, effect_of
from handrail.contract.failure import Refused
from handrail.contract.memory import Memory
from handrail.contract.passage import Passage
from handrail.contract.plan import May, Plan
from handrail.contract.tool import Tool, ToolContext
from handrail.contract.topic import Topic
from handrail.errors.steps import StepInvalid
from handrail.lane.steps import Asked
from handrail.models.loop import converse, model_call
from handrail.models.port import JsonObject, ModelReply, ModelRequest
from handrail.models.prices import priced
from handrail.runtime.worker.acting import StepRunner
from handrail.runtime.worker.asking import Asker, ask_person_wait, ask_wait, sleep_wait
from handrail.runtime.worker.digest import call_in_words, digest_of
from handrail.runtime.worker.ending import Spent
from handrail.runtime.worker.function_step import FunctionStep
from handrail.runtime.worker.gating import Gate
from handrail.runtime.worker.ground import Act
from handrail.runtime.worker.memory_additions import Numbered
from handrail.runtime.worker.memory_handle import SpaceHandle
from handrail.runtime.worker.memory_rights import known_space
from handrail.runtime.worker.paying import answer_through, turn_through
from handrail.runtime.worker.refusals import telling_refusal, trace_of
from handrail.runtime.worker.retrying import may_try_again, seconds_max
from handrail.runtime.worker.run_labels import shown_to_model
from handrail.runtime.worker.step import Step, check_task, side_by_side
from handrail.runtime.worker.talk import Talk, reply_as_json
from handrail.runtime.worker.tool_failure import tool_failed_in_words
from handrail.runtime.worker.undoable import Telling
from handrail.runtime.worker.wait import Wait
from handrail.runtime.worker.waiting import RunSteps
from handrail.wire.envelope import Envelope
from handrail.wire.label import Integrity, Label

if TYPE_CHECKING:
    from handrail.contract.recall import Recall, Recalled

P = ParamSpec("P")
M = TypeVar("M")
R = TypeVar("R")

TURNS_COUNT_MAX = 8


class RunContext:
    """The context of one invocation in a lane. Keeps what `handrail.Context` promises."""

    def __init__(
        self, envelope: Envelope, invocation_id: str, acting: StepRunner, steps: RunSteps
    ) -> None:
        """Belong to the asyncio task that makes it, which is the handler's own."""
        self._invocation_id = invocation_id
        self._envelope = envelope
        self._acting = acting
        self._steps = steps
        self._steps_count = 0
        self._times_count = 0
        self._task = asyncio.current_task()
        self.spent = Spent()  #: what the model's turns have used, recorded ones included
        self.random = random.Random(invocation_id)  # noqa: S311 - repeatable, not secret

    @property
    def steps(self) -> RunSteps:
        """What carries its steps out, for handlers of the engine's own."""
        return self._steps

    @property
    def task_id(self) -> str:
        """The task that this invocation belongs to."""
        return self._envelope.task_id

    @property
    def tenant(self) -> str:
        """On whose behalf the task runs."""
        return self._envelope.tenant

    @property
    def invocation_id(self) -> str:
        """The id of the handoff being carried out; of a gather, derived from its fan-out."""
        return self._invocation_id

    @property
    def attempt(self) -> int:
        """Which try this is, from 1."""
        return self._steps.attempt

    @property
    def deadline_ms(self) -> int:
        """When the task's time is over, in milliseconds since 1970 (UTC)."""
        assert self._envelope.deadline_ms is not None, "admission sets a deadline"
        return self._envelope.deadline_ms

    def now(self) -> datetime:
        """Give the time, in UTC: recorded, so that it is the same one in every run."""
        check_task("now()", self._task)
        self._times_count += 1
        now_ms = self._steps.note(f"now.{self._times_count}", "now", self._steps.now_ms)
        return datetime.fromtimestamp(now_ms / 1000, UTC)

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
        """Ask the model for a `returns`; the engine runs the loop of tool calls."""
        call = model_call(
            prompt,
            returns=returns,
            tools=tools,
            sources=sources,
            context=context.text if context is not None else "",
            turns_max=turns_max,
        )
        talk = Talk(call, {tool.name: tool for tool in tools}, context)
        step = self._next_step("model()")
        return self._step(f"model({prompt!r:.60})", lambda: self._converse(talk, step))

    def call(self, tool: Tool[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
        """Call a tool; raises Refused in one of the 23 states."""
        step = self._next_step(tool.name)
        arguments = tool.bind(*args, **kwargs)
        return self._step(tool.name, lambda: self._call(tool, arguments, step, 0))

    def step(
        self,
        fn: Callable[..., Awaitable[R]],
        /,
        *args: object,
        effect: EffectDeclaration,
        name: str | None = None,
        gives: Integrity = Integrity.UNTRUSTED,
    ) -> Awaitable[R]:
        """Carry a function out once and record what it gives."""
        function = FunctionStep[R].of(fn, name)
        step = self._next_step(function.name)
        asked = Asked(
            path=str(step),
            name=function.name,
            digest=digest_of(args),
            shown=call_in_words(function.name, args),
            effect=effect_of(effect),
            key_ttl_s=effect.ttl_s if isinstance(effect, Idempotent) else None,
        )
        ctx = self._tool_context(step, 0)
        act = Act(
            asked=asked,
            declared=effect,
            idem_key=ctx.idem_key,
            do=lambda: function.run(ctx, args),
            encode=function.encode,
            decode=function.decode,
            accept=function.accept,
            gives=None if asked.effect is Effect.PURE else Label(gives),
        )
        return self._step(asked.shown, lambda: self._steps.carry_out(act))

    def plan(self, *tools: May, refuses: bool = False) -> None:
        """Fix what may be done unattended after an untrusted read."""
        self._steps.labels.fix(Plan(tools, refuses))

    def endorse(self, value: M, **allowed: Collection[object]) -> M:
        """Vouch for what was taken out of an untrusted text, and give it back."""
        self._steps.labels.endorse(value, allowed)
        return value

    def sleep(self, duration: float | timedelta) -> Awaitable[None]:
        """Wait so long, also for days; a short while in memory, otherwise at rest."""
        step = self._next_step("sleep()")
        return self._wait(sleep_wait(str(step), self._idem_key(f"{step}/0"), duration))

    def ask(
        self,
        topic: Topic[M, R],
        message: M,
        *,
        within_s: float | None = None,
        key: str | None = None,
    ) -> Awaitable[R]:
        """Ask the agent that reads this topic, and give its answer."""
        step = self._next_step("ask()")
        wait = ask_wait(self._asker, str(step), topic, message, within_s=within_s, key=key)
        return self._step(wait.act.asked.shown, lambda: answer_through(self._steps, wait))

    def ask_person(
        self,
        question: str,
        *,
        returns: Any = str,  # noqa: ANN401 - whatever type the handler names
        choices: Sequence[Any] = (),
        within_s: float | None = None,
    ) -> Awaitable[Any]:
        """Ask a person, and give the answer."""
        step = self._next_step("ask_person()")
        wait = ask_person_wait(
            self._asker,
            str(step),
            question,
            returns=returns,
            choices=choices,
            within_s=within_s,
        )
        return self._wait(wait)

    def memory(self, space: Memory[M]) -> SpaceHandle[M]:
        """Give a memory space into the handler's hands. Raises SpaceUnknown."""
        known = known_space(self._steps.ground.worker.memory.spaces, space)
        numbered = Numbered(
            self._next_step, lambda shown: check_task(shown, self._task), self._step
        )
        return SpaceHandle(known, self._steps, self._asker, numbered)

    def recall(self, *parts: "Recall", budget_tokens: int) -> "Awaitable[Recalled]":
        """Give a text of what is remembered, within a budget, and tell the ledger what is in it."""
        # Only who recalls pays for it.
        from handrail.runtime.worker.recalling import Recalling  # noqa: PLC0415

        recalling = Recalling(self._steps, self._asker, parts, budget_tokens)
        step = self._next_step(recalling.shown)
        return self._step(recalling.shown, lambda: recalling.carry_out(str(step)))

    def gather(self, *steps: Awaitable[Any]) -> Awaitable[Any]:
        """Carry steps out side by side; gives their results in order."""
        ours: list[Step[Any]] = []
        for step in steps:
            if isinstance(step, Step):
                ours.append(step)
            else:
                raise StepInvalid(
                    step=getattr(step, "__qualname__", type(step).__name__),
                    detail="ctx.gather takes steps of the handler's own context only",
                    cure="give it what ctx.call, ctx.model and ctx.step return, not yet awaited",
                )
        return self._step("gather()", lambda: side_by_side(tuple(ours)))

    # ---- inside

    async def _converse(self, talk: Talk[R], step: int) -> R:
        turns_count = calls_count = 0

        async def do_turn(request: ModelRequest) -> ModelReply:
            nonlocal turns_count
            turns_count += 1
            reply = await self._turn(request, f"{step}.m{turns_count}", talk)
            self.spent.add(reply)
            self._steps.memory.model = reply.model
            return reply

        async def do_tool(name: str, arguments: JsonObject) -> bytes:
            nonlocal calls_count
            calls_count += 1
            tool = talk.tools[name]
            result = await self._call(tool, arguments, step, calls_count)
            return tool.result_as_json(result)

        return await converse(talk.call, do_turn, do_tool)

    async def _turn(self, request: ModelRequest, path: str, talk: Talk[Any]) -> ModelReply:
        effect = self._acting.model.effect
        self._steps.memory.tell(request.system)
        asked = talk.turn(request, path, effect)
        call = self._steps.provider_call(self._acting.model, path)
        act = Act(
            asked=asked,
            declared=effect,
            idem_key=self._idem_key(path),
            do=lambda: call.make(self._paid_turn(request)),
            encode=reply_as_json,
            decode=ModelReply.model_validate_json,
            accept=ModelReply.model_validate,
            timeout_s=request.timeout_s,
            wait=call.wait,
            # What it says is made of all that its run has read, and of what it is shown beside.
            gives=self._steps.labels.label.join(
                shown_to_model(talk.tools.values(), request.sources)
            ),
        )
        gate = Gate(self._steps, self._asker, self._acting)
        return await turn_through(gate, self._acting.model, request, act)

    async def _paid_turn(self, request: ModelRequest) -> ModelReply:
        return await priced(self._acting.model, await self._acting.model_turn(request))

    async def _call(self, tool: Tool[Any, R], arguments: JsonObject, step: int, index: int) -> R:
        path = f"{step}.{index}" if index else str(step)

        telling = Telling(tool, self._steps, self._envelope, path)

        def act(asked: JsonObject, read: JsonObject) -> Act[R]:
            ctx = telling.context(self._tool_context(step, index))
            told = telling.of(self._act(tool, asked, read, ctx, path), read)
            return telling_refusal(told, tool, self._steps, self._asker)

        gate = Gate(self._steps, self._asker, self._acting)
        try:
            result = await gate.through(tool, arguments, path, act)
        except Refused as refused:
            await telling.told_failure(refused)
            raise
        self._steps.memory.tool_call = f"{path} {tool.name}"
        return await telling.told(result)

    def _act(
        self, tool: Tool[Any, R], given: JsonObject, read: JsonObject, ctx: ToolContext, path: str
    ) -> Act[R]:
        """Make one act: what was given names the step, and what is read of it is done."""
        declared, key = tool.contract.effect, None if tool.takes_back else tool.terms.idempotency
        if key is not None and self._steps.begun_key(path) is None:
            # Of what is done, so that the intent and the act have one key, however it was given.
            own = key.of(tool.name, read, self.tenant, self.task_id)
            ctx = replace(ctx, idem_key=own)
        trace = trace_of(self._envelope, self._invocation_id)
        asked = Asked(
            path=path,
            name=tool.name,
            digest=digest_of(given),
            shown=call_in_words(tool.name, given),
            effect=self._steps.budget.effect_of(tool),
            key_ttl_s=declared.ttl_s if isinstance(declared, Idempotent) else None,
        )
        return Act(
            asked=asked,
            declared=declared,
            idem_key=ctx.idem_key,
            do=lambda: self._acting.tool(tool, ctx, read),
            encode=tool.as_record,
            decode=tool.from_record,
            accept=tool.result_of,
            again=lambda no, tries: may_try_again(tool, no, tries, self._steps),
            in_words=lambda error: tool_failed_in_words(
                tool, error, task=self.task_id, step=path, trace=trace
            ),
            timeout_s=seconds_max(tool),
            gives=tool.gives,
        )

    def _tool_context(self, step: int, index: int) -> ToolContext:
        path = f"{step}.{index}" if index else str(step)
        return ToolContext(
            idem_key=self._steps.begun_key(path) or self._idem_key(f"{step}/{index}"),
            task_id=self.task_id,
            tenant=self.tenant,
            deadline_ms=self.deadline_ms,
        )

    def _idem_key(self, path: str) -> str:
        run = self._steps.run_of(int(path.replace("/", ".").partition(".")[0]))
        return hashlib.sha256(f"{self._invocation_id}/{run}/{path}".encode()).hexdigest()

    def _next_step(self, shown: str) -> int:
        check_task(shown, self._task)
        self._steps_count += 1
        self._steps.errors.ask(str(self._steps_count))
        return self._steps_count

    @property
    def _asker(self) -> Asker:
        steps = self._steps
        return Asker(steps.ground, steps.invocation, self._envelope, steps.memory, steps.labels)

    def _wait(self, wait: Wait[R]) -> Step[R]:
        return self._step(wait.act.asked.shown, lambda: self._steps.wait_for(wait))

    def _step(self, shown: str, work: Callable[[], Coroutine[Any, Any, R]]) -> Step[R]:
        return Step(shown, work, self._task)
