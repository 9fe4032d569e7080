"""Measures the engine: how fast a handoff travels, how many, what a process and a start cost."""
