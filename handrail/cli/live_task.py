"""Shows a task while it runs on a terminal: a tree of its agents, and the last news below it.

Never higher than the terminal, at any width; what does not fit is left out, the least telling
first. Without colours nothing is lost, since every state is a word.
"""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from handrail.cli.output import inert
from handrail.cli.task_board import Seat, TaskBoard, state_of

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

    from handrail.cli.rows import EventRow
    from handrail.ledger.queries import Told
    from handrail.ledger.task_state import TaskFacts

PAINT_EVERY_S = 0.25
NEWS_SHOWN = 4
LINES_BESIDE_ROWS = 4  #: the headline, the titles, the line of what is left out, the cursor's line
WAITED_FROM_COLUMNS, WORKED_FROM_COLUMNS, TOKENS_FROM_COLUMNS = 48, 60, 72
assert WAITED_FROM_COLUMNS <= WORKED_FROM_COLUMNS <= TOKENS_FROM_COLUMNS


class LiveTask:
    """The view of one task; used as a context, it gives the terminal back however it ends."""

    def __init__(self, console: "Console | None" = None) -> None:
        """Nothing is shown before the first `show`."""
        from rich.console import Console

        self.console = console or Console(stderr=True, highlight=False)
        self._board = TaskBoard()
        self._news: list[str] = []
        self._taken = 0
        self._live: Live | None = None

    def __enter__(self) -> Self:
        """Take the terminal."""
        from rich.live import Live

        self._live = Live(console=self.console, auto_refresh=False, transient=False)
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the last picture where it is, and give the terminal back."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def take(self, told: "Sequence[Told]", rows: "Sequence[EventRow]") -> None:
        """Take in everything that was told of the task so far; what is known already is skipped."""
        if len(told) < self._taken:  # The file was folded anew from the ledger.
            self._board, self._news, self._taken = TaskBoard(), [], 0
        self._board.take(one.event for one in told[self._taken :])
        fresh = rows[self._taken :]
        self._news += [f"{row.time[11:19]}  {inert(row.sentence)}" for row in fresh]
        del self._news[:-NEWS_SHOWN]
        self._taken = len(told)

    def show(self, facts: "TaskFacts | None", now_ms: int | None = None) -> None:
        """Paint how it stands now."""
        if self._live is not None:
            self._live.update(self.picture(facts, now_ms), refresh=True)

    def picture(self, facts: "TaskFacts | None", now_ms: int | None = None) -> "Group":
        """Give the picture of a moment, no higher than the terminal."""
        from rich.console import Group
        from rich.text import Text

        now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        ended = facts is not None and facts.ended
        height = max(LINES_BESIDE_ROWS + 1, self.console.height)
        seats = self._board.seats
        room = height - LINES_BESIDE_ROWS
        shown = seats[:room]
        news = [] if ended else self._news[-max(0, room - len(shown)) :]
        if len(shown) == room:
            news = []
        lines: list[Text | Table] = [_line(self._headline(facts, now_ms), "bold")]
        if shown:
            lines.append(self._table(shown, now_ms))
        if len(seats) > len(shown):
            lines.append(_line(f"… and {len(seats) - len(shown)} more agents", "dim"))
        lines += [_line(one, "dim") for one in news]
        return Group(*lines)

    def _headline(self, facts: "TaskFacts | None", now_ms: int) -> str:
        from handrail.ledger.story import seconds

        board = self._board
        state = "submitted" if facts is None else facts.state.value.replace("_", " ")
        said = [state.capitalize()]
        if board.began_ms is not None:
            ended_ms = None if facts is None else facts.ended_ms
            said.append(seconds((ended_ms or now_ms) - board.began_ms))
        if board.opened:
            said.append(f"{board.ended} of {board.opened} handoffs ended")
        return " · ".join(said)

    def _table(self, seats: "Sequence[Seat]", now_ms: int) -> "Table":
        from rich.table import Table

        width = self.console.width
        table = Table(box=None, pad_edge=False, show_edge=False)
        table.add_column("AGENT", no_wrap=True, overflow="ellipsis")
        table.add_column("STATE", no_wrap=True, overflow="ellipsis")
        from_columns = {
            "WAITED": WAITED_FROM_COLUMNS,
            "WORKED": WORKED_FROM_COLUMNS,
            "TOKENS": TOKENS_FROM_COLUMNS,
        }
        titles = [title for title, needs in from_columns.items() if width >= needs]
        for title in titles:
            table.add_column(title, justify="right", no_wrap=True)
        for seat in seats:
            cells = _cells(seat)
            table.add_row(_name(seat), _state(seat, now_ms), *(cells[title] for title in titles))
        return table


def _cells(seat: Seat) -> dict[str, str]:
    from handrail.ledger.story import seconds

    return {
        "WAITED": "–" if seat.waited_ms is None else seconds(seat.waited_ms),
        "WORKED": "–" if seat.worked_ms is None else seconds(seat.worked_ms),
        "TOKENS": f"{seat.tokens:,}" if seat.model_calls else "–",
    }


def _name(seat: Seat) -> "Text":
    from rich.text import Text

    branch = "" if seat.depth == 0 else "  " * (seat.depth - 1) + "└ "
    return Text(branch + inert(seat.agent or f"(reader of {seat.topic})"))


def _state(seat: Seat, now_ms: int) -> "Text":
    from rich.text import Text

    colour = "green"
    if seat.asks_person or seat.open:
        colour = "yellow"
    if seat.lost:
        colour = "red"
    return Text(state_of(seat, now_ms), style=colour)


def _line(text: str, style: str) -> "Text":
    from rich.text import Text

    return Text(text, style=style, no_wrap=True, overflow="ellipsis")
