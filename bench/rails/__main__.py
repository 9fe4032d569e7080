"""Measures the gateway and races about approvals: `python -m bench.rails [--trials N]`.

`--kafka --trials 30` runs the races alone on a real broker, which takes minutes.

Exit code 1 says that a figure is not what is promised.
"""

import asyncio
import json
import logging
import random
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from decimal import Decimal
from pathlib import Path

import click
import structlog

from bench.engine.figure import Figure, machine
from bench.rails.races import FIRST_DECIDES, RACES, On, race
from handrail import Approval, Effect, Integrity, Limit, Reach, tool
from handrail.rails.gateway import Call, Rails, judge
from handrail.rails.policy_files import policy_in
from handrail.rails.vouching import HasRead
from handrail.rails.words import Words
from handrail.testing.tools import unconfined
from handrail.wire.label import Confidentiality, Label

RESULTS = Path(__file__).with_name("results.json")
RESULTS_KAFKA = Path(__file__).with_name("results_kafka.json")
WHERE = {"memory": "", "kafka": " on Kafka"}
POLICY = Path(__file__).parents[2] / "deploy" / "policy"
CALLS_COUNT = 10_000
FIRST_ACTS_COUNT = 1_000
HEARD_WORDS_COUNT = 1_000  #: some 10 KB
TRIALS_COUNT = 1_000


@tool(
    effect=Effect.UNSAFE,
    reach=Reach.EXTERNAL,
    permission="billing:refund",
    approval=Approval(when="amount > 100", by="role:finance"),
    limit=Limit(per_tenant=2, rate="1000000/s"),
)
async def refund(order: str, amount: Decimal) -> str:
    """Send money back for one order."""
    return f"{order} {amount}"


CALL = Call(
    tool=refund,
    arguments={"order": "42", "amount": "20"},
    agent="clerk",
    asked_by="ben",
    tenant="default",
    task_id="t1",
    now_ms=1,
)


def _gate(what: str, rails: Rails) -> list[Figure]:
    took_ms, spent_ms = _timed(lambda: judge(CALL, rails), CALLS_COUNT)
    return _figures(f"gateway, {what}", took_ms, spent_ms)


def _figures(what: str, took_ms: list[float], spent_ms: list[float]) -> list[Figure]:
    count = len(took_ms)
    return [
        Figure(f"{what}, median", took_ms[count // 2], "ms", count, 1),
        Figure("the same, 99th percentile", took_ms[count * 99 // 100], "ms", count, 3),
        Figure("the same, of the processor's time", spent_ms[count * 99 // 100], "ms", count, 3),
    ]


def _after_a_read(rails: Rails) -> list[Figure]:
    """Time the first act of a run that has heard much and then read what nobody vouches for."""
    draw = random.Random(1)  # noqa: S311 - repeatable, not secret
    known = [f"{draw.getrandbits(32):x}" for _ in range(HEARD_WORDS_COUNT)]
    calls = list[Call]()
    for _ in range(FIRST_ACTS_COUNT):
        words = Words()
        words.hear("Order 42, 20 each: " + ", ".join(draw.choices(known, k=HEARD_WORDS_COUNT)))
        read = HasRead(label=Label(Integrity.UNTRUSTED, Confidentiality.TENANT), words=words)
        calls.append(replace(CALL, read=read))
    took_ms, spent_ms = _timed(lambda: judge(calls.pop(), rails), FIRST_ACTS_COUNT)
    return _figures("the first act of a run that has heard 10 KB", took_ms, spent_ms)


def _timed(act: Callable[[], object], count: int) -> tuple[list[float], list[float]]:
    """Give what each call took, and what it took of the processor: others may use that as well."""
    took_ms: list[float] = []
    spent_ms: list[float] = []
    for _ in range(count):
        spent_s, began_s = time.thread_time(), time.perf_counter()
        act()
        took_ms.append((time.perf_counter() - began_s) * 1000)
        spent_ms.append((time.thread_time() - spent_s) * 1000)
    return sorted(took_ms), sorted(spent_ms)


async def _races(trials: int, on: On) -> list[Figure]:
    found: list[Figure] = []
    for name in RACES:
        came = await race(name, trials, on=on)
        click.echo(f"{name}: {came}", err=True)
        least = min(came.crashes.values(), default=0)
        died = f", {came.crashes.total()} crashes at {len(came.crashes)} moments, {least} at least"
        died = died if came.crashes else ""
        beside = f"{came.approved} approved, {came.acts} acts{died}"
        found += [
            Figure(
                f"race{WHERE[on]}: {name}, acts nobody approved",
                came.unauthorised,
                "",
                came.trials,
                0,
            ),
            Figure("the same, double acts", came.double, "", came.trials, 0, beside=beside),
        ]
        if name in FIRST_DECIDES:
            said = "the same, acts approved first that did not take place"
            found.append(Figure(said, came.missed, "", came.trials, 0))
    return found


@click.command()
@click.option("--trials", default=TRIALS_COUNT, show_default=True, help="Of each race.")
@click.option("--kafka", is_flag=True, help="The races alone, on a real broker.")
@click.option("--gate-only", is_flag=True, help="Leave the races out.")
def measure(trials: int, *, kafka: bool, gate_only: bool) -> None:
    """Measure, print and write the figures."""
    on = machine()
    figures: list[Figure] = []
    if not kafka:
        figures += _gate("no policy", unconfined())
        figures += _gate("with the example's policy", unconfined(policy_in(POLICY)))
        figures += _after_a_read(unconfined(policy_in(POLICY)))
    if not gate_only:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        figures += asyncio.run(_races(trials, "kafka" if kafka else "memory"))
    for figure in figures:
        click.echo(str(figure))
    if not gate_only:
        written = {"machine": on, "figures": [asdict(figure) for figure in figures]}
        (RESULTS_KAFKA if kafka else RESULTS).write_text(
            json.dumps(written, indent=2) + "\n", "utf-8"
        )
    raise SystemExit(0 if all(figure.kept for figure in figures) else 1)


if __name__ == "__main__":
    measure()
