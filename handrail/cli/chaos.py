"""`handrail chaos`: a team under faults on a real Kafka, and what was found of what is promised."""

import asyncio
import logging
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import click

from handrail.cli.chaos_check import check
from handrail.cli.numbers import Amount
from handrail.cli.output import Column, Shape, inert, note, output_option, show_rows
from handrail.cli.place import Place, place_options
from handrail.cli.rows import ChaosRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handrail.bus.settings import Settings
    from handrail.chaos.account import Round
    from handrail.chaos.proof import MakeStage, ProofPlan
    from handrail.chaos.rounds import Total

R = TypeVar("R")

FAULTS = ("kill", "freeze", "broker", "rebalance", "endtxn", "cutoff", "provider")
OWN, SHIPPED = "own", "shipped"
COLUMNS = (
    Column("WHAT", "what"),
    Column("FOUND", "found", right=True),
    Column("OUT OF", "out_of", right=True),
    Column("OF", "of"),
    Column("SO", "sentence"),
)
VERIFICATION_FAILED = 9
TASKS_PER_S = 4.0
GAP_S = 2.5
SEED_MAX = 10**6
FINDINGS_SHOWN = 10
KEPT_VARIABLES = frozenset({"HANDRAIL_JARS_URL"})


def _faults(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, ...]:
    """Read `--faults kill,freeze`."""
    named = tuple(dict.fromkeys(word.strip() for word in value.split(",") if word.strip()))
    unknown = [word for word in named if word not in FAULTS]
    if unknown or not named:
        message = f"{', '.join(unknown) or 'none'}: the faults are {', '.join(FAULTS)}."
        raise click.BadParameter(message)
    return named


def _account(
    _context: click.Context, _parameter: click.Parameter, value: Path | None
) -> Path | None:
    """Refuse an account that cannot be written before a round of two minutes is played for it."""
    if value is None:
        return None
    there = next(one for one in (value, *value.absolute().parents) if one.exists())
    if (there != value and not there.is_dir()) or not os.access(there, os.W_OK):
        message = f"{value} cannot be written."
        raise click.BadParameter(message)
    return value


#: What `handrail chaos` can be told, in the order of its help.
OPTIONS = (
    click.option(
        "--minutes",
        default=5.0,
        show_default=True,
        type=Amount(min=0.5),
        help="How long; at least one round is played.",
    ),
    click.option("--seed", type=int, help="The same seed draws the same tasks and faults."),
    click.option(
        "--faults",
        default=",".join(FAULTS),
        show_default=True,
        callback=_faults,
        help="Which faults strike.",
    ),
    click.option(
        "--processes",
        default=0,
        type=click.IntRange(min=0),
        metavar="N",
        help="Processes of agents in all; each agent has one at least.",
    ),
    click.option(
        "--rate",
        default=TASKS_PER_S,
        show_default=True,
        type=Amount(min=0, min_open=True),
        help="Tasks handed in per second of load.",
    ),
    click.option(
        "--team",
        type=click.Choice([OWN, SHIPPED]),
        help="Your own, or the one that ships for this.  [default: your own, where there is one]",
    ),
    click.option(
        "--task",
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A JSON message for your intake, or a list.  [default: made up from its schema]",
    ),
    click.option(
        "--gap",
        default=GAP_S,
        show_default=True,
        type=Amount(min=0.5),
        help="Seconds between two faults, on average.",
    ),
    click.option(
        "--unsafe",
        default=0.01,
        type=Amount(0, 1),
        hidden=True,
        help="Share of jobs with an unsafe step.",
    ),
    click.option(
        "--rounds",
        metavar="FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        callback=_account,
        help="Where the account is kept.  [default: .handrail/chaos/rounds.jsonl]",
    ),
    click.option("--keep", is_flag=True, help="Keep the whole history of clean rounds too."),
)


def _options(function: Callable[..., R]) -> Callable[..., R]:
    """Give a command all of OPTIONS."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


@click.group(invoke_without_command=True)
@place_options
@_options
@output_option
@click.pass_context
def chaos(context: click.Context, /, place: Place, shape: Shape, **given: object) -> int | None:
    """Treat a team badly on a Kafka of its own, and say what was lost, doubled or torn.

    Rounds of about two minutes are played until the minutes are over; from ten minutes on every
    third one takes about four. In each, a fresh local Kafka and all processes are started, tasks
    are handed in, and processes, broker, network and provider fail as the seed says. Then
    everything is left in peace until nothing moves, and every topic is read and judged. Ends with
    code 9 if anything was found that is promised never to happen, or if no task was carried out.

    Your own team runs as a copy of your project folder. Its agents are your files, as processes of
    their own. Your cluster is not touched. Models are not asked: answers are made up to fit what
    was asked for. Tools that are declared pure or read run for real. All other tools are not run: a
    provider keeps account of each call, and the result is made up. What a handler does outside of
    tools happens for real, functions given to ctx.step included.

    So it says how your agents, topics and effect classes stand faults, and nothing about whether
    a receiver outside keeps its word.
    """
    if context.invoked_subcommand is not None:
        return None
    settings = place.settings()
    plan = _plan(settings, given)
    played = asyncio.run(_play(plan))
    from handrail.chaos.rounds import added_up

    show_rows("chaos", rows_of(added_up(played)), COLUMNS, shape, empty="")
    return _say_verdict(played)


@chaos.command()
@place_options
@click.option(
    "--rounds",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Where the account was kept.  [default: .handrail/chaos/rounds.jsonl]",
)
@click.option("--all", "every", is_flag=True, help="Rounds of other sources too.")
@output_option
def report(place: Place, rounds: Path | None, *, every: bool, shape: Shape) -> int:
    """Add up the rounds that were played, those of the newest sources unless told otherwise."""
    from handrail.chaos.rounds import added_up, read

    file = rounds or place.folder / ".handrail" / "chaos" / "rounds.jsonl"
    found, broken = read(file)
    if broken:
        note(f"{broken} lines of {file} cannot be read and are left out.")
    if not found:
        note(f"No round was played yet. Play some: handrail chaos    ({file} holds none)")
        return 0
    newest = found[-1]
    same = [one for one in found if (one.sources, one.team) == (newest.sources, newest.team)]
    chosen = found if every else same
    total = added_up(chosen)
    show_rows("chaos", rows_of(total), COLUMNS, shape, empty="")
    faults = ", ".join(f"{count} {kind}" for kind, count in total.faults.items())
    whose = "of all sources" if every else f"of sources {newest.sources}, team {newest.team}"
    note(f"{total.rounds} rounds {whose}, {sum(total.faults.values())} faults: {faults}.")
    if not every and len(found) > len(same):
        note(f"{len(found) - len(same)} more rounds are of other sources: --all adds them.")
    return _say_verdict(chosen)


chaos.add_command(check)


def rows_of(total: "Total") -> list[ChaosRow]:
    """Give the figures of some rounds as rows, each with what follows from it."""
    from handrail.chaos.account import LIMITS_S
    from handrail.chaos.checker.report import slowest_in_words

    rows: list[ChaosRow] = []
    for one in total.sums:
        if not one.figure.is_promised:
            sentence = "counted, and no fault"
        elif one.found:
            sentence = "a promise is broken"
        elif one.bound is None:
            sentence = "nothing of the kind was tried"
        else:
            sentence = f"below {one.bound:.2g} at 95 %"
        if timed := slowest_in_words(one.slowest_s, LIMITS_S.get(one.figure)):
            sentence = f"{timed}; {sentence}"
        rows.append(
            ChaosRow(
                what=one.figure.value,
                found=one.found,
                out_of=one.count,
                of=one.against,
                bound=one.bound,
                sentence=sentence,
            )
        )
    return rows


def _plan(settings: "Settings", given: "dict[str, object]") -> "ProofPlan":
    from handrail.chaos.account import digest_of, sources_of_engine
    from handrail.chaos.proof import ProofPlan
    from handrail.chaos.strikes import Kind, Severity
    from handrail.cli.broker import ShownProgress

    own = settings.project_dir if _is_own(settings, given["team"]) else None
    home = settings.project_dir / ".handrail" / "chaos"
    seed = given["seed"]
    sources = sources_of_engine()
    if own is not None:
        sources += f"+{digest_of(own, ('*.py', 'handrail.toml'))}"
    stage = _own_stage(settings, given) if own else _shipped_stage(given)
    rounds, faults = given["rounds"], cast("tuple[str, ...]", given["faults"])
    return ProofPlan(
        seed=seed if isinstance(seed, int) else secrets.randbelow(SEED_MAX),
        minutes=float(str(given["minutes"])),
        project=settings.project_dir,
        folder=home,
        rounds_file=rounds if isinstance(rounds, Path) else home / "rounds.jsonl",
        team=SHIPPED if own is None else own.name,
        sources=sources,
        kinds=tuple(Kind(one) for one in faults),
        processes=int(str(given["processes"])),
        stage=stage,
        severity=Severity(gap_s=float(str(given["gap"]))),
        keep=bool(given["keep"]),
        progress=ShownProgress(),
        tell=note,
    )


def _is_own(settings: "Settings", team: object) -> bool:
    there = any((settings.project_dir / "agents").glob("*.py"))
    return there if team is None else team == OWN


def _shipped_stage(given: "dict[str, object]") -> "MakeStage":
    from handrail.chaos.jobs import Mixture
    from handrail.chaos.stage import Stage, chaos_loads, chaos_team

    rate, mixture = float(str(given["rate"])), Mixture(unsafe=float(str(given["unsafe"])))

    def stage(folder: Path, seed: int, over_s: float) -> Stage:
        count = max(1, round(rate * over_s))
        return chaos_team(folder, "chaos", chaos_loads(seed, count, mixture))

    return stage


def _own_stage(settings: "Settings", given: "dict[str, object]") -> "MakeStage":
    from handrail.chaos.own_team import given_tasks, made_up_tasks, own_loads, own_team
    from handrail.chaos.stage import Stage
    from handrail.cli.message import intake_of
    from handrail.cli.team import checked_team

    intake, rate, file = (
        intake_of(checked_team(settings).description),
        float(str(given["rate"])),
        given["task"],
    )

    def stage(folder: Path, seed: int, over_s: float) -> Stage:
        bodies = (
            given_tasks(intake, file) if isinstance(file, Path) else made_up_tasks(intake, seed)
        )
        loads = own_loads(intake, bodies, max(1, round(rate * over_s)))
        return own_team(folder, settings, intake.name, loads)

    return stage


async def _play(plan: "ProofPlan") -> "list[Round]":
    from handrail.bus.settings import described
    from handrail.chaos.account import Against, Figure
    from handrail.chaos.proof import prove
    from handrail.runtime.log_lines import set_up_logging

    # What is set in this shell is meant for the team's real work, and not for these processes.
    for setting in described().values():
        if setting.variable not in KEPT_VARIABLES:
            os.environ.pop(setting.variable, None)
    set_up_logging(logging.CRITICAL)
    # That a broker cannot be reached is what is done here on purpose.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    played: list[Round] = []
    async for one in prove(plan):
        played.append(one)
        found = sum(one.found[what] for what in Figure if what.is_promised)
        verdict = f"{found} promises broken" if not one.is_clean else "nothing was broken"
        if one.is_clean and not one.has_tried:
            verdict = "no handler ran, so that nothing was tried"
        back = one.counts.get(Against.SENT_BACK, 0)
        which = f"{one.counts['tasks']} tasks, {back} dead letters sent back"
        note(f"  {which}, {sum(one.faults.values())} faults: {verdict}.")
    return played


def _say_verdict(played: "Sequence[Round]") -> int:
    broken = [one for one in played if not one.is_clean]
    for one in broken:
        note(f"Seed {one.seed}, played at {one.at}: {one.history}")
        for finding in one.findings[:FINDINGS_SHOWN]:
            note(f"  {inert(finding)}")
    if broken:
        note("Play one of them again: handrail chaos --seed SEED --minutes 2")
        return VERIFICATION_FAILED
    if played and not any(one.has_tried for one in played):
        note("No task was carried out. With rules in policy/, whoever asks here is `anonymous`:")
        note("permit it what your intake needs, or play a copy of the folder without them.")
        return VERIFICATION_FAILED
    return 0
