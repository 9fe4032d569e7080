"""Measures how long work stands still when a process is killed, or leaves."""
