"""What a handler does with a memory space: `ctx.memory(space)`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from typing_extensions import TypeVar

from handrail.contract.memory import SEARCH_K, Applied, Hit, Record

M = TypeVar("M")


class MemoryHandle(Protocol[M]):
    """One space in the hands of a handler. Reads, `put` and `update` are steps; the rest waits.

    A read waits until everything that was written before it, by this handler or by those whose
    handoffs led to it, is in the local view; it raises StaleView after 250 ms. What was read is
    recorded: a handler that is run again is given the same. Expired records are never given.

    A record that no model of the space reads, since what it carries has changed, makes `get` and
    `update` raise RecordUnreadable, whose `version` a `put` may then `expect`; `search` and
    `history` go on without it. What they leave out counts as refused, for the reason `model`, and
    so does what `add`, `append`, `increment` or `merge` would add to it, which is not written.

    A space with personal data wants `subject=`, whom a record is about; any other refuses it.
    Keys are those of the task's tenant, and of the task itself in a space of class `working`.
    Raises MemoryKeyInvalid for what is no key, and Refused (`denied_by_policy`, or
    `needs_approval` where only people write) for what the agent may not do.
    """

    def get(
        self, key: str, *, as_of: datetime | int | None = None, subject: str | None = None
    ) -> Awaitable[Record[M] | None]:
        """Give the newest version, or the one at a time or of a number; None when there is none."""
        ...

    def history(self, key: str, *, subject: str | None = None) -> Awaitable[list[Record[M]]]:
        """Give every version that is still kept and can be read, oldest first."""
        ...

    def search(
        self, text: str, k: int = SEARCH_K, *, subject: str | None = None
    ) -> Awaitable[list[Hit[M]]]:
        """Give up to `k` records that match words of a text, best first (BM25)."""
        ...

    def put(
        self,
        key: str,
        value: M,
        *,
        expect: int | None = None,
        subject: str | None = None,
        derived_from: Sequence[str] = (),
        confidence: float | None = None,
        observed_at: datetime | None = None,
    ) -> Awaitable[Applied]:
        """Write a version if the present one is `expect` (NEW: there is none), and wait for it.

        Written once, whatever crashes. Raises Conflict, or Refused in one of its states.
        """
        ...

    def update(
        self,
        key: str,
        fn: Callable[[M | None], M],
        *,
        subject: str | None = None,
        derived_from: Sequence[str] = (),
        replaces_unreadable: bool = False,
    ) -> Awaitable[Applied]:
        """Read, compute and put, at most three times; `fn` is pure. Raises NeedsMerge.

        What the old value was derived from is not carried over: `fn` may have dropped it. With
        `replaces_unreadable` a record that no model of the space reads is None to `fn`, and what
        it gives takes that record's place; without, RecordUnreadable is raised and it stays.
        """
        ...

    def add(
        self,
        key: str,
        item: object,
        *,
        subject: str | None = None,
        derived_from: Sequence[str] = (),
    ) -> None:
        """Add an item to a set of JSON values. Cannot conflict; written when the handler ends.

        What the rest was derived from is kept, here and in the three below.
        """
        ...

    def append(
        self,
        key: str,
        item: object,
        *,
        subject: str | None = None,
        derived_from: Sequence[str] = (),
    ) -> None:
        """Append an item to a list. Cannot conflict; written when the handler ends."""
        ...

    def increment(
        self,
        key: str,
        by: int = 1,
        *,
        subject: str | None = None,
        derived_from: Sequence[str] = (),
    ) -> None:
        """Add to a whole number. Cannot conflict; written when the handler ends."""
        ...

    def merge(
        self,
        key: str,
        fields: Mapping[str, object],
        *,
        subject: str | None = None,
        derived_from: Sequence[str] = (),
    ) -> None:
        """Set fields of an object, the others stay. Cannot conflict; written when it ends."""
        ...
