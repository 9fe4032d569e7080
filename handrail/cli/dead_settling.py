"""`handrail dead redrive` and `handrail dead discard`: dead letters are sent back, or given up."""

import asyncio
import getpass
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import click

from handrail.cli.numbers import Amount
from handrail.cli.output import Column, Shape, inert, note, output_option, show_rows
from handrail.cli.place import Place, place_options
from handrail.cli.rows import SettledRow
from handrail.errors import ConfirmationNeeded
from handrail.lane.wave import (
    CANARY_COUNT,
    RATE_PER_S,
    RATE_PER_S_MAX,
    RATE_PER_S_MIN,
    Halted,
    Pace,
)

if TYPE_CHECKING:
    from handrail.bus.settings import Settings
    from handrail.cli.dead_choosing import Choice, Ledger
    from handrail.runtime.dead_letters import FoundLetter
    from handrail.runtime.dead_wave import Sent, Settlement

COLUMNS = (
    Column("ID", "id"),
    Column("TASK", "task", absent="–"),
    Column("OUTCOME", "outcome"),
    Column("WHY", "sentence", absent=""),
)
FAILED, CONFLICT, NOT_ENDED = 1, 5, 6
WAITS_FOR = {
    "question": "an answer",
    "approval": "an approval",
    "doubt": "somebody to say whether it happened",
    "budget": "a word on its budget",
}
LEFT_ALONE, NOT_SENT = "left alone", "not sent"
DISCARD_PACE = Pace(canary=0, rate_per_s=RATE_PER_S_MAX)


class Which(TypedDict):
    """What both commands take: which letters, by whom, and whether in earnest."""

    ids: tuple[str, ...]
    group: str | None
    agent: str | None
    reason: str | None
    task: str | None
    everything: bool
    by: str | None
    dry_run: bool


def _which(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the ways to say which dead letters are meant."""
    for option in (
        click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing."),
        click.option("--by", metavar="NAME", help="Who wants it.  [default: your login]"),
        click.option("--all", "everything", is_flag=True, help="Every open one."),
        click.option("--task", metavar="TASK", help="The open ones of a task."),
        click.option("--reason", metavar="REASON", help="The open ones with this reason."),
        click.option("--agent", metavar="AGENT", help="The open ones of this agent."),
        click.option("--group", metavar="GROUP", help="Those that died alike; see `dead list`."),
        click.argument("ids", metavar="[ID]…", nargs=-1),
    ):
        command = option(command)
    return command


@click.command()
@place_options
@_which
@click.option(
    "--from-step",
    metavar="STEP",
    type=click.IntRange(min=1),
    help="Do this step and all after it anew, whatever is recorded.",
)
@click.option("--edit", metavar="FILE", help="Carry out what FILE holds in its place; - is stdin.")
@click.option(
    "--canary",
    metavar="COUNT",
    type=click.IntRange(min=0),
    default=CANARY_COUNT,
    show_default=True,
    help="Send so many first, and the others once these have ended well.",
)
@click.option(
    "--rate",
    metavar="PER_S",
    type=Amount(RATE_PER_S_MIN, RATE_PER_S_MAX),
    default=RATE_PER_S,
    show_default=True,
    help="At most so many in a second.",
)
@output_option
def redrive(
    place: Place,
    shape: Shape,
    *,
    from_step: int | None,
    edit: str | None,
    canary: int,
    rate: float,
    **which: Unpack[Which],
) -> int:
    """Send dead letters back to their agent; nothing that is recorded is done again.

    Each takes its old place before the others of its key, at once or when its agent runs. The rest
    waits until the first has ended well, and nothing more is sent once over 20 % have failed again.
    One that was sent back three times and died each time is left alone.

    Ends with 1 if any failed again, was refused or was not sent, with 5 if there was none that
    could be sent back, and with 6 if some are still at work or wait for a person.
    """
    pace = Pace(canary=canary, rate_per_s=rate)
    asked = _Asked(which, from_step=from_step, edit=edit, pace=pace)
    return asyncio.run(_settle(place.settings(), asked, shape))


@click.command()
@place_options
@_which
@click.option("--why", metavar="TEXT", required=True, help="Why; everybody who looks sees it.")
@click.option("--yes", is_flag=True, help="Do not ask, however many there are.")
@output_option
def discard(place: Place, shape: Shape, *, why: str, yes: bool, **which: Unpack[Which]) -> int:
    """Give dead letters up for good; what waits behind them goes on.

    Their tasks stay failed and their bytes stay readable for 30 days, but none can be sent back any
    more. Ends as `redrive` does.
    """
    asked = _Asked(which, why=why, yes=yes, pace=DISCARD_PACE)
    return asyncio.run(_settle(place.settings(), asked, shape))


class _Asked:
    """What was typed."""

    def __init__(
        self,
        which: Which,
        *,
        pace: Pace,
        why: str | None = None,
        yes: bool = False,
        from_step: int | None = None,
        edit: str | None = None,
    ) -> None:
        """Check what can be checked without a broker. Raises UsageError."""
        self.dry_run = which["dry_run"]
        self.by = which["by"] or getpass.getuser()
        self.choice = _choice(which)
        self.pace, self.why, self.yes = pace, why, yes
        self.from_step, self.edit = from_step, edit
        if why is not None and not why.strip():
            message = "--why is empty; say in words why it is given up."
            raise click.UsageError(message, click.get_current_context(silent=True))


def _choice(which: Which) -> "Choice":
    from handrail.cli.dead_choosing import Choice

    choice = Choice(
        ids=which["ids"],
        group=which["group"],
        agent=which["agent"],
        reason=which["reason"],
        task=which["task"],
        everything=which["everything"],
    )
    choice.check()
    return choice


async def _settle(settings: "Settings", asked: _Asked, shape: Shape) -> int:
    from handrail.cli.dead_choosing import Ledger, chosen, edited_of
    from handrail.cli.projection import current_projection, known_task
    from handrail.runtime.clock import WallClock
    from handrail.runtime.dead_wave import Ground, Settlement, run_wave

    async with current_projection(settings) as (projection, bus):
        ledger = Ledger(projection)
        choice = asked.choice
        if choice.task is not None:
            facts = await known_task(settings, projection, bus, choice.task)
            choice = replace(choice, task=facts.task_id)
        found = await chosen(bus, settings.namespace, choice, ledger)
        left = [row for one in found if (row := _left_alone(one, ledger, asked)) is not None]
        kept_out = {row.id for row in left}
        letters = [one for one in found if str(one.id) not in kept_out]
        edited = None
        if asked.edit is not None:
            edited = await edited_of(settings, bus, found, asked.edit)
        settlement = Settlement(
            by=asked.by, discard_why=asked.why, from_step=asked.from_step, edited=edited
        )
        if asked.dry_run or not letters:
            rows = [_planned(one, settlement) for one in letters]
            empty = asked.choice.none_in_words
            show_rows("settled", [*rows, *left], COLUMNS, shape, empty=empty)
            if letters:
                note(f"Nothing was done. Without --dry-run {_in_words(len(letters), settlement)}.")
            return CONFLICT if left and not letters else 0
        if settlement.discard_why is not None and len(letters) > 1 and not asked.yes:
            _confirm(len(letters))
        if 0 < asked.pace.canary < len(letters):
            count = "one" if asked.pace.canary == 1 else str(asked.pace.canary)
            rest = len(letters) - asked.pace.canary
            note(f"Sending {count} back first; the other {rest} follow once that has ended well.")
        ground = Ground(bus, settings.namespace, projection, WallClock())
        sent, halted = await run_wave(ground, letters, settlement, asked.pace)
    rows = [_row(one) for one in sent]
    rows += [_unsent(one) for one in letters[len(sent) :]]
    show_rows("settled", [*rows, *left], COLUMNS, shape, empty="")
    note(summary(sent, len(letters) - len(sent), halted))
    return _exit_code(sent, halted, unsent=len(letters) - len(sent))


def _left_alone(found: "FoundLetter", ledger: "Ledger", asked: _Asked) -> SettledRow | None:
    from handrail.lane.redrives import REDRIVE_COUNT_MAX

    settled: str | None = ledger.settled(found)
    count = found.letter.failure.redrive
    if settled is None and asked.why is None and count >= REDRIVE_COUNT_MAX:
        settled = f"it was sent back {count} times and died each time; submit it again, or discard"
    if settled is None:
        return None
    return SettledRow(str(found.id), found.id.agent, found.task or None, LEFT_ALONE, settled)


def _planned(found: "FoundLetter", settlement: "Settlement") -> SettledRow:
    what = "would be sent back" if settlement.discard_why is None else "would be given up"
    failure = found.letter.failure
    died = failure.exception_message or failure.exception_type or failure.reason
    words = f"it died of: {died}"
    return SettledRow(str(found.id), found.id.agent, found.task or None, what, words)


def _row(one: "Sent") -> SettledRow:
    from handrail.runtime.dead_letters import Fate

    outcome = {
        Fate.ASKED: "on its way",
        Fate.REFUSED: "refused",
        Fate.DISCARDED: "given up",
        Fate.WORKING: "at work",
        Fate.WAITING: "waits for a person",
        Fate.ENDED: "ended well",
        Fate.DIED: "died again",
    }[one.fate]
    words = one.words
    if one.fate is Fate.ASKED:
        words = "its agent takes it once it runs"
    if one.fate is Fate.WAITING:
        words = (
            f"waits for {WAITS_FOR[words]}: handrail people    shows it, and what goes on with it"
        )
    found = one.found
    return SettledRow(str(found.id), found.id.agent, found.task or None, outcome, words)


def _unsent(found: "FoundLetter") -> SettledRow:
    words = "it is still open"
    return SettledRow(str(found.id), found.id.agent, found.task or None, NOT_SENT, words)


def summary(sent: "Sequence[Sent]", unsent: int, halted: Halted) -> str:
    """Say in one or two sentences what became of all of them."""
    counted: dict[str, int] = {}
    for one in sent:
        outcome = _row(one).outcome
        counted[outcome] = counted.get(outcome, 0) + 1
    facts = ", ".join(f"{count} {outcome}" for outcome, count in counted.items())
    why = {
        Halted.DONE: "",
        Halted.CANARY_FAILED: f" The other {unsent} stay as they are: what was sent first failed.",
        Halted.CANARY_WAITING: f" The other {unsent} stay as they are: what was sent first waits"
        " for a person. See `handrail people`, then go on with --canary 0.",
        Halted.CANARY_SLOW: f" The other {unsent} stay as they are: what was sent first has not"
        " ended within a minute. See how it fares, then go on with --canary 0.",
        Halted.TOO_MANY_FAILED: f" The other {unsent} stay as they are: over 20 % failed again.",
    }[halted]
    return f"Of {len(sent)} asked for: {inert(facts)}.{why if unsent else ''}"


def _exit_code(sent: "Sequence[Sent]", halted: Halted, *, unsent: int) -> int:
    from handrail.lane.wave import End
    from handrail.runtime.dead_wave import ENDS

    ends = {ENDS[one.fate] for one in sent}
    patient = (Halted.CANARY_SLOW, Halted.CANARY_WAITING)
    if End.FAILED in ends or (unsent and halted not in patient):
        return FAILED
    return NOT_ENDED if {End.OPEN, End.WAITING} & ends else 0


def _in_words(count: int, settlement: "Settlement") -> str:
    many = "it" if count == 1 else f"these {count}"
    return f"{many} would be {'sent back' if settlement.discard_why is None else 'given up'}"


def _confirm(count: int) -> None:
    if not sys.stdin.isatty():
        raise ConfirmationNeeded(
            action=f"giving {count} dead letters up cannot be taken back",
            command="handrail dead discard … --why TEXT",
        )
    note(f"This gives {count} dead letters up for good; none can be sent back any more.")
    click.confirm("Go on?", abort=True, err=True)
