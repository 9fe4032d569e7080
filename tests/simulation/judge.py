"""Judges one schedule by what stands on the topics and by what the receivers saw.

It reads everything that was ever decided, compacted or not, in the order of the decisions, and
believes no process about itself.
"""

from collections import Counter

from handrail.bus.in_process_log import Entry as LogEntry
from handrail.bus.in_process_log import Fate
from handrail.contract.effect import Effect
from handrail.lane.journal import (
    LANE,
    PROGRESS_KEY,
    Entry,
    Kind,
    decode_entry,
    entry_key,
    journaled_offset,
)
from handrail.lane.progress import OffsetMetadata
from handrail.ledger.event import (
    DeadLettered,
    Dropped,
    Finished,
    PartGathered,
    QuestionAsked,
    Rejected,
    Wrote,
)
from handrail.ledger.event_record import UnknownEvent, decode
from handrail.testing.accounting import Books
from handrail.wire.dead_letter import Reason
from handrail.wire.human import HUMAN
from handrail.wire.marker import MARKER_TYPE
from handrail.wire.priority import without_priority
from handrail.wire.record import Record, TopicPartition
from tests.simulation.agents import PLAIN
from tests.simulation.derived import underived
from tests.simulation.kafka import Written
from tests.simulation.lane_book import LaneBook, record_at
from tests.simulation.mailboxes import out_of_order, waits_for_no_turn
from tests.simulation.priority_book import PriorityBook
from tests.simulation.processes import NAMESPACE, lanes_of
from tests.simulation.schedule import Schedule
from tests.simulation.team import TOOLS, Shape, expected, step_of_joiner, step_of_piece
from tests.simulation.trouble_book import TroubleBook

LICENSED = frozenset(
    name for name, tool in TOOLS.items() if tool.effect not in (Effect.PURE, Effect.READ)
)
NO_ID = "?"
ONCE = frozenset({"pay", "order"})  #: whose receiver must see each step once
KEPT = (b"/gather_closed/", b"/redriven/")  #: kinds of journal records that outlive their handoff

Ending = Finished | DeadLettered | Rejected | Dropped


class Judge:
    """Goes through one schedule once and collects what is wrong."""

    def __init__(self, schedule: Schedule) -> None:
        """Prepare the books of every lane."""
        self.problems: list[str] = []
        self._schedule = schedule
        self._books = Books()
        self._troubles = TroubleBook()
        self._lanes: dict[TopicPartition, LaneBook] = {}
        self._inboxes: dict[TopicPartition, LaneBook] = {}
        for agent, lanes, inbox in lanes_of(schedule.team, schedule.plan.partitions):
            id_ = f"{NAMESPACE}.{agent}.{inbox.topic}.{inbox.partition}"
            journal = TopicPartition(f"{NAMESPACE}.{lanes}.journal", inbox.partition)
            self._lanes[journal] = self._inboxes[inbox] = LaneBook(id_, inbox)
        self._priorities = PriorityBook(schedule.team, [one for _, one in schedule.plan.orders])
        self._on_topic: dict[str, Counter[str]] = {}  # ids by topic
        self._inbox_records: dict[TopicPartition, dict[int, tuple[str, bytes]]] = {}
        self._ended_at: dict[str, int] = {}  # invocation → order of the decision
        self._pieces: dict[int, str] = {}  # number under which a piece acts → invocation
        self._gathers: dict[int, tuple[str, LaneBook]] = {}  # by the number of the order
        self._results: dict[str, list[bytes]] = {}

    def judge(self) -> list[str]:
        """Give a sentence for everything that is wrong."""
        for written in self._schedule.broker.decided:
            if written.fate is Fate.COMMITTED:
                self._take(written)
        self._ends()
        self._orders_per_key()
        self._results_are_right()
        self._acts()
        for book in self._lanes.values():
            self.problems += book.fenced_wrongly(self._schedule.broker.inits)
        self._nothing_is_left()
        return [*self.problems, *self._troubles_of_orders()]

    # ---- one decision after another

    def _take(self, written: Written) -> None:
        touched: set[TopicPartition] = set()
        events: list[Ending] = []
        here: set[str] = set()
        parts: set[tuple[str, int]] = set()
        questions: list[Wrote] = []
        for book in self._lanes.values():
            book.epoch_before = book.epoch
        for where, entry in written.entries:
            if where in self._lanes:
                self._take_journal(where, entry, written)
                touched.add(where)
            elif where.topic.endswith(".ledger"):
                event = decode(record_at(where, entry))
                assert not isinstance(event, UnknownEvent), event
                before = set(self._books.ended)
                self._books.enter(event)
                for id_ in self._books.ended.keys() - before:
                    if not waits_for_no_turn(event):
                        self._ended_at[id_] = written.order
                if isinstance(event, Finished) and event.topic == "matters":
                    self._ended_at[event.invocation] = written.order  # not when it died
                if isinstance(event, QuestionAsked):
                    self._books.wrote.extend(event.wrote)
                    questions += event.wrote
                if isinstance(event, PartGathered):
                    parts.add((event.gather, event.part))
                self._troubles.take(event, written)
                if isinstance(event, Ending):
                    events.append(event)
            else:
                id_ = _id(entry)
                here.add(id_)
                self._take_message(where, entry, id_, written)
        self._parts_are_kept(parts, written)
        torn = [one.id for one in questions if one.id not in here]
        if torn:
            self.problems.append(f"questions {torn} came apart from their intents")
        for where in touched:
            self._pointer_holds(where, written)
        for event in events:
            self._end_is_whole(event, here)
            self.problems += underived(event)
        for book in self._lanes.values():
            self._finished_is_ended(book, written)
        self._group_knows_no_more(written)

    def _take_message(
        self, where: TopicPartition, entry: LogEntry, id_: str, written: Written
    ) -> None:
        topic = where.topic.removeprefix(f"{NAMESPACE}.")
        if topic.endswith(".answers") and id_ == NO_ID:
            journal = where.topic.removesuffix("answers") + "journal"
            book = self._lanes[TopicPartition(journal, where.partition)]
            book.late.tell(record_at(where, entry), shown_at_once=written.shown_at_once)
            return  # a decision, or what came of a step elsewhere
        self._on_topic.setdefault(topic, Counter())[id_] += 1
        if where in self._inboxes:
            found = self._inbox_records.setdefault(where, {})
            found[entry.offset] = (id_, entry.key or b"")
            self._inboxes[where].begun.wait(id_, entry.key)
            headers = dict(entry.headers)
            self.problems += self._priorities.take(topic, id_, headers)
            if without_priority(topic) in ("queries", "matters"):
                self._pieces[PLAIN.queries.decode(None, entry.value).number] = id_
            if topic == "pieces" and headers.get("ce_type") != MARKER_TYPE.encode():
                piece = PLAIN.pieces.decode(None, entry.value)
                self._pieces[step_of_piece(piece)[0]] = id_
        elif topic == "results":
            task = dict(entry.headers).get("ce_taskid", b"").decode()
            self._results.setdefault(task, []).append(entry.value or b"")
        elif topic == HUMAN:
            self._troubles.take_request(entry.key or b"", is_open=entry.value is not None)
        elif topic.endswith(".dead") and not self._may_die(entry):
            self.problems.append(f"{id_} is a dead letter: {dict(entry.headers)}")

    def _may_die(self, entry: LogEntry) -> bool:
        reason = dict(entry.headers).get("dlq.reason", b"")
        pressed = any(order.within_s for _, order in self._schedule.plan.orders)
        may = {Shape.TROUBLED: reason, Shape.HASTY: Reason.LATE_PART.encode()}
        may |= {Shape.HELD: Reason.ATTEMPTS.encode()}
        may |= {Shape.ALONE: Reason.DEADLINE.encode()} if pressed else {}
        return may.get(self._schedule.plan.shape) == reason

    def _take_journal(self, where: TopicPartition, log: LogEntry, written: Written) -> None:
        book, key = self._lanes[where], log.key or b""
        if written.transactional_id != book.transactional_id:
            self.problems.append(f"{written.transactional_id} wrote to the journal {where}")
        if written.producer_epoch < book.producer_epoch:
            self.problems.append(f"{where}@{log.offset}: a fenced producer has committed")
        entry = decode_entry(record_at(where, log))
        self.problems += [sentence for _, sentence in book.begun.take(key, entry)]
        book.live.pop(key, None)
        if entry is not None:
            self._take_entry(book, entry, log.offset, written)
        elif key.startswith(b"lane/"):
            book.opener = written.process  # it marks the end that an opener reads up to
            return
        else:
            book.late.remove(key)
        if written.producer_epoch > book.producer_epoch:
            book.producer_epoch = written.producer_epoch
            if all(one.key != entry_key(LANE, Kind.EPOCH) for _, one in written.entries):
                self.problems.append(f"{where}@{log.offset}: a new owner began without an epoch")

    def _take_entry(self, book: LaneBook, entry: Entry, offset: int, written: Written) -> None:
        if entry.invocation != LANE:
            book.live[entry.key] = offset
        if entry.kind is Kind.EPOCH:
            if entry.epoch <= book.epoch_before:
                before = book.epoch_before
                self.problems.append(f"epoch {entry.epoch} of {book.inbox} follows {before}")
            book.epochs.append(written)
            if book.opener == written.process:
                book.opener = ""
                book.late.open()
        elif entry.invocation == LANE and entry.epoch < book.epoch:
            self.problems.append(f"{entry.key!r} has epoch {entry.epoch} after {book.epoch}")
        book.epoch = max(book.epoch, entry.epoch)
        step = entry.invocation, entry.path
        self.problems += book.late.unread(entry)
        book.late.take(entry)
        if entry.kind is Kind.PROGRESS:
            low, metadata = journaled_offset(entry)
            if low < book.low:
                self.problems.append(f"{book.inbox}: {book.low} was finished, and then {low}")
            book.low, book.done = low, metadata.done
        elif entry.kind is Kind.GATHERED and entry.snapshot is not None:
            self._take_part(book, entry.invocation, entry.snapshot)
        elif entry.kind is Kind.INTENT:
            book.intents.setdefault(step, []).append(written)
        elif entry.kind is Kind.OUTCOME and entry.facts["ok"]:
            book.outcomes.setdefault(step, []).append(written)

    def _take_part(self, book: LaneBook, gather: str, part: Record) -> None:
        if part.header("ce_type") == MARKER_TYPE.encode():
            return
        number = PLAIN.prices.decode(None, part.value).number
        self._gathers[number] = gather, book
        for come in range(len(TOOLS)):
            self._pieces[step_of_joiner(number, come)[1]] = gather

    def _pointer_holds(self, journal: TopicPartition, written: Written) -> None:
        """What is live stands at or behind the pointer from which the next owner reads."""
        book = self._lanes[journal]
        pointers = [written.offsets.metadata] if written.offsets is not None else []
        for where, entry in written.entries:
            if where == journal and entry.key == PROGRESS_KEY:
                found = decode_entry(record_at(where, entry))
                assert found is not None
                pointers.append(str(found.facts["metadata"]))
        for text in pointers:
            metadata = OffsetMetadata.decode(text)
            pointer = metadata.journal
            lost = [key for key, offset in book.live.items() if offset < pointer]
            if lost:
                self.problems.append(f"{journal}: the pointer {pointer} is past {lost}")
            self.problems += book.late.passed(metadata.answers)

    def _parts_are_kept(self, parts: set[tuple[str, int]], written: Written) -> None:
        """A part counts together with the journal record that keeps it."""
        keys = {entry.key for _, entry in written.entries}
        for gather, part in parts:
            if entry_key(gather, Kind.GATHERED, part) not in keys:
                self.problems.append(f"part {part} of {gather} was counted and is not kept")

    def _end_is_whole(self, event: Ending, here: set[str]) -> None:
        """An end is decided together with what it wrote and with its offset."""
        wrote = () if isinstance(event, Rejected) else event.wrote
        torn = [one.id for one in wrote if one.id not in here]
        if torn:
            self.problems.append(f"the end of {event} is torn: {torn} came apart from it")
        inbox = TopicPartition(f"{NAMESPACE}.{event.topic}", event.partition)
        if event.offset >= 0 and not self._inboxes[inbox].is_finished(event.offset):
            self.problems.append(f"{inbox}@{event.offset} has ended and is not finished")

    def _finished_is_ended(self, book: LaneBook, written: Written) -> None:
        """No offset counts as finished whose handoff has neither ended nor rests."""
        for offset, (id_, _) in self._inbox_records.get(book.inbox, {}).items():
            if not book.is_finished(offset) or self._books.has_ended(id_):
                continue
            if f"{id_}/{Kind.PARKED}/0".encode() not in book.live:
                where = f"{book.inbox.topic}@{offset}"
                self.problems.append(f"{where} ({id_}) is finished and has no end: {written.order}")

    def _group_knows_no_more(self, written: Written) -> None:
        commit = written.offsets
        if commit is not None and commit.where in self._inboxes:
            low = self._inboxes[commit.where].low
            if commit.offset > low:
                self.problems.append(f"the group was told {commit.offset}, the journal {low}")

    # ---- the whole

    def _ends(self) -> None:
        for id_, count in self._books.ended.items():
            if count > 1:
                self.problems.append(f"{id_} was ended {count} times")
        for where, records in self._inbox_records.items():
            self.problems += [
                f"{id_} on {where.topic}@{offset} has no end"
                for offset, (id_, _) in records.items()
                if not self._books.has_ended(id_)
            ]
        wrote = Counter((one.topic, one.id) for one in self._books.wrote)
        held = self._schedule.plan.shape is Shape.HELD  # what is asked anew is written anew
        for (topic, id_), told_count in wrote.items():
            count = self._on_topic.get(topic, Counter())[id_]
            if count != (told_count if held else 1):
                self.problems.append(f"{id_} is {count} times on {topic}")
        for topic in {topic for topic, _ in wrote}:
            for id_ in self._on_topic.get(topic, ()):
                if (topic, id_) not in wrote:
                    self.problems.append(f"{id_} on {topic} was written by nobody")
        for gather, (parts, come) in self._books.gathered.items():
            if gather not in self._books.ended:
                self.problems.append(f"a gather of {len(come)} of {parts} parts has no end")

    def _orders_per_key(self) -> None:
        gathers = {one.reads.name for one in self._schedule.team.agents if one.gathers}
        wait = {
            where: found
            for where, found in self._inbox_records.items()
            if without_priority(where.topic.removeprefix(f"{NAMESPACE}.")) not in gathers
        }
        self.problems += out_of_order(wait, self._ended_at)

    def _results_are_right(self) -> None:
        plan = self._schedule.plan
        for _, order in plan.orders:
            if plan.shape is Shape.TROUBLED and not self._troubles.is_finished(order):
                continue
            gather = self._gathers[order.number][0] if order.number in self._gathers else ""
            _, come = self._books.gathered.get(gather, (0, set[int]()))
            late = f"order-{order.number}" in self._troubles.late
            wanted = [] if late else [expected(order, plan.shape, come).encode()]
            found = self._results.get(f"task-{order.number}", [])
            if [value.strip(b'"') for value in found] != wanted:
                self.problems.append(f"order {order.number} gave {found}, not {wanted}")

    def _troubles_of_orders(self) -> list[str]:
        schedule = self._schedule
        if schedule.plan.shape is not Shape.TROUBLED:
            return self._troubles.problems
        orders = [order for _, order in schedule.plan.orders]
        acts, harmed = schedule.receivers.acts, schedule.processes.harmed
        return self._troubles.judge(orders, self._results, acts, harmed)

    def _acts(self) -> None:
        book = self._inboxes
        seen: Counter[tuple[str, int, int]] = Counter()
        keys: dict[tuple[str, int, int], str] = {}
        lanes = {
            id_: book[where]
            for where, found in self._inbox_records.items()
            for id_, _ in found.values()
        }
        lanes.update(self._gathers.values())
        by_number = self._steps_by_number()
        for act in self._schedule.receivers.acts:
            what = act.tool, act.number, act.step
            seen[what] += 1
            words = f"{act.tool} {act.number}.{act.step} by {act.process.name} at {act.at_s:.4f} s"
            if keys.setdefault(what, act.idem_key) != act.idem_key:
                self.problems.append(f"{words} came with another idempotency key")
            invocation = by_number[act.number]
            lane, step = lanes[invocation], (invocation, str(act.step))
            if act.tool in LICENSED:
                intents = lane.intents.get(step, [])
                if not any(
                    one.order < act.decided and one.process == act.process.name for one in intents
                ):
                    self.problems.append(f"{words} had no licence of its process")
            opened = lane.last_opened(act.process.name, act.decided)
            for outcome in lane.outcomes.get(step, []):
                known = outcome.order < opened or outcome.process == act.process.name
                if outcome.order < act.decided and (known or act.tool in LICENSED):
                    self.problems.append(f"{words} was repeated although its outcome was recorded")
        for what, count in seen.items():
            if what[0] in ONCE and count > 1:
                self.problems.append(f"{what[0]} {what[1]}.{what[2]} happened {count} times")
        if len(set(keys.values())) != len(keys):
            self.problems.append("two steps came with the same idempotency key")

    def _steps_by_number(self) -> dict[int, str]:
        """Give the invocation that acts under each number, an order's or a piece's."""
        found = {order.number: f"order-{order.number}" for _, order in self._schedule.plan.orders}
        found.update(self._pieces)
        return found

    def _nothing_is_left(self) -> None:
        for journal, book in self._lanes.items():
            left = [key for key in book.live if not any(kind in key for kind in KEPT)]
            if left:
                self.problems.append(f"{journal}: still live at the end: {left}")


def _id(entry: LogEntry) -> str:
    return dict(entry.headers).get("ce_id", NO_ID.encode()).decode()
