"""Measures memory: how fast it is written and read, and that nothing of it is lost."""
