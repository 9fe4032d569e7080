"""What the keeper knows of one partition of memory, and what a batch of commands makes of it.

Each command is decided on once, in order, with what the ones before it in the batch have made. The
newest version of each key, every version for the history, answers, events and how far it has come
are written together; what was decided and not committed is forgotten.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, assert_never

import structlog

from handrail.contract.memory import Memory
from handrail.ledger.event import Event
from handrail.ledger.event_record import LEDGER, encode
from handrail.ledger.memory_event import EXPIRE, MEMORY_TASK
from handrail.memory.asked import (
    Asked,
    Decision,
    Present,
    Reason,
    Refusal,
    Stored,
    Surroundings,
)
from handrail.memory.bodies import Bodies
from handrail.memory.deciding import decide, digest_of, encoded
from handrail.memory.next_version import kept_reason, removal
from handrail.memory.rights import tenant_of, tenant_part
from handrail.memory.shelf import Place, Shelf
from handrail.runtime.keeper_batch import Batch
from handrail.runtime.keeper_hearing import OF_SUBJECTS, hear
from handrail.runtime.keeper_known import Known
from handrail.runtime.keeper_reading import (
    Foreign,
    Forgotten,
    Gone,
    Held,
    There,
    of_removal,
    read_own,
    tell_passed_over,
)
from handrail.runtime.keeper_subjects import Said, Subjects, owner_of, subject_named
from handrail.runtime.keeper_telling import (
    Heard,
    answer_to,
    no_answer,
    not_read,
    own_act,
    refused,
    reply,
    told,
    undeclared,
    written,
)
from handrail.runtime.single_writer_partition import OwnPlace
from handrail.wire.memory import (
    HISTORY,
    Answer,
    AppliedMark,
    Op,
    space_topic,
)
from handrail.wire.record import Outgoing, Record

log = structlog.get_logger(__name__)

EXPIRED_COUNT_MAX: Final = 500  #: records that one transaction removes
FORGOTTEN_COUNT_MAX: Final = 500  #: and records of people who are forgotten, beside them


class KeeperBook:
    """The memory of one partition."""

    def __init__(
        self, namespace: str, partition: int, spaces: Mapping[str, Memory[Any]], known: Known
    ) -> None:
        """Know nothing yet; `restore` and `recall` teach."""
        assert spaces, "a keeper without spaces has no topic of its own"
        self._namespace = namespace
        self._partition = partition
        self._spaces = spaces
        self._personal = frozenset(one.name for one in spaces.values() if one.is_personal)
        self._known = known
        self._topics = {f"{namespace}.{space_topic(name)}": name for name in sorted(spaces)}
        self._history = f"{namespace}.{HISTORY}"
        self._ledger = f"{namespace}.{LEDGER}"
        self._shelf = Shelf({name: space.keeps for name, space in spaces.items()})
        self._subjects = Subjects(self._shelf)
        self._bodies = Bodies()
        self._mark: AppliedMark | None = None
        self._batch = Batch()
        self.refused_counts: Counter[str] = Counter()  #: by reason, of this process
        self.foreign_count = 0  #: records on the spaces' topics that the keeper did not write

    @property
    def read_to(self) -> int | None:
        """The next command to read, by the newest mark; None when there is none."""
        return None if self._mark is None else self._mark.applied + 1

    # What the topics say.

    def restore(self, records: Sequence[Record]) -> None:
        """Take in records of the spaces' topics; what is foreign there is passed over and counted.

        Nothing is decided for an agent under a key over which such a record lies.
        """
        self._shelf.begin()
        try:
            for record in records:
                self._restore(record)
        except BaseException:
            self._shelf.forget_batch()
            raise
        self._shelf.keep(())

    def _restore(self, record: Record) -> None:
        standing = read_own(record, self._topics[record.topic])
        match standing:
            case AppliedMark():
                self._mark = standing.joined(self._mark)
            case Held() | Forgotten():
                self._subjects.restore(standing, record.timestamp_ms)
            case There(record=stored):
                self._bodies.drop(Place(stored.space, stored.key))
                self._shelf.put(stored, standing.size, standing.digest, record.offset)
            case Gone(place=place):
                self._bodies.drop(place)
                if standing.version is None:
                    self._shelf.drop(place)
                else:
                    removed = (standing.version, standing.digest, record.timestamp_ms)
                    self._shelf.remove(place, *removed)
            case Foreign(place=place):
                self.foreign_count += 1
                tell_passed_over(record, standing)
                if place is not None:
                    self._bodies.drop(place)
                    self._shelf.put_foreign(place, len(record.value or b""))
            case _:
                assert_never(standing)

    # One batch.

    def begin(self, records: Sequence[Record]) -> Sequence[OwnPlace]:
        """Take a batch of commands; say where the records lie that are not in memory."""
        heard = [hear(record, self._known.partitions) for record in records]
        places = [
            Place(one.asked.command.space, one.asked.command.key)
            for one in heard
            if one.asked is not None and one.asked.command.op not in OF_SUBJECTS
        ]
        self._batch = Batch(heard, wanted=self._wanted(places))
        return sorted(self._batch.wanted)

    def _wanted(self, places: Sequence[Place]) -> set[OwnPlace]:
        wanted: set[OwnPlace] = set()
        for place in dict.fromkeys(places):
            if self._bodies.pin(place):
                continue
            row = self._shelf.row(place)
            if row is not None and not row.gone and row.at is not None:
                wanted.add(OwnPlace(self._topic(place.space), row.at))
        return wanted

    def recall(self, records: Sequence[Record]) -> None:
        """Take records that were read back; one that is there no more is treated as foreign."""
        for record in records:
            # What lies beside a record that was asked for may be superseded long since.
            if OwnPlace(record.topic, record.offset) not in self._batch.wanted:
                continue
            found = read_own(record, self._topics[record.topic])
            if isinstance(found, There):
                place = Place(found.record.space, found.record.key)
                self._bodies.put(place, found.record, found.size)

    def decide(self, now_ms: int) -> Sequence[Outgoing]:
        """Decide on each command of the batch; give everything that follows."""
        self._shelf.begin()
        batch = self._batch
        for number, heard in enumerate(batch.heard):
            if self._mark is not None and heard.record.offset <= self._mark.applied:
                continue
            if not self._one(heard, now_ms):
                batch.left_count = len(batch.heard) - number
                return self._all_of_it(heard.record.offset - 1)
        return self._all_of_it(batch.heard[-1].record.offset)

    @property
    def left_count(self) -> int:
        """How many commands at the end of the batch the next transaction has to decide on."""
        return self._batch.left_count

    def overdue(self, now_ms: int) -> Sequence[Outgoing]:
        """Remove records whose time is over, at most 500, and know of 500 people no more."""
        self._batch = Batch()
        self._shelf.begin()
        self._shelf.forget_gone(now_ms)
        applied = self._mark.applied if self._mark is not None else -1
        self._expire(self._shelf.overdue(now_ms, EXPIRED_COUNT_MAX), applied, now_ms)
        for said in self._subjects.overdue(now_ms, FORGOTTEN_COUNT_MAX):
            self._spread(said, applied)
        if not self._batch.rest and not self._batch.of_subjects:
            self._shelf.keep(())
            return []
        return self._all_of_it(applied)

    def _expire(self, places: Sequence[Place], applied: int, now_ms: int) -> None:
        """Remove records by an act of the keeper's own, after the command `applied`."""
        self._batch.expired_count += len(places)
        for place in places:
            whose = (MEMORY_TASK, tenant_of(place.key))
            asked = own_act(place.space, place.key, self._partition, applied, whose)
            self._remove(asked, place, now_ms, op=EXPIRE)

    def _one(self, heard: Heard, now_ms: int) -> bool:
        """Decide on one command; False when it goes on in the next transaction."""
        asked = heard.asked
        if asked is None:
            self._say(not_read(heard, now_ms))
            self._batch.refused[Reason.UNREADABLE] += 1
            self._answer(heard, no_answer(heard), now_ms)
            return True
        if asked.command.op in OF_SUBJECTS:
            return self._of_subject(asked, now_ms)
        decision = self._decided(asked, now_ms)
        if isinstance(decision, Stored):
            self._store(decision, now_ms)
        elif isinstance(decision, Refusal):
            self._batch.refused[decision.reason] += 1
        self._say(told(asked, decision, now_ms))
        self._answer(heard, answer_to(asked, decision), now_ms)
        return True

    def _decided(self, asked: Asked, now_ms: int) -> Decision:
        command = asked.command
        space = self._spaces.get(command.space)
        if space is None:
            return undeclared(command.space)
        decision = self._judged(asked, space, now_ms)
        is_full = isinstance(decision, Refusal) and decision.reason is Reason.QUOTA
        if is_full and self._make_room(asked, now_ms):
            return self._judged(asked, space, now_ms)
        return decision

    def _judged(self, asked: Asked, space: Memory[Any], now_ms: int) -> Decision:
        command = asked.command
        place = Place(command.space, command.key)
        around = Surroundings(
            now_ms=now_ms,
            usage=self._shelf.usage(command.space, tenant_part(asked.tenant)),
            partitions=self._known.partitions,
            is_held=self._shelf.is_held(owner_of(command.key)),
            alike=lambda value, type_name: self._shelf.alike(place, value, type_name),
            personal=self._personal,
            is_forgotten=self._subjects.is_forgotten(command),
        )
        return decide(asked, space, self._present(place), around)

    def _make_room(self, asked: Asked, now_ms: int) -> bool:
        """Remove what has expired of a tenant in a space, at most 500 records of a whole batch.

        What has expired is not there, so it takes nobody's room. False when there is none.
        """
        space, key = asked.command.space, asked.command.key
        left = EXPIRED_COUNT_MAX - self._batch.expired_count
        found = self._shelf.overdue(now_ms, left, (space, tenant_part(asked.tenant)))
        gone = [one for one in found if one.key != key]
        self._expire(gone, asked.offset - 1, now_ms)
        return bool(gone)

    def _present(self, place: Place) -> Present:
        return self._shelf.present(place, self._bodies.get(place))

    def _store(self, stored: Stored, now_ms: int) -> None:
        record, body = stored.record, stored.body
        place = Place(record.space, record.key)
        topic, key = self._topic(record.space), record.key.encode()
        digest = digest_of(body)
        if record.removed:
            headers = of_removal(record.version, digest)
            self._batch.state[place] = Outgoing(topic, key, None, headers, self._partition)
            self._shelf.remove(place, record.version, digest, now_ms)
            self._bodies.drop(place)
        else:
            self._batch.state[place] = Outgoing(topic, key, body, (), self._partition)
            self._shelf.put(record, len(body), digest)
            self._bodies.put(place, record, len(body))
        self._batch.wrote[record.space] = self._batch.history = record.applied
        self._batch.rest.append(Outgoing(self._history, key, body, (), self._partition))

    def _of_subject(self, asked: Asked, now_ms: int) -> bool:
        """Forget a subject, or set or end a legal hold; each partition is told of it."""
        command, subject = asked.command, subject_named(asked)
        refusal = self._subjects.refusal(asked, next(iter(self._spaces.values())))
        if refusal is not None:
            self._batch.refused[refusal.reason] += 1
            self._say(refused(asked, now_ms, refusal.reason, refusal.state, refusal.detail))
            return True
        if command.op is Op.FORGET:
            return self._forget(asked, subject, now_ms)
        said = self._subjects.hold(subject, command, held=command.op is Op.HOLD)
        self._spread(said, asked.offset)
        self._say(written(asked, now_ms, 0))
        return True

    def _forget(self, asked: Asked, subject: str, now_ms: int) -> bool:
        """Remove records of a subject, at most 500 in a transaction; False when some are left.

        Until the last of them is gone the command counts as one that is not taken: whoever comes
        after a kill takes it again and finds what is left, and nobody's command comes in between.
        """
        batch = self._batch
        room = FORGOTTEN_COUNT_MAX - batch.forgotten_count
        places = self._shelf.of_subject(subject, room + 1)
        is_last = len(places) <= room
        applied = asked.offset if is_last else asked.offset - 1
        batch.forgotten_count += len(places[:room])
        self._spread(self._subjects.forget(subject, asked.command, now_ms), applied)
        for place in places[:room]:
            self._remove(asked, place, now_ms, op=Op.FORGET.value, applied=applied)
        if not places:
            self._say(written(asked, now_ms, 0, unchanged=True))
        return is_last

    def _spread(self, said: Said, applied: int) -> None:
        """Write what is said of a subject to the topic of every space, declared no more or not."""
        key, body = said
        for topic in self._known.undeclared:
            self._batch.of_subjects.append(Outgoing(topic, key, body, (), self._partition))
        for topic, space in self._topics.items():
            self._batch.wrote[space] = applied
            self._batch.of_subjects.append(Outgoing(topic, key, body, (), self._partition))

    def _remove(
        self, asked: Asked, place: Place, now_ms: int, *, op: str, applied: int | None = None
    ) -> None:
        row = self._shelf.row(place)
        assert row is not None
        command = asked.command
        whose = (asked.task_id, asked.tenant)
        act = own_act(place.space, place.key, asked.partition, asked.offset, whose)
        version = removal(act, Present(row.version, None, row.digest), now_ms)
        version = version if applied is None else replace(version, applied=applied)
        if asked.by_person:
            why = kept_reason(command.reason)
            version = replace(version, agent=command.by, reason=why)
        self._store(encoded(version), now_ms)
        self._say(written(act, now_ms, version.version, removed=True, op=op))

    def _say(self, event: Event) -> None:
        self._batch.rest.append(encode(event, self._ledger))

    def _answer(self, heard: Heard, answer: Answer, now_ms: int) -> None:
        if heard.envelope is None:
            return
        record = reply(self._namespace, heard.envelope, answer, now_ms)
        if record is None:
            return
        if not 0 <= (record.partition or 0) < self._known.answers.get(record.topic, 0):
            # The broker would refuse the whole batch, for ever.
            log.warning("nobody is where an answer is wanted", topic=record.topic)
            return
        self._batch.rest.append(record)

    def _all_of_it(self, applied: int) -> list[Outgoing]:
        topics = {space: topic for topic, space in self._topics.items()}
        return self._batch.all_of_it(applied, self._mark, topics, self._partition)

    def committed(self, offsets: Sequence[int]) -> None:
        """Keep what was decided, and remember where it lies."""
        pairs = zip(self._batch.order, offsets, strict=True)
        self._shelf.keep((place, at) for place, at in pairs if place is not None)
        self._mark = self._batch.mark
        self.refused_counts += self._batch.refused
        for reason, count in self._batch.refused.items():
            log.info("memory refused", reason=str(reason), count=count, partition=self._partition)
        self._bodies.settle()
        self._batch = Batch()

    def undo(self) -> None:
        """Forget what was decided and not committed."""
        self._shelf.forget_batch()
        for place in self._batch.state:
            self._bodies.drop(place)
        self._bodies.settle()
        self._batch = Batch()

    def close(self) -> None:
        """Give back the scratch file."""
        self._shelf.close()

    def _topic(self, space: str) -> str:
        return f"{self._namespace}.{space_topic(space)}"
