"""Which dead letters a command is about, and what the ledger says of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from handrail.cli.message import given_text, message_of
from handrail.cli.output import inert
from handrail.cli.team import checked_team
from handrail.errors import HandrailError, WireError
from handrail.ledger.event import Event, Redriven
from handrail.ledger.projection import Projection
from handrail.ledger.queries import events
from handrail.runtime.dead_letters import (
    DeadId,
    FoundLetter,
    all_letters,
    find_letter,
    settled_by,
)
from handrail.runtime.worker.packing import BLOBS, fetch_body, fetch_claimed, write_claim
from handrail.wire.claim import needs_claim
from handrail.wire.dead_letter import DeadLetter, Reason
from handrail.wire.priority import without_priority
from handrail.wire.settling import Edited

if TYPE_CHECKING:
    from handrail.bus.port import Bus
    from handrail.bus.settings import Settings
    from handrail.contract.topic import Topic
    from handrail.wire.record import Record

TASKS_KEPT_MAX = 1_000  #: of which the events are held at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was typed to say which dead letters are meant; every condition has to hold."""

    ids: tuple[str, ...] = ()
    group: str | None = None
    agent: str | None = None
    reason: str | None = None
    task: str | None = None
    everything: bool = False

    @property
    def none_in_words(self) -> str:
        """Say that none is open, and of what, since a name that was misspelt finds none either."""
        of = [
            f"{word} {inert(name)}"
            for word, name in (
                ("of group", self.group),
                ("of agent", self.agent),
                ("with reason", self.reason),
                ("of task", self.task),
            )
            if name is not None
        ]
        return f"No dead letter {' '.join(of)} is open." if of else "No dead letter is open."

    def check(self) -> None:
        """Raise UsageError for a choice that is none."""
        some = any((self.group, self.agent, self.reason, self.task))
        if sum((bool(self.ids), some, self.everything)) != 1:
            message = (
                "Say which dead letters: by their ids, or by --group, --agent, --reason, --task or"
                " --all. `handrail dead list --groups` shows what there is."
            )
            raise click.UsageError(message, click.get_current_context(silent=True))
        if self.reason is not None and self.reason not in set(Reason):
            message = f"There is no reason {self.reason}; there are {', '.join(Reason)}."
            raise click.UsageError(message, click.get_current_context(silent=True))


class Ledger:
    """What the ledger says of dead letters."""

    def __init__(self, projection: Projection) -> None:
        """Read from a projection that is as of now."""
        self._projection = projection
        self._events: dict[str, list[Event]] = {}

    def settled(self, found: FoundLetter) -> str | None:
        """Say what became of a dead letter, in words; None while it is open."""
        if found.task not in self._events:
            if len(self._events) >= TASKS_KEPT_MAX:
                self._events.clear()
            told = (one.event for one in events(self._projection, found.task))
            self._events[found.task] = [*told]
        event = settled_by(self._events[found.task], found.id)
        if event is None:
            return None
        what = "sent back" if isinstance(event, Redriven) else "given up"
        return f"it was {what} already, by {event.by or 'somebody'}"


async def chosen(bus: "Bus", namespace: str, choice: Choice, ledger: Ledger) -> list[FoundLetter]:
    """Give the letters that a choice means, the oldest first. Raises DeadLetterUnknown.

    Those named by their ids are given whatever became of them, all others only while they are open.
    """
    if choice.ids:
        wanted = dict.fromkeys(DeadId.read(text) for text in choice.ids)
        return [await find_letter(bus, namespace, one) for one in wanted]
    found = await all_letters(bus, namespace, choice.agent, whole=False)
    return [
        one
        for one in found
        if choice.group in (None, one.group)
        and choice.reason in (None, str(one.letter.failure.reason))
        and (choice.task is None or one.task == choice.task)
        and ledger.settled(one) is None
    ]


async def bytes_of(bus: "Bus", namespace: str, record: "Record") -> bytes | None:
    """Give what a dead letter carried, whole as far as it is still there."""
    blobs = f"{namespace}.{BLOBS}"
    try:
        letter = DeadLetter.from_record(record)
        if letter.claim is not None:
            return await fetch_claimed(bus, blobs, letter.claim)
        return await fetch_body(bus, blobs, letter.original())
    except WireError:
        return record.value


def edited_message(topic: "Topic[Any, Any]", kind: str | None, text: str) -> Any:  # noqa: ANN401  # whatever the topic carries
    """Read a message as JSON, else as `message_of` does. Raises MessageMisfit.

    The line break that an editor puts at the end of a file is no part of a plain text; one that is
    meant is written as JSON.
    """
    try:
        return topic.decode(kind, text.encode())
    except HandrailError:
        return message_of(topic, text.removesuffix("\n").removesuffix("\r"))


async def edited_of(
    settings: "Settings", bus: "Bus", letters: "Sequence[FoundLetter]", file: str
) -> Edited:
    """Read the message that takes the place of a letter's, and check it against its agent's topic.

    Raises MessageMisfit, AgentUnknown, and UsageError for more than one letter.
    """
    if len(letters) != 1:
        message = f"--edit is for one dead letter, and {len(letters)} were chosen."
        raise click.UsageError(message, click.get_current_context(silent=True))
    (found,) = letters
    (agent,) = checked_team(settings).loaded.chosen([without_priority(found.id.agent)])
    topic = agent.reads
    begin = f"handrail dead show {found.id} > message.json    gives a file to begin with"
    text = given_text(None, file, "edit", cure=begin)
    kind = next((v.decode() for n, v in found.letter.headers if n == "ce_type"), None)
    message = edited_message(topic, kind, text)
    body = topic.encode(message)
    if not needs_claim(body):
        return Edited(type=topic.type_of(message), message=body)
    claim = await write_claim(bus, f"{settings.namespace}.{BLOBS}", body)
    return Edited(type=topic.type_of(message), claim=claim)
