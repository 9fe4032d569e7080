"""How values about a person are sealed before they leave the worker, so that they can be forgotten.

Whoever keeps the keys implements it. A seal is opened with the subject that it was made for only.
"""

from typing import Protocol


class SubjectSeal(Protocol):
    """The keys of subjects, outside of Kafka."""

    async def digest(self, tenant: str, subject: str) -> str:
        """Give what stands in keys in place of a subject: the same each time, under a secret."""
        ...

    async def seal(self, tenant: str, subject: str, body: bytes) -> str:
        """Give a text that nobody reads without the subject's key, which is made when needed."""
        ...

    async def open(self, tenant: str, subject: str, text: str) -> bytes | None:
        """Give what was sealed; None once the subject was forgotten."""
        ...
