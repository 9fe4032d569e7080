"""Measures what recorded steps cost and prints a table: `python -m bench.steps [--quick]`.

Exit code 1 says that a figure is not what is promised.
"""

import asyncio
import logging
import os
import statistics
import time
from pathlib import Path

import click
import uvloop

from bench.engine.figure import Figure, machine, tell_and_keep
from bench.steps.ground import Loader, loader
from handrail.testing.broker import broker_for_tests

RESULTS = Path(__file__).with_name("results.json")
CHAIN = ("first", "second", "third")
TOGETHER, APART = (CHAIN,), (("first",), ("second",), ("third",))
OUTSTANDING = 200
FEW, USUAL = 3, 12  #: partitions of each inbox; twelve are what a project has that does not say
WARM_UP = 20
BEHIND = 50
LONG_S = 30
STEP_S, STEP_S_MIN = 60, 40  #: after 30 s a run no longer holds up the offset of its lane
BEGUN_S, ENDS_S = 0.5, 4.0  #: what is measured beside a step lies within it
BESIDE_OUTSTANDING = 20  #: few, so that waiting in a queue does not hide what a question adds
ROUNDS = 3


async def _one_at_a_time(bootstrap: str, count: int) -> list[Figure]:
    async with loader(bootstrap, APART) as load:
        for number in range(WARM_UP + count):
            await load.submit("texts", f"t{number}", "text")
            await load.arrived([f"t{number}"])
        took_ms = sorted(load.took_s[f"t{n}"] * 1000 for n in range(WARM_UP, WARM_UP + count))
    return [
        Figure("three hops, a paid step each, median", took_ms[count // 2], "ms", count, 25),
        Figure("the same, 99th percentile", took_ms[count * 99 // 100], "ms", count, 60),
    ]


async def _under_load(
    bootstrap: str, groups: tuple[tuple[str, ...], ...], count: int, partitions: int = USUAL
) -> tuple[float, float]:
    """Give tasks a second with 200 outstanding, and the median time of one."""
    async with loader(bootstrap, groups, partitions) as load:
        await _kept_full(load, "warm", OUTSTANDING)
        begun_s = time.perf_counter()
        await _kept_full(load, "t", count)
        rate = count / (time.perf_counter() - begun_s)
        took_ms = sorted(load.took_s[f"t{n}"] * 1000 for n in range(count))
    return rate, took_ms[count // 2]


async def _kept_full(
    load: Loader, prefix: str, count: int, topic: str = "texts", outstanding: int = OUTSTANDING
) -> None:
    sent, before = 0, len(load.took_s)
    while len(load.took_s) - before < count:
        room = min(outstanding - (sent - (len(load.took_s) - before)), count - sent)
        await asyncio.gather(
            *(load.submit(topic, f"{prefix}{n}", "text") for n in range(sent, sent + room))
        )
        sent += room
        await load.read()


async def _behind_a_long_step(bootstrap: str) -> Figure:
    async with loader(bootstrap, (("waiter",),)) as load:
        await load.submit("waits", "warm", "now")
        await load.arrived(["warm"])
        await load.submit("waits", "long", str(LONG_S))
        await asyncio.sleep(0.5)
        names = [f"b{number}" for number in range(BEHIND)]
        await asyncio.gather(*(load.submit("waits", name, "now") for name in names))
        await load.arrived(names)
        took_ms = sorted(load.took_s[name] * 1000 for name in names)
    what = f"{BEHIND} instant handoffs behind a {LONG_S} s step, 95th percentile"
    return Figure(what, took_ms[BEHIND * 95 // 100], "ms", BEHIND, 100)


async def _beside_a_question(bootstrap: str, count: int) -> Figure:
    """Give what an unanswered question adds to others, in rounds with and without it by turns."""
    each = count // (2 * ROUNDS)
    p99_ms: dict[bool, list[float]] = {True: [], False: []}
    for number in range(2 * ROUNDS):
        asked = bool(number % 2)
        async with loader(bootstrap, (("asker",),)) as load:
            if asked:
                await load.submit("asks", "question", "riddle")
            await _kept_full(load, "warm", OUTSTANDING, "asks")
            await _kept_full(load, "t", each, "asks", BESIDE_OUTSTANDING)
            took_ms = sorted(load.took_s[f"t{n}"] * 1000 for n in range(each))
        p99_ms[asked].append(took_ms[each * 99 // 100])
    without, beside = (statistics.median(p99_ms[asked]) for asked in (False, True))
    what = f"one unanswered question adds to the 99th percentile of others, {BESIDE_OUTSTANDING}"
    shown = f"{without:,.0f} ms without it, {beside:,.0f} ms beside it"
    return Figure(f"{what} outstanding", beside - without, "ms", count, 50, beside=shown)


async def _beside_a_step(bootstrap: str, step_s: int) -> Figure:
    """Give what a long step adds to others in its process: before, during and after it."""
    async with loader(bootstrap, (("waiter",),)) as load:
        await _kept_full(load, "warm", OUTSTANDING, "waits")
        before = await _for_so_long(load, "before", step_s / 2)
        await load.submit("waits", "long", str(step_s))
        await asyncio.sleep(BEGUN_S)
        during = await _for_so_long(load, "during", step_s - BEGUN_S - ENDS_S)
        assert "long" not in load.took_s, "the step has to outlast what is measured beside it"
        await load.arrived(["long"])
        after = await _for_so_long(load, "after", step_s / 2)
    without_ms, beside_ms = _p99_ms(before + after), _p99_ms(during)
    what = f"a step of {step_s} s adds to the 99th percentile of others, {BESIDE_OUTSTANDING}"
    shown = f"{without_ms:,.0f} ms without it, {beside_ms:,.0f} ms beside it"
    count = len(before) + len(during) + len(after)
    return Figure(f"{what} outstanding", beside_ms - without_ms, "ms", count, 50, beside=shown)


async def _for_so_long(load: Loader, prefix: str, seconds: float) -> list[float]:
    """Keep a few instant handoffs outstanding for a time; give how long each took."""
    over_s, sent, before = time.perf_counter() + seconds, 0, len(load.took_s)
    while True:
        done, goes_on = len(load.took_s) - before, time.perf_counter() < over_s
        room = BESIDE_OUTSTANDING - (sent - done) if goes_on else 0
        await asyncio.gather(
            *(load.submit("waits", f"{prefix}{n}", "now") for n in range(sent, sent + room))
        )
        sent += room
        if not goes_on and done == sent:
            return [load.took_s[f"{prefix}{n}"] for n in range(sent)]
        await load.read()


def _p99_ms(took_s: list[float]) -> float:
    return sorted(took_s)[len(took_s) * 99 // 100] * 1000


async def _measured(bootstrap: str, step_s: int, *, quick: bool) -> list[Figure]:
    one_by_one, many = (60, 1_000) if quick else (300, 3_000)
    figures = await _one_at_a_time(bootstrap, one_by_one)
    for partitions in (FEW, USUAL):
        for groups, how in ((TOGETHER, "one process"), (APART, "three processes")):
            rate, middle_ms = await _under_load(bootstrap, groups, many, partitions)
            beside = f"median {middle_ms:,.0f} ms each"
            what = f"tasks of such hops, {OUTSTANDING} outstanding, {how}, {partitions} partitions"
            figures.append(Figure(what, rate, "/s", many, 500, at_least=True, beside=beside))
    figures.append(await _behind_a_long_step(bootstrap))
    figures.append(await _beside_a_step(bootstrap, step_s))
    figures.append(await _beside_a_question(bootstrap, 6_000 if quick else 100_000))
    return figures


@click.command()
@click.option("--quick", is_flag=True, help="Fewer of everything; figures are rougher.")
@click.option(
    "--step-s",
    type=click.IntRange(min=STEP_S_MIN),
    default=STEP_S,
    show_default=True,
    help="How long the step is beside which others are measured; promised is it for 600.",
)
@click.option("--only-step", is_flag=True, help="Measure that row alone, print it, keep nothing.")
def main(*, quick: bool, step_s: int, only_step: bool) -> None:
    """Measure, print, and keep the figures in results.json; exit 1 when a promise is broken."""
    # aiokafka 0.14 warns while a topic that was just made has no leader yet, and tries again.
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    facts = machine()
    click.echo(f"{facts['processor']}, load {os.getloadavg()[0]:.2f} before the first figure")
    with broker_for_tests() as bootstrap:
        if only_step:
            click.echo(str(uvloop.run(_beside_a_step(bootstrap, step_s))))
            return
        figures = uvloop.run(_measured(bootstrap, step_s, quick=quick))
    tell_and_keep(figures, facts, RESULTS, quick=quick)


main()
