"""A Faust application and a Handrail team share topics without knowing of each other."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

from handrail import Topic, agent, results
from handrail.testing import Team

READER = Path(__file__).with_name("faust_reader.py")

names = Topic("names", carries=str)


@agent(reads=names, writes=results)
async def greeter(name: str) -> str:
    return f"Hello, {name}"


async def line_with(word: bytes, stream: asyncio.StreamReader) -> str:
    async with asyncio.timeout(60):
        async for line in stream:
            if word in line:
                return line.decode().strip()
    raise AssertionError("the stream ended")


async def test_a_faust_application_asks_and_finds_the_answer_under_its_key(
    broker: str, tmp_path: Path
) -> None:
    async with Team(greeter, on="kafka", broker=broker) as team:
        command = [str(READER), broker, team.namespace, "invoice-7", str(tmp_path / "faust")]
        faust = await asyncio.create_subprocess_exec(
            sys.executable, *command, "worker", "-l", "error", stdout=PIPE, stderr=DEVNULL
        )
        try:
            assert faust.stdout is not None
            found = await line_with(b"RESULT", faust.stdout)
        finally:
            faust.terminate()
            await faust.communicate()

    assert found == 'RESULT invoice-7 str.v1 "Hello, Ada"'
