"""Takes in what other agents and people answer to the questions of one lane.

An answer counts when the very question that it names is open in the journal: asked, and neither
answered nor given up. It becomes the outcome of its step at once, whether its invocation runs,
rests or has yet to come again from the inbox. Any other is told to the ledger and dropped.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import orjson
import structlog

from handrail.contract.json_schema import misfit
from handrail.errors.asking import QuestionFailed
from handrail.errors.wire import WireError
from handrail.lane.journal import Entry, Kind, encode_entry
from handrail.lane.steps import COUNTS_FROM, WAITS_FOR_AGENT, WAITS_FOR_PERSON, lean
from handrail.rails.budget import read_budget
from handrail.runtime.failpoint import Moment
from handrail.runtime.worker.approving import (
    decision_body,
    decision_facts,
    denial_told,
    no_decision,
)
from handrail.runtime.worker.committer import Item
from handrail.runtime.worker.ground import LaneGround
from handrail.runtime.worker.recorded_error import encode_error
from handrail.runtime.worker.requests import request_closed
from handrail.runtime.worker.run_labels import label_facts
from handrail.runtime.worker.waiting import outcome_facts
from handrail.wire.answer import FAILURE_TYPE, REPLY_TYPE, FailedAnswer
from handrail.wire.claim import Claim, is_claim
from handrail.wire.codec import decode_envelope
from handrail.wire.envelope import Envelope
from handrail.wire.human import HUMAN, Closed, NotTaken, PersonsAnswer, decision_key
from handrail.wire.label import OF_USER, label_of
from handrail.wire.record import Outgoing, Record

if TYPE_CHECKING:
    from handrail.lane.invocation import Invocation
    from handrail.runtime.worker.waiting import RunSteps

log = structlog.get_logger("handrail.lane")

REPLY_TYPES = frozenset({REPLY_TYPE, FAILURE_TYPE})


class Replies:
    """The replies that one open lane gets."""

    def __init__(
        self, ground: LaneGround, running: "Mapping[Invocation, tuple[Envelope, RunSteps]]"
    ) -> None:
        """Tell those that run, and let those that rest go on."""
        self._ground = ground
        self._running = running
        self._answered: list[tuple[str, str]] = []  # (invocation, path), not told yet
        self._dropped: list[Outgoing] = []  # events, not committed yet

    async def take(self, record: Record) -> bool:
        """Take an answer in; settled once that is committed. Raises a WireError for no answer."""
        envelope = decode_envelope(record)
        question, invocation = envelope.answers or "", (record.key or b"").decode(errors="replace")
        intent = self._open_question(invocation, question)
        if intent is not None:
            is_earlier = await self._is_earlier(record, intent)
            # Another answer, or the end of whoever asked, may have come meanwhile.
            intent = None if is_earlier else self._open_question(invocation, question)
        if intent is None:
            # What has ended its step may not have committed, and then the next owner waits for it.
            await self._ground.committer.flush()
            if not self._ground.lane.steps.was_answered_by(invocation, envelope.id):
                self._drop(envelope, self._why_not(invocation, question))
            return True
        try:
            outcome = self._outcome(intent, envelope, record)
        except WireError as error:
            self._drop(envelope, f"it cannot be read: {error.what.rstrip('.')}")
            return True
        await self._record(outcome)
        return True

    async def take_from_person(self, record: Record) -> bool:
        """Take in what a person has answered; the first answer that fits closes the request."""
        ground, answer = self._ground, PersonsAnswer.from_record(record)
        intent = self._open_request(answer.request)
        if intent is None:
            log.warning("nobody waits for this answer", request=answer.request, by=answer.by)
            # Its note came after the request was closed, which takes away what was noted before.
            gone = Outgoing(ground.worker.team.full(HUMAN), decision_key(answer.request), None)
            await ground.committer.commit(Item([gone]))
            return True
        value: object = orjson.loads(answer.value)
        facts = cast("Mapping[str, Any]", intent.facts)
        # What an approval is for may be a tool of somebody else's, with that one's schema.
        foreign = "approval" in facts
        problem = misfit(facts["schema"], facts["choices"], value, foreign=foreign)
        if problem is not None:
            log.warning("this is no answer", request=answer.request, by=answer.by, why=problem)
            return await self._not_taken(answer, intent, problem)
        told, body, more = answer.value.decode(), answer.value, dict[str, object]()
        refused = list[Outgoing]()
        if "approval" in facts:
            why = no_decision(ground, intent, answer.by, ground.worker.clock.now_ms())
            if why is not None:
                log.warning("this decides nothing", request=answer.request, by=answer.by, why=why)
                return await self._not_taken(answer, intent, why)
            body, more = decision_body(answer.value, answer.by), decision_facts(value)
            refused = denial_told(ground, intent, body)
        facts_of_answer = outcome_facts(intent, ok=True) | label_facts(OF_USER)
        facts_of_answer |= {"by": answer.by, **more}
        outcome = self._entry(intent, facts_of_answer, body)
        closed = Closed(answer.request, answer.by, told, answer.id)
        await self._record(outcome, [*request_closed(ground, intent, closed), *refused])
        return True

    async def _not_taken(self, answer: PersonsAnswer, intent: Entry, why: str) -> bool:
        """Tell whoever has answered that it does not count; settled once that is committed."""
        ground = self._ground
        told = NotTaken(answer.request, answer.id, str(intent.facts["task"]), why)
        topic, now_ms = ground.worker.team.full(HUMAN), ground.worker.clock.now_ms()
        await ground.committer.commit(Item([told.outgoing(topic, now_ms)]))
        return True

    async def _record(self, outcome: Entry, others: Sequence[Outgoing] = ()) -> None:
        """Commit what was answered as the outcome of its step, with what belongs to it."""
        ground = self._ground
        name = str(outcome.facts.get("name", ""))
        await ground.worker.fail_points.reached(Moment.AFTER_ANSWER, name)
        ground.lane.steps.of(outcome.invocation).put(lean(outcome))
        records = [encode_entry(outcome, ground.place.journal), *others]
        await ground.committer.commit(Item(records))
        self._answered.append((outcome.invocation, outcome.path))

    @property
    def has_dropped(self) -> bool:
        """True while the ledger is to be told of something that was dropped."""
        return bool(self._dropped)

    def drop(self, told: Outgoing) -> None:
        """Keep what the ledger is told of an answer that leaves nothing else behind."""
        self._dropped.append(told)

    def drop_unreadable(self, record: Record, error: WireError) -> None:
        """Drop an answer that cannot be read; its task is told where its key names a live one."""
        ground = self._ground
        invocation = ground.lane.find((record.key or b"").decode(errors="replace"))
        if invocation is not None and invocation.task_id:
            event = ground.saying.answer_unreadable(invocation, record, error)
            self.drop(ground.saying.record(event))

    async def tell_dropped(self, settled: int) -> None:
        """Commit what the ledger is told of answers that were dropped, and how far was read.

        Both in one transaction: whoever has the lane next meets none of these answers again, and
        none before it was told of.
        """
        dropped, self._dropped = self._dropped, []
        await self._ground.committer.commit(Item(dropped, tells_group=True, answers=settled))

    def tell(self) -> bool:
        """Tell the invocations that were answered; True when one that rested may start again."""
        lane, told = self._ground.lane, self._answered
        self._answered = []
        woken = False
        for invocation_id, path in told:
            invocation = lane.find(invocation_id)
            if invocation is None:
                continue  # it has yet to come from the inbox again, and finds its answer
            running = self._running.get(invocation)
            if running is not None:
                running[1].answered(path)
            elif not lane.steps.questions(invocation_id):
                lane.wake(invocation)
                woken = True
        return woken

    # ---- inside

    def _open_question(self, invocation: str, question: str) -> Entry | None:
        for intent in self._ground.lane.steps.questions(invocation):
            asks_agent = intent.facts.get("waits") == WAITS_FOR_AGENT
            if asks_agent and intent.facts.get("idem_key") == question:
                return intent
        return None

    def _open_request(self, request: str) -> Entry | None:
        invocation, path, attempt = request.rsplit("/", 2)
        for intent in self._ground.lane.steps.questions(invocation):
            asks_person = intent.facts.get("waits") == WAITS_FOR_PERSON
            if asks_person and (intent.path, str(intent.facts["attempt"])) == (path, attempt):
                return intent
        return None

    async def _is_earlier(self, record: Record, intent: Entry) -> bool:
        """Say whether it answers an earlier asking of this question."""
        counts_from = int(str(intent.facts.get(COUNTS_FROM, 0)))
        if record.offset >= counts_from:
            return False
        # Where the topic was deleted by hand and made anew, its offsets have begun anew as well.
        ground = self._ground
        return await ground.worker.bus.end_offset(ground.place.answers) >= counts_from

    def _why_not(self, invocation: str, question: str) -> str:
        if self._open_question(invocation, question) is not None:
            return "its question was asked anew since"
        if self._ground.lane.steps.has_asked(invocation, question):
            return "its step has ended"
        return "whoever asked has ended"

    def _outcome(self, intent: Entry, envelope: Envelope, record: Record) -> Entry:
        body = record.value
        succeeded = envelope.type == REPLY_TYPE
        facts = outcome_facts(intent, ok=succeeded) | {"answer": envelope.id}
        facts |= label_facts(label_of(envelope.label))
        if envelope.memory_read:
            facts["memread"] = envelope.memory_read
        if "lent" in intent.facts and envelope.budget is not None:
            facts["left"] = read_budget(envelope.budget)
        if not succeeded:
            failed = FailedAnswer.decode(body)
            body = encode_error(
                QuestionFailed(
                    step=str(intent.facts["shown"]),
                    agent=failed.agent,
                    reason=failed.reason,
                    sentence=failed.sentence,
                    dead_letter=f"handrail dead show {failed.dead_letter}"
                    if failed.dead_letter
                    else "none",
                )
            )
        elif is_claim(record):
            facts["claim"] = Claim.decode(body).encode().decode()
            body = None
        return self._entry(intent, facts, body)

    def _entry(self, intent: Entry, facts: Mapping[str, object], body: bytes | None) -> Entry:
        ground = self._ground
        return Entry(
            Kind.OUTCOME,
            intent.invocation,
            ground.lane.epoch,
            intent.agent_version,  # whoever asked can go on, whoever takes the answer
            ground.worker.clock.now_ms(),
            facts=facts,
            path=intent.path,
            body=body,
        )

    def _drop(self, envelope: Envelope, why: str) -> None:
        saying = self._ground.saying
        self.drop(saying.record(saying.answer_dropped(envelope, why)))
