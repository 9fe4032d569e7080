"""Keeps the log lines of the MCP SDK out of the log of a process.

The SDK logs what a server has sent, with the token that it may repeat and with tracebacks that show
the input. A connection tells in words how each call has ended, so that nothing is lost.
"""

import logging
from pathlib import Path
from typing import Final

#: Of mcp 2.3: its packages, and the name that its session has taken for itself.
_PACKAGE, _SESSION = "mcp", "client"
_LEFT_OUT: Final = logging.CRITICAL


def silence_sdk() -> None:
    """Let the SDK log nothing below `critical`, unless the team has given its logger a level.

    Lines that others write under the name `client` are left as they are.
    """
    package = logging.getLogger(_PACKAGE)
    if package.level == logging.NOTSET:
        package.setLevel(_LEFT_OUT)
        logging.getLogger(_SESSION).addFilter(_is_of_others)


def _is_of_others(record: logging.LogRecord) -> bool:
    return record.levelno >= _LEFT_OUT or _PACKAGE not in Path(record.pathname).parts
