"""Handrail's tests: one file for each behaviour, one sentence for each test."""
