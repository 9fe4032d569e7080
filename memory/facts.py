"""What the desk has proved: later questions look here before they search documents."""

from desk.remembering import Fact
from handrail import Access, Memory, MemoryClass

facts = Memory(
    "facts",
    carries=Fact,
    keeps=MemoryClass.FACT,
    access=Access(readers=("researcher", "reviewer"), writers=("researcher", "reviewer")),
)
