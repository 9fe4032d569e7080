"""Texts that many writers change side by side."""

from handrail import Memory, MemoryClass

words = Memory("words", carries=str, keeps=MemoryClass.FACT)
