"""A server that floods its standard output is cut off, and everybody else has a turn meanwhile."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from handrail.rails.mcp.child_stdio import BAD_LINES_MAX, CLEAN, Started, _hear, child_stdio
from tests.waiting import until

WHAT = Started("sky", ["sky"], {}, Path(), 1 << 20)
GOOD = b'{"jsonrpc":"2.0","method":"notifications/progress"}\n'


async def heard(lines: bytes) -> tuple[int, int, Sequence[Any]]:
    """Hear what a server says; gives its messages, the turns of another task, and the log."""
    stdout = asyncio.StreamReader(limit=WHAT.line_bytes_max)
    stdout.feed_data(lines)
    stdout.feed_eof()
    onward, found = anyio.create_memory_object_stream[Any](1_000)
    turns = 0

    async def beside() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(beside(), name="beside")
    process: Any = SimpleNamespace(stdout=stdout)
    with capture_logs() as log:
        await _hear(WHAT, process, onward)
    other.cancel()
    await asyncio.gather(other, return_exceptions=True)
    messages = found.statistics().current_buffer_used
    found.close()
    return messages, turns, log


async def test_lines_of_no_message_end_the_connection_and_keep_nobody_waiting() -> None:
    _, turns, log = await heard(b"\n" * 100_000)

    assert turns >= BAD_LINES_MAX
    assert turns < 100_000, "it was cut off"
    assert len(log) == 2


async def test_a_server_that_prints_now_and_then_is_heard_on() -> None:
    messages, turns, log = await heard((b"Welcome!\n" + GOOD) * 2 * BAD_LINES_MAX)

    assert messages == 2 * BAD_LINES_MAX
    assert turns >= messages
    assert [one["event"] for one in log].count("MCP server said what is no message") == 1


async def test_a_program_is_found_where_whoever_named_it_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = tmp_path / "environment"
    program = tmp_path / "only-here"
    program.write_text(f'#!/bin/sh\necho "$PATH" > {marks}\ncat > /dev/null\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    async with child_stdio(Started("sky", ["only-here"], {}, tmp_path, 1 << 20)):
        await until(lambda: marks.exists() and marks.read_text())

    assert marks.read_text().strip() == CLEAN["PATH"], "its own environment stays clean"
