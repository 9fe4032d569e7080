"""Random flows of messages, memory, answers and models, and what is known of where all came from.

What is true is kept beside the engine: a flag on each message and record that an attacker has had
a hand in it. The engine sees labels only, and is asked through the very functions that lanes and
the keeper use.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from handrail import Access, Effect, Memory, MemoryClass, Reach, Topic, agent, results, tool
from handrail.contract.team import TeamDescription
from handrail.contract.tool import Tool
from handrail.lane.journal import Entry, Kind
from handrail.lane.references import SeenReferences
from handrail.memory.asked import Asked, Stored
from handrail.memory.deciding import decide
from handrail.rails.gateway import Call, Go, judge
from handrail.runtime.worker.admission import AdmissionRules, Take
from handrail.runtime.worker.admission import judge as admitted
from handrail.runtime.worker.given import in_common
from handrail.runtime.worker.memory_reads import hear_records
from handrail.runtime.worker.outputs import Origin, outputs_of
from handrail.runtime.worker.process import team_place
from handrail.runtime.worker.run_labels import RunLabels
from handrail.runtime.worker.run_memory import CommandSender
from handrail.testing.tools import unconfined
from handrail.wire.codec import decode_envelope, encode_headers
from handrail.wire.envelope import Envelope
from handrail.wire.label import (
    NOTHING_READ,
    OF_OUTSIDE,
    Confidentiality,
    Integrity,
    Label,
    label_of,
)
from handrail.wire.memory import Command, Op, StoredRecord, full_key
from handrail.wire.record import Record
from tests.unit.memory.asking import around, present_of

ATTACKERS = "eve@evil.example"
SPACE = Memory("lore", carries=list[str], keeps=MemoryClass.FACT)
OPEN_SPACE = Memory(
    "news",
    carries=list[str],
    keeps=MemoryClass.FACT,
    access=Access(integrity=Integrity.UNTRUSTED),
)
SPACES = {one.name: one for one in (SPACE, OPEN_SPACE)}
KEYS = [(name, "k/1") for name in SPACES]

hops = Topic("hops", carries=str)
mails = Topic("mails", carries=str).submitted_as(Integrity.UNTRUSTED)


@agent(reads=hops, writes=(hops, results))
async def hopper(text: str) -> str:
    return text


@agent(reads=mails, writes=hops)
async def postman(text: str) -> str:
    return text


TEAM = TeamDescription([hopper, postman])
PLACE = team_place("ns", TEAM, hopper)


@tool(effect=Effect.READ)
async def fetch(page: str) -> str:
    """Read somebody else's page."""
    return page


@tool(effect=Effect.READ, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def look(page: str) -> str:
    """Read the house's own page."""
    return page


@tool(effect=Effect.UNSAFE)
async def send(to: str) -> str:
    """Send something out."""
    return to


@dataclass(frozen=True)
class Message:
    """A record on its way, and whether an attacker has had a hand in it."""

    record: Record
    tainted: bool


@dataclass
class Run:
    """One run of a handler, as the engine and as an all-knowing observer see it."""

    labels: RunLabels
    envelope: Envelope
    tainted: bool
    outcomes: list[tuple[Entry | StoredRecord, bool]] = field(
        default_factory=list[tuple[Entry | StoredRecord, bool]]
    )


class Engine:
    """What lanes and the keeper do with labels."""

    def admit(self, message: Record) -> Envelope:
        """Take a record in."""
        if message.header("ce_causationid") is not None and message.offset % 4:
            return decode_envelope(message)
        who: Any = postman if message.topic.endswith("mails") else hopper
        rules = AdmissionRules(who, PLACE, "default", 10**9, lambda _: message.partition)
        verdict = admitted(message, rules, SeenReferences(), 1)
        assert isinstance(verdict, Take), verdict
        return verdict.envelope

    def begin(self, envelopes: Sequence[Envelope], text: str) -> RunLabels:
        """Start a run on one message, or on those that a gather has."""
        one = envelopes[0] if len(envelopes) == 1 else in_common([*envelopes])
        labels = RunLabels(one)
        labels.begin(text, hopper.handler)
        return labels

    def step(self, run: RunLabels, gives: Label | None, result: str) -> Entry:
        """Carry a step out, and record where what it gives comes from."""
        begun = run.begun(gives)
        outcome = Entry(Kind.OUTCOME, "i", 0, "1", 0, facts={"ok": True, "label": str(begun)})
        run.read(begun)
        run.given(result, outcome)
        return outcome

    def model(self, run: RunLabels, said: str, *, quotes: bool) -> Entry:
        """Have a model sum up all that the run has read."""
        return self.step(run, OF_OUTSIDE if quotes else NOTHING_READ, said)

    def answer(self, run: RunLabels, answer: Envelope) -> Entry:
        """Take in what another agent has answered."""
        facts: dict[str, object] = {"ok": True, "label": str(label_of(answer.label))}
        outcome = Entry(Kind.OUTCOME, "i", 0, "1", 0, facts=facts)
        self.replay(run, outcome)
        return outcome

    def replay(self, run: RunLabels, outcome: Entry) -> None:
        """Give a run that is repeated a recorded outcome."""
        run.replay(outcome, None)

    def read_memory(self, run: RunLabels, record: StoredRecord) -> None:
        """Read a record."""
        hear_records(run, SPACES[record.space], [record], [None])

    def remember(self, run: Run, command: Command, present: StoredRecord | None) -> Any:
        """Send a command to the keeper, and let it decide."""
        envelope = run.labels.carried_on(run.envelope)
        sent = CommandSender("hopper", PLACE).envelope(envelope, "i", 1)
        read = decode_envelope(_wired(sent, "memory.commands", command.encode()))
        asked = Asked(
            command, 0, 7, task_id=read.task_id, tenant="default", message_id="", label=read.label
        )
        return decide(asked, SPACES[command.space], present_of(present), around())

    def hand_on(self, run: Run, count: int) -> Record:
        """Give what leaves, as the next lane reads it."""
        left = run.labels.carried_on(run.envelope)
        if count % 4:  # what a handler returns goes the whole way each fourth time
            child = left.but(causation_id=f"i{count}", hop=left.hop + 1)
            return _wired(child, hops.name, b'"an order"')
        origin = Origin(f"i{count}", left, 1)
        (message,) = outputs_of(hopper, PLACE, origin, f"{ATTACKERS} {count}", 4).messages
        return _wired(message.envelope, message.topic, message.body)

    def redrive(self, dead: Record) -> Record:
        """Send a dead letter back."""
        return dead

    def may(self, run: RunLabels, what: Tool[..., Any], to: str) -> bool:
        """Say whether an act goes on without a person."""
        call = Call(
            tool=what,
            arguments={"to": to},
            agent="hopper",
            asked_by="ada",
            tenant="default",
            task_id="t",
            now_ms=0,
            read=run.has_read,
        )
        return isinstance(judge(call, unconfined()), Go)


def _wired(envelope: Envelope, topic: str, body: bytes) -> Record:
    return Record(f"ns.{topic}", 0, envelope.hop, 1, b"k", body, encode_headers(envelope))


class Flow:
    """One random graph. `wrong` says what the engine has got wrong, if anything."""

    def __init__(self, seed: int, engine: Engine) -> None:
        """Begin with some submissions."""
        self.chance = random.Random(seed)
        self.engine = engine
        self.wrong: str | None = None
        self.acts = self.asked = 0
        self._memory: dict[tuple[str, str], tuple[StoredRecord, bool]] = {}
        self._count = 0
        self._messages = [self._submission() for _ in range(3)]

    def run(self, hops: int | None = None) -> "Flow":
        """Let messages be carried out; in some graphs they come far."""
        for _ in range(hops or self.chance.choice([2, 2, 3, 3, 4, 9])):
            if self.wrong is None:
                self._hop()
        return self

    # ---- inside

    def _submission(self) -> Message:
        self._count += 1
        topic, label, tainted = self.chance.choice(
            [
                ("hops", None, False),
                ("hops", None, False),
                ("hops", None, False),
                ("hops", "user", False),
                ("hops", "system public", False),
                ("hops", "untrusted", True),
                ("hops", "trust me", True),
                ("mails", "user", True),
                ("mails", None, True),
            ]
        )
        body = b'"an order"'
        # Whoever submits chooses how the task is called and who asks for it.
        named = ATTACKERS if tainted else None
        if label is None and self.chance.random() < 0.5:
            key = None if named is None else named.encode()
            return Message(Record(f"ns.{topic}", 0, self._count, 1, key, body, ()), tainted)
        envelope = Envelope(
            f"m{self._count}",
            "str.v1",
            "test",
            0,
            named or f"t{self._count}",
            "default",
            reference=self.chance.choice([named, None]),
            label=label,
            asked_by=self.chance.choice([named, None]),
        )
        return Message(_wired(envelope, topic, body), tainted)

    def _hop(self) -> None:
        taken = self.chance.sample(self._messages, 1 if self.chance.random() < 0.7 else 2)
        run = self._begin(taken)
        for _ in range(self.chance.randint(0, 3)):
            self._act(run)
            if self.chance.random() < 0.2:
                run = self._again(taken, run)
        self._check(run)
        self._count += 1
        self._messages.append(Message(self.engine.hand_on(run, self._count), run.tainted))
        if self.chance.random() < 0.3:
            one = self.chance.randrange(len(self._messages))
            sent_back = self.engine.redrive(self._messages[one].record)
            self._messages[one] = replace(self._messages[one], record=sent_back)

    def _begin(self, taken: Sequence[Message]) -> Run:
        envelopes = [self.engine.admit(one.record) for one in taken]
        tainted = any(one.tainted for one in taken)
        text = f"mail {ATTACKERS}" if tainted else "an order"
        return Run(self.engine.begin(envelopes, text), envelopes[0], tainted)

    def _again(self, taken: Sequence[Message], before: Run) -> Run:
        """Let a process die and the run be repeated, with what is recorded."""
        run = self._begin(taken)
        for outcome, tainted in before.outcomes:
            if isinstance(outcome, StoredRecord):
                self.engine.read_memory(run.labels, outcome)
            else:
                self.engine.replay(run.labels, outcome)
            run.tainted |= tainted
            run.outcomes.append((outcome, tainted))
        if run.labels.label != before.labels.label:
            self.wrong = f"a repeated run has {run.labels.label}, not {before.labels.label}"
        return run

    def _act(self, run: Run) -> None:
        engine, labels = self.engine, run.labels
        match self.chance.randrange(10):
            case 0:
                run.tainted = True
                run.outcomes.append((engine.step(labels, fetch.terms.label, ATTACKERS), True))
            case 1:
                found = ATTACKERS if run.tainted else "the house"
                outcome = engine.step(labels, look.terms.label, found)
                run.outcomes.append((outcome, run.tainted))
            case 2:
                quotes = self.chance.random() < 0.3
                run.tainted |= quotes
                said = ATTACKERS if run.tainted else "an order, in other words"
                outcome = engine.model(labels, said, quotes=quotes)
                run.outcomes.append((outcome, run.tainted))
            case 3:
                self._ask(run)
            case 4 | 5 | 6:
                self._read(run)
            case _:
                self._write(run)

    def _ask(self, run: Run) -> None:
        question = self.engine.hand_on(run, 0)
        other = Run(self.engine.begin([decode_envelope(question)], "q"), run.envelope, run.tainted)
        if self.chance.random() < 0.4:
            self.engine.step(other.labels, fetch.terms.label, ATTACKERS)
            other.tainted = True
        answer = decode_envelope(self.engine.hand_on(other, 0))
        run.outcomes.append((self.engine.answer(run.labels, answer), other.tainted))
        run.tainted |= other.tainted

    def _read(self, run: Run) -> None:
        known = self._memory.get(self.chance.choice(KEYS))
        if known is not None and not known[0].quarantined:
            self.engine.read_memory(run.labels, known[0])
            run.outcomes.append(known)
            run.tainted |= known[1]

    def _write(self, run: Run) -> None:
        place = self.chance.choice(KEYS)
        record, was_tainted = self._memory.get(place, (None, False))
        self._count += 1
        by, op = "hopper", self.chance.choice([Op.PUT, Op.APPEND, Op.APPEND])
        visible = record is not None and not record.quarantined
        value: object = f"line {self._count}" if op is Op.APPEND else [f"whole {self._count}"]
        expect = None if op is Op.APPEND else (record.version if record and visible else 0)
        if record is not None and self.chance.random() < 0.2:
            by, op, value, expect = "person:ada", Op.ENDORSE, None, record.version
        key = full_key("default", place[1])
        command = Command(op=op, space=place[0], key=key, by=by, value=value, expect=expect)
        decision = self.engine.remember(run, command, record)
        if isinstance(decision, Stored):
            tainted = run.tainted or (op is Op.APPEND and visible and was_tainted)
            self._memory[place] = decision.record, tainted and op is not Op.ENDORSE

    def _check(self, run: Run) -> None:
        label = run.labels.label
        if label.is_trusted == run.tainted:
            what = "an attacker had a hand in it" if run.tainted else "nobody had a hand in it"
            self.wrong = f"{label}, and {what}"
        alone = self.engine.may(run.labels, send, ATTACKERS)
        self.acts += 1
        self.asked += not alone
        if alone and run.tainted:
            self.wrong = "an attacker's address was written to, and nobody was asked"
        # What is for few to see does not leave by itself, whoever has written it.
        for_few = label.confidentiality is Confidentiality.RESTRICTED
        if not alone and not run.tainted and not for_few:
            self.wrong = "a person was asked, and no attacker had a hand in it"
