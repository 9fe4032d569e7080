"""What the keeper knows of people in one partition: legal holds, and which keys are destroyed.

Both stand as records of their own on the topic of every space, so that they outlive the keeper and
a space that is declared no more. A subject is named as before a full key: `tenant/~digest`.
"""

from dataclasses import replace
from typing import Any, Final

from handrail.contract.memory import Memory
from handrail.memory.asked import Asked, Refusal
from handrail.memory.deciding import held
from handrail.memory.rights import refused_right, tenant_part
from handrail.memory.sealing import SUBJECT_MARK, subject_of
from handrail.memory.shelf import Shelf
from handrail.runtime.keeper_reading import Forgotten, Held
from handrail.runtime.topics import COMMANDS_KEPT_DAYS, DAY_MS
from handrail.store.sealing import named_key
from handrail.wire.memory import FORGOTTEN_PREFIX, HOLD_PREFIX, Command, Op

#: How long a destroyed key is known: longer than a command that was sealed with it lies there.
FORGOTTEN_KEPT_MS: Final = (COMMANDS_KEPT_DAYS + 1) * DAY_MS

Said = tuple[bytes, bytes | None]  #: key and body of a record for the topic of every space


class Subjects:
    """People of one partition, in the shelf's open batch; nothing is sent from here."""

    def __init__(self, shelf: Shelf) -> None:
        """Keep it on this shelf."""
        self._shelf = shelf

    def restore(self, standing: Held | Forgotten, at_ms: int) -> None:
        """Take in what stands on a space's topic since then."""
        subject = standing.subject
        if isinstance(standing, Held):
            self._shelf.hold(subject, held=standing.stands)
        elif standing.names is None:
            self._shelf.forgets_no_more(subject)
        else:
            self._shelf.forgets(subject, standing.names, at_ms + FORGOTTEN_KEPT_MS)

    def refusal(self, asked: Asked, space: Memory[Any]) -> Refusal | None:
        """Say why nobody may be forgotten or held because of this; None when all is well."""
        refusal = refused_right(asked, space)
        if refusal is None and asked.command.op is Op.FORGET:
            return held() if self._shelf.is_held(subject_named(asked)) else None
        return refusal

    def hold(self, subject: str, command: Command, *, held: bool) -> Said:
        """Set a legal hold, or end it."""
        self._shelf.hold(subject, held=held)
        return HOLD_PREFIX + subject.encode(), command.encode() if held else None

    def forget(self, subject: str, command: Command, now_ms: int) -> Said:
        """Remember which keys are destroyed, beside those that are known to be."""
        names = tuple(dict.fromkeys((*self._shelf.forgotten(subject), *command.keys)))
        self._shelf.forgets(subject, names, now_ms + FORGOTTEN_KEPT_MS)
        return FORGOTTEN_PREFIX + subject.encode(), replace(command, keys=names).encode()

    def overdue(self, now_ms: int, count_max: int) -> list[Said]:
        """Let go of keys with which nothing can be sealed that is still to come: of so many."""
        gone = self._shelf.forgotten_until(now_ms, count_max)
        for subject in gone:
            self._shelf.forgets_no_more(subject)
        return [(FORGOTTEN_PREFIX + subject.encode(), None) for subject in gone]

    def is_forgotten(self, command: Command) -> bool:
        """Say whether a value is sealed with a key that is known to be destroyed."""
        name = named_key(command.value) if command.sealed else None
        if name is None or subject_of(command.key) is None:
            return False
        return name in self._shelf.forgotten(owner_of(command.key))


def subject_named(asked: Asked) -> str:
    """Give the subject that a command is about, as it stands before a key."""
    return f"{tenant_part(asked.tenant)}/{SUBJECT_MARK}{asked.command.key}"


def owner_of(full_key: str) -> str:
    """Give what stands before a key: its tenant, and its subject or task."""
    return "/".join(full_key.split("/", 2)[:2])
