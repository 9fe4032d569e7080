"""What the desk has proved: later questions look here before they search documents.

A quote that is proved is still the word of a document that anybody may have written: it is kept as
it is, with a label that says so, and whoever reads it is trusted no more than that.
"""

from desk.remembering import Fact
from handrail import Access, Integrity, Memory, MemoryClass

facts = Memory(
    "facts",
    carries=Fact,
    keeps=MemoryClass.FACT,
    access=Access(
        readers=("researcher", "reviewer"),
        writers=("researcher", "reviewer"),
        integrity=Integrity.UNTRUSTED,
    ),
)
