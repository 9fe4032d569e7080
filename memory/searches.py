"""The scratch of a task: how many of its questions were looked up in documents."""

from handrail import Access, Memory, MemoryClass

searches = Memory(
    "searches",
    carries=int,
    keeps=MemoryClass.WORKING,
    access=Access(readers=("publisher",), writers=("researcher",)),
)
