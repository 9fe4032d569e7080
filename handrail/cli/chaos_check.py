"""`handrail chaos check`: judges what a round left behind once more, offline."""

import asyncio
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from handrail.cli.output import Column, Shape, inert, note, output_option, show_rows
from handrail.cli.place import Place, place_options
from handrail.cli.rows import ChaosRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from handrail.chaos.checker.report import Figure, Report
    from handrail.chaos.history import History

COLUMNS = (
    Column("WHAT", "what"),
    Column("FOUND", "found", right=True),
    Column("OUT OF", "out_of", right=True),
    Column("OF", "of"),
    Column("SO", "sentence"),
)
VERIFICATION_FAILED = 9
FINDINGS_SHOWN = 50


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--again",
    is_flag=True,
    help="Run the project's handlers again on what was recorded, and compare what they write.",
)
@place_options
@output_option
def check(place: Place, /, folder: Path, *, again: bool, shape: Shape) -> int:
    """Judge the history in FOLDER once more, by all that is promised. Nothing is started.

    Ends with code 9 if anything was found that is promised never to happen. With --again the
    project has to be the team that was played; what its steps came to is taken from the history,
    and nothing outside is touched.
    """
    from handrail.chaos import folder as histories
    from handrail.chaos.checker.check import check as judge
    from handrail.chaos.checker.report import report

    history = histories.read(folder)
    if again:
        history = _run_again(history, place)
    found = report(history, judge(history))
    show_rows("chaos", list(_rows(found)), COLUMNS, shape, empty="")
    for one in found.violations[:FINDINGS_SHOWN]:
        note(f"  {inert(str(one))}")
    if len(found.violations) > FINDINGS_SHOWN:
        note(f"  and {len(found.violations) - FINDINGS_SHOWN} more.")
    return 0 if found.is_clean else VERIFICATION_FAILED


def _run_again(history: "History", place: Place) -> "History":
    from handrail.chaos.rerun import rerun
    from handrail.cli.team import checked_team
    from handrail.runtime.log_lines import set_up_logging

    set_up_logging(logging.CRITICAL)
    team = checked_team(place.settings()).description
    reruns = asyncio.run(rerun(history, team))
    note(f"{len(reruns)} invocations were run again.")
    return replace(history, reruns=reruns)


def _rows(found: "Report") -> "Iterator[ChaosRow]":
    for figure in found.by_harm.values():
        words = "a promise is broken" if figure.count else _bound_in_words(figure)
        yield _row(figure, "; ".join(filter(None, (figure.time_in_words, words))))
    for figure in (found.in_doubt, found.wasted, found.late_acts):
        yield _row(figure, "counted, and no fault")


def _bound_in_words(figure: "Figure") -> str:
    if not figure.n:
        return "nothing of the kind was tried"
    if figure.bound is None:
        return "too few to say anything"
    return f"below {figure.bound:.2g} at 95 %"


def _row(figure: "Figure", sentence: str) -> ChaosRow:
    return ChaosRow(
        what=figure.name,
        found=figure.count,
        out_of=figure.n,
        of=figure.of,
        bound=figure.bound,
        sentence=sentence,
    )
