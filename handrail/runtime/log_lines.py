"""How a process of a team writes its log: one line an event, its facts after it, on stderr.

`HANDRAIL_LOG=json` writes each line as a JSON object, `HANDRAIL_LOG_LEVEL` is debug, info, warning
or error. Facts whose name says that they are secret
are not shown.
"""

import logging
import os
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

import orjson
import structlog

LEVEL_VARIABLE = "HANDRAIL_LOG_LEVEL"
SECRET = re.compile(r"password|secret|token|api_?key|authorization", re.IGNORECASE)
FACT_CHARS_MAX = 2_000
REPEATED_AFTER_S = 30.0
LINES_KNOWN_COUNT_MAX = 100
_FOREIGN = re.compile(
    re.escape(str(Path(__file__).parents[1]))
    + r"|[/\\](?:site|dist)-packages[/\\]|[/\\]lib[/\\]python3"
)


def set_up_logging(level: int = logging.INFO, *, foreign: int = logging.ERROR) -> None:
    """Send every log line of this process to standard error, from `level` upwards.

    Lines of libraries appear from `foreign` upwards, each once in 30 s.
    """
    _configure(level)
    # Libraries log in Python's own way; their warnings belong into the same stream.
    logging.basicConfig(
        handlers=[_ForeignLines(foreign)], level=logging.ERROR, format="%(name)s: %(message)s"
    )
    # aiokafka 0.14 calls it an error that a coordinator is not there yet, and tries again.
    logging.getLogger("aiokafka.consumer.group_coordinator").setLevel(logging.CRITICAL)


def set_up_lines() -> None:
    """Give the lines of a test the form of a process's, unless the test has set up its own.

    What structlog does by itself shows every local variable of every frame, which can hold up an
    event loop for seconds.
    """
    if not structlog.is_configured():
        _configure(logging.WARNING, cached=False)


def _configure(level: int, *, cached: bool = True) -> None:
    as_json = os.environ.get("HANDRAIL_LOG", "").lower() == "json"
    level = logging.getLevelNamesMapping().get(os.environ.get(LEVEL_VARIABLE, "").upper(), level)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            own_frames,
            hide_secrets,
            as_json_line if as_json else as_text_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _StandardError(),
        cache_logger_on_first_use=cached,
    )


class _StandardError:
    """Writes to what standard error is now: it may be another stream than at the start."""

    def msg(self, message: str) -> None:
        """Write one line."""
        sys.stderr.write(message + "\n")
        sys.stderr.flush()

    log = debug = info = warn = warning = err = error = critical = exception = fatal = msg


class _ForeignLines(logging.Handler):
    """Writes lines of Python's own logging to what standard error is now.

    A line that comes again is counted and written at most every 30 s, with how often it came.
    """

    def __init__(self, level: int) -> None:
        """Have written nothing yet."""
        super().__init__(level)
        self._written: dict[str, tuple[float, int]] = {}  # line → when, and how often since

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line, or count it."""
        line = self.format(record)
        at_s, again = self._written.get(line, (0.0, 0))
        if line in self._written and record.created - at_s < REPEATED_AFTER_S:
            self._written[line] = (at_s, again + 1)
            return
        if len(self._written) >= LINES_KNOWN_COUNT_MAX:
            self._written.clear()
        self._written[line] = (record.created, 0)
        sys.stderr.write(f"{line} ({again} times more since)\n" if again else f"{line}\n")


def own_frames(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Put the traceback of an error into words, without frames of the engine and of Python.

    Where every frame is the engine's, all of them are kept.
    """
    error = event.pop("exc_info", None)
    if isinstance(error, BaseException):
        whole = traceback.TracebackException.from_exception(error)
        own = [frame for frame in whole.stack if not _FOREIGN.search(frame.filename)]
        if own:
            whole.stack = traceback.StackSummary.from_list(own)
        event["exception"] = "".join(whole.format()).rstrip()
    return event


def own_frames_of(stack: str) -> str:
    """Give a printed traceback without frames of the engine and of Python, if others are left."""
    head, *frames = re.split(r"(?m)^(?=  File )", stack)
    kept: list[str] = []
    for frame in frames:
        name, _, rest = frame.partition("\n")
        if not _FOREIGN.search(name):
            kept.append(frame)
        else:
            # What stands below it without an indent is the error, or begins another traceback.
            kept += [
                line for line in rest.splitlines(keepends=True) if line[:1] not in (" ", "\n", "")
            ]
    own = "".join(kept)
    return head + own if "  File " in own else stack


def hide_secrets(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Put a mask in place of facts whose names say that they are secret."""
    for name in event:
        if SECRET.search(name) and not isinstance(event[name], int | float):
            event[name] = "(not shown)"
    return event


def as_text_line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    """Give `time level event name=value …`, the traceback below it if there is one."""
    time, level = event.pop("time", ""), event.pop("level", "info")
    what, trace = event.pop("event", ""), event.pop("exception", None)
    facts = " ".join(f"{name}={_fact(value)}" for name, value in event.items())
    line = f"{str(time)[:23]} {level:<7} {what} {facts}".rstrip()
    return f"{line}\n{trace}" if trace else line


def as_json_line(_logger: object, _method: str, event: Mapping[str, Any]) -> str:
    """Give the event with its facts as one JSON object."""
    return orjson.dumps(dict(event), default=str).decode()


def _fact(value: object) -> str:
    text = str(value)[:FACT_CHARS_MAX]
    # One event, one line, whatever a fact holds.
    return repr(text) if not text.isprintable() or " " in text or not text else text
