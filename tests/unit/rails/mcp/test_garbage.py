"""Whatever bytes an MCP server answers with, each call ends in words, and nobody else waits."""

import asyncio
import copy
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from handrail.contract.failure import State
from handrail.errors import HandrailError
from handrail.rails.mcp import child_stdio
from handrail.rails.mcp.answer import Answer
from handrail.rails.mcp.connection import Connection
from handrail.rails.mcp.ending import Ending
from handrail.rails.mcp.server import McpServer, read_servers
from handrail.rails.mcp.standing import Pin, Standing
from handrail.rails.mcp.tools import ServerTools
from tests.mcp_servers.garbler import HELLO, TOOL, VALUES, Garbler, answer, changed, good, torn
from tests.mcp_servers.talker import NOTE, Talker
from tests.waiting import until

HERE = Path(__file__).parent
HI, NAME = b'{"text": "hi"}', "odd_echo"
ENDS_WITHIN_S = 600.0  #: far beyond what is declared, for a machine that is busy with other work
WORDS_CHARS_MAX = 1_000
FOR_EVER, PATIENT, HASTY = 3_600.0, 30.0, 0.2
CALLS_COUNT_MAX = 300


def declared(**table: Any) -> McpServer:
    """Read a table of handrail.toml for a server that speaks the older version."""
    usual = {"command": ["odd"], "spec": "2025-11-25", "listed_s": 3_600}
    return read_servers({"odd": {**usual, **table}})["odd"]


@asynccontextmanager
async def connected(garbler: Garbler, **table: Any) -> AsyncIterator[ServerTools]:
    """The tools of a server, everything pinned that it usually offers."""

    def made(server: McpServer, project: Path) -> Connection:
        return Connection(server, project, garbler.start)

    server = declared(timeout_s=PATIENT, start_s=PATIENT)
    first = ServerTools(server, HERE, {}, made)
    judged = await first.judged()
    await first.close()
    pins = {one.offered.name: Pin(one.offered, "ada", "") for one in judged if one.offered}
    one = ServerTools(declared(**table), HERE, {"odd": pins}, made)
    try:
        yield one
    finally:
        garbler.says.clear()
        await one.close()


async def called(one: ServerTools) -> Answer:
    """Call it once, and see that it ends in words and in one of the closed set of states."""
    async with asyncio.timeout(ENDS_WITHIN_S):
        ended = await one.call(NAME, HI)
    assert ended.ending is Ending.DONE or isinstance(ended.state, State)
    assert ended.ending is Ending.DONE or (ended.title and ended.remedy)
    assert len(ended.detail) < WORDS_CHARS_MAX
    assert ended.detail.isprintable()
    return ended


async def answered(one: ServerTools) -> Answer:
    """Call it until it answers in the little time that it has, however busy the machine is."""
    ended = await called(one)
    for _ in range(CALLS_COUNT_MAX):
        if ended.ending is not Ending.HUNG:
            break
        ended = await called(one)
    return ended


def places(node: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the way to every value in a JSON value."""
    yield at
    if isinstance(node, dict | list):
        for name in node if isinstance(node, dict) else range(len(node)):
            yield from places(node[name], (*at, name))


def put(node: Any, at: tuple[Any, ...], number: int, value: bytes) -> bytes:
    """Give a line that answers with this value at one place."""
    whole = {"": copy.deepcopy(node)}
    below: Any = whole
    for part in ("", *at)[:-1]:
        below = below[part]
    below[("", *at)[-1]] = "@@"
    return answer(number, whole[""]).replace(b'"@@"', value)


SHAPELESS = {name: one for name, one in TOOL.items() if name != "outputSchema"}


@pytest.mark.parametrize("tool", [TOOL, SHAPELESS], ids=["with a schema", "without"])
@pytest.mark.parametrize("at", list(places(good("hi"))), ids=str)
async def test_any_value_in_any_place_of_a_result_ends_in_words(
    tool: dict[str, Any], at: tuple[Any, ...]
) -> None:
    garbler = Garbler({"tools/list": lambda number: answer(number, {"tools": [tool]})})
    async with connected(garbler, timeout_s=HASTY, start_s=PATIENT) as one:
        for value in VALUES:
            garbler.says["tools/call"] = lambda number, value=value: put(
                good("hi"), at, number, value
            )
            await called(one)
        del garbler.says["tools/call"]

        again = await answered(one)

    assert (again.ending, again.result) == (Ending.DONE, b'{"text":"hi"}')


NUMBER = b"123456789012345678901234567890"


async def test_a_number_that_no_journal_keeps_is_no_result() -> None:
    garbler = Garbler({"tools/list": lambda number: answer(number, {"tools": [SHAPELESS]})})
    async with connected(garbler, timeout_s=PATIENT, start_s=PATIENT) as one:
        garbler.says["tools/call"] = lambda number: put(
            good("hi"), ("structuredContent", "text"), number, NUMBER
        )

        ended = await called(one)

    assert (ended.ending, ended.state) == (Ending.MALFORMED, State.OUTPUT_INVALID)
    assert "cannot be kept" in ended.detail


async def test_a_definition_with_such_a_number_is_unusable_and_the_others_are_not() -> None:
    at = ("inputSchema", "properties", "text", "maxLength")
    odd = {**copy.deepcopy(TOOL), "name": "odd"}
    odd["inputSchema"]["properties"]["text"]["maxLength"] = 1  # type: ignore[index]
    garbler = Garbler()
    async with connected(garbler, timeout_s=PATIENT, start_s=PATIENT, listed_s=0) as one:
        garbler.says["tools/list"] = lambda number: put(
            {"tools": [TOOL, odd]}, ("tools", 1, *at), number, NUMBER
        )

        standing = {each.name: each.standing for each in await one.judged()}
        ended = await called(one)

    assert standing == {NAME: Standing.PINNED, "odd_odd": Standing.UNUSABLE}
    assert ended.ending is Ending.DONE


GOOD = {"tools/call": good("hi"), "tools/list": {"tools": [TOOL]}, "initialize": HELLO}


@pytest.mark.parametrize("method", GOOD)
@pytest.mark.parametrize("seed", range(4))
async def test_torn_and_changed_answers_to_any_request_end_in_words(seed: int, method: str) -> None:
    rng = random.Random(f"{seed} {method}")
    for _ in range(8):
        garbler = Garbler()
        async with connected(garbler, timeout_s=HASTY, start_s=HASTY, listed_s=0) as one:
            garble = rng.choice((torn, changed))
            said = garble(rng, answer(1, GOOD[method])).rstrip(b"\n")
            # The id is the asked one, unless it was torn itself.
            garbler.says[method] = lambda number, said=said: (
                said.replace(b'"id":1,', b'"id":%d,' % number) + b"\n"
            )

            await called(one)


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ([{**TOOL, "name": f"t{number}"} for number in range(10_000)], "more than 512 tools"),
        ([TOOL, TOOL], "two tools have this name"),
        ([{**TOOL, "name": "echo\u0007"}], "the server no longer offers it"),
        ([{**TOOL, "description": "Say\u202e it."}], "that nobody sees"),
        ([], "the server no longer offers it"),
    ],
    ids=["10,000", "twice", "control characters", "hidden characters", "none"],
)
async def test_a_list_of_tools_that_is_none_lets_nothing_be_called(
    listed: list[Any], said: str
) -> None:
    garbler = Garbler()
    async with connected(garbler, timeout_s=PATIENT, start_s=PATIENT, listed_s=0) as one:
        garbler.says["tools/list"] = lambda number: answer(number, {"tools": listed})

        ended = await called(one)

    assert ended.ending in {Ending.QUARANTINED, Ending.AWAY}
    assert said in ended.detail


@pytest.mark.parametrize(
    ("line", "ending"),
    [
        (lambda _: answer(4711, good("hi")), Ending.HUNG),
        (lambda number: answer(str(number), good("hi")) + answer(number, good("x")), Ending.DONE),
        (lambda number: answer(number, good("x")) * 3, Ending.DONE),
        (lambda _: b"", Ending.DIED),
        (lambda number: answer(number, good("hi"))[:20] + b"\xff\xfe\n", Ending.HUNG),
        (lambda number: answer(number, good("x" * 600_000)), Ending.TOO_LARGE),
        (lambda number: answer(number, good("x" * 9_000_000)), Ending.DIED),
        (lambda _: b"Welcome!\n" * 1_000, Ending.DIED),
    ],
    ids=["other id", "id as text", "thrice", "end", "not UTF-8", "large", "huge", "no JSON"],
)
async def test_each_way_of_not_answering_has_its_ending(line: Any, ending: Ending) -> None:
    garbler = Garbler()
    within_s = HASTY if ending is Ending.HUNG else PATIENT
    async with connected(garbler, timeout_s=within_s, start_s=PATIENT) as one:
        await one.judged()
        garbler.says["tools/call"] = line

        ended = await called(one)
        garbler.says.clear()
        again = await answered(one)

    assert ended.ending is ending
    assert again.ending is Ending.DONE


async def test_a_server_that_only_talks_is_cut_off_and_others_are_served_meanwhile() -> None:
    outputs: list[Talker] = []

    def spoken(limit: int) -> Talker:
        outputs.append(Talker(limit))
        return outputs[-1]

    def talk(_: int) -> bytes:
        outputs[-1].talks = True
        return NOTE

    async with (
        # It ends by its own talking alone: its time is longer than any machine needs.
        connected(Garbler({"tools/call": talk}, speaks=spoken), timeout_s=FOR_EVER) as one,
        connected(Garbler(), timeout_s=PATIENT, start_s=PATIENT) as beside,
    ):
        talking = asyncio.create_task(called(one))
        await until(lambda: outputs[-1].talks, within_s=ENDS_WITHIN_S)
        served = [await called(beside) for _ in range(20)]
        outputs[-1].let_over(child_stdio.UNASKED_MAX + 1)
        ended = await talking

    assert {each.ending for each in served} == {Ending.DONE}
    assert (ended.ending, outputs[-1].wrong, outputs[-1].left) == (Ending.DIED, [], 0)


async def test_a_server_that_never_says_hello_is_let_go_in_its_own_time() -> None:
    garbler = Garbler({"initialize": lambda _: b"\n"})

    def made(server: McpServer, project: Path) -> Connection:
        # One which had connected would have for ever to end.
        return Connection(server, project, garbler.start, end_s=FOR_EVER)

    one = ServerTools(declared(start_s=HASTY), HERE, {}, made)

    async with asyncio.timeout(ENDS_WITHIN_S):
        with pytest.raises(HandrailError, match="cannot be reached"):
            await one.judged()
