"""Why a brief says what it says: each verdict of a reviewer, which nobody can change."""

from desk.remembering import Review
from handrail import Access, Memory, MemoryClass

decisions = Memory(
    "decisions",
    carries=Review,
    keeps=MemoryClass.DECISION,
    access=Access(readers=("reviewer",), writers=("reviewer",)),
)
