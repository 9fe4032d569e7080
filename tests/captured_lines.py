"""Captures every log line of a test, whatever levels the tests before it have set."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from structlog.typing import EventDict


@contextmanager
def captured_lines() -> Iterator[list[EventDict]]:
    """Give the lines that are written inside, those of every level, as events with facts."""
    was_set_up, before = structlog.is_configured(), structlog.get_config()
    structlog.reset_defaults()
    _forget_cached_loggers()
    try:
        with structlog.testing.capture_logs() as lines:
            yield lines
    finally:
        structlog.reset_defaults()
        if was_set_up:
            structlog.configure(**before)


def _forget_cached_loggers() -> None:
    """Have loggers that were used by a whole command look at what is set up now."""
    for module in [*sys.modules.values()]:
        log = vars(module).get("log") if hasattr(module, "__dict__") else None
        if hasattr(log, "__dict__"):
            # structlog 26.1: a cached logger replaces its own `bind`.
            vars(log).pop("bind", None)
