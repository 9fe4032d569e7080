"""The provider keeps account of every effect before it answers, and fails as its plan says."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from handrail.chaos.history import Happening
from handrail.chaos.lines import Lines
from handrail.chaos.provider import HOST, Plan, Provider, Server, Way
from handrail.chaos.provider_call import ADDRESS_VARIABLE, act, asked, set_faults
from handrail.contract.failure import Refused, State
from handrail.contract.tool import ToolContext

SHARE = 0.5


def context(key: str) -> ToolContext:
    return ToolContext(idem_key=key, task_id="t", tenant="default", deadline_ms=0)


@dataclass
class Outside:
    """A provider that serves, and its account."""

    account: Path
    address: str
    provider: Provider

    def happened(self, key: str = "") -> list[str]:
        lines = map(orjson.loads, self.account.read_bytes().splitlines())
        return [line["happened"] for line in lines if key in ("", line["key"])]


@pytest.fixture
async def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Outside]:
    lines = Lines(tmp_path / "effects.jsonl")
    provider = Provider(lines, Plan(seed=1))
    server = Server(provider)
    address = f"{HOST}:{await server.start()}"
    serving = asyncio.create_task(server.forever())
    monkeypatch.setenv(ADDRESS_VARIABLE, address)
    yield Outside(tmp_path / "effects.jsonl", address, provider)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    lines.close()


async def test_an_effect_is_written_before_it_is_answered(outside: Outside) -> None:
    answer = await act(context("k"), "pay", "unsafe")

    assert answer == "e1"
    assert outside.happened()[:2] == [Happening.BEGUN, Happening.EFFECTED]


async def test_a_known_key_has_its_effect_once_where_keys_are_honoured(outside: Outside) -> None:
    booked = [await act(context("k"), "book", "idempotent") for _ in range(3)]
    paid = [await act(context("p"), "pay", "unsafe") for _ in range(3)]

    assert len(set(booked)) == 1
    assert len(set(paid)) == 3, "nobody protects an unsafe receiver from a second call"
    assert Counter(outside.happened("k"))[Happening.REPEATED] == 2


async def test_whoever_asks_is_told_what_became_of_a_key(outside: Outside) -> None:
    assert await asked("k", "order") is None

    answer = await act(context("k"), "order", "queryable")

    assert await asked("k", "order") == answer


@pytest.mark.parametrize(
    ("way", "state", "effects"),
    [
        (Way.BUSY, State.RATE_LIMITED, 0),
        (Way.BROKEN, State.DEPENDENCY_UNAVAILABLE, 0),
        (Way.DROP, State.OUTCOME_UNKNOWN, 1),
    ],
)
async def test_a_failure_is_told_as_what_it_is(
    outside: Outside, way: Way, state: State, effects: int
) -> None:
    await set_faults(outside.address, 1.0, (way,))

    with pytest.raises(Refused) as no:
        await act(context("k"), "pay", "unsafe")

    assert no.value.state is state
    assert outside.happened("k").count(Happening.EFFECTED) == effects


async def test_faults_end_when_they_are_told_to(outside: Outside) -> None:
    await set_faults(outside.address, 1.0, (Way.BROKEN,))
    await set_faults(outside.address, 0.0, ())

    assert await act(context("k"), "pay", "unsafe") == "e1"


def test_which_call_fails_follows_from_the_seed() -> None:
    def ways(seed: int) -> list[Way]:
        return [Plan(seed, SHARE).way(f"k{n}", 1) for n in range(500)]

    assert ways(1) == ways(1)
    assert ways(1) != ways(2)
    assert 0.4 < sum(way is not Way.WELL for way in ways(1)) / 500 < 0.6
    assert set(ways(1)) == {*Way}


async def test_without_a_provider_a_call_says_that_nothing_happened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(ADDRESS_VARIABLE, f"{HOST}:1")

    with pytest.raises(Refused) as no:
        await act(context("k"), "pay", "unsafe")

    assert no.value.state is State.DEPENDENCY_UNAVAILABLE
