"""Captures every log line of a test, whatever levels the tests before it have set."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from structlog.typing import EventDict


@contextmanager
def captured_lines() -> Iterator[list[EventDict]]:
    """Give the lines that are written inside, those of every level, as events with facts."""
    was_set_up, before = structlog.is_configured(), structlog.get_config()
    structlog.reset_defaults()
    try:
        with structlog.testing.capture_logs() as lines:
            yield lines
    finally:
        structlog.reset_defaults()
        if was_set_up:
            structlog.configure(**before)
