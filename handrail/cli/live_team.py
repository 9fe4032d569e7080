"""Shows a team's processes while they run: a live table on a terminal, lines elsewhere."""

import asyncio
import time
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from handrail.cli.output import inert, note
from handrail.runtime.note import ProcessState
from handrail.runtime.supervisor import Event, What

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live
    from rich.table import Table

    from handrail.runtime.child import Child
    from handrail.runtime.supervisor import Supervisor

PAINTS_PER_S = 4
NEWS_SHOWN = 5
LINES_BESIDE_ROWS = 4  #: the headline, the titles, how to stop, the cursor's line
STOP = "Ctrl-C stops the team."
ASK = 'Ask it from another terminal: handrail submit "…" --wait'


def line_of(event: Event) -> str:
    """Give what happened to a process as one line."""
    line = f"{event.name}: {event.what}"
    return f"{line}; {inert(event.sentence)}" if event.sentence else line


class LiveTeam:
    """The processes of a team as a person sees them."""

    def __init__(self, names: Sequence[str]) -> None:
        """Know the names; nothing is shown yet."""
        self._names = list(names)
        self._supervisor: Supervisor | None = None
        self._live: Live | None = None
        self._news: list[str] = []
        self._headline = ""
        self._looping: set[str] = set()
        self._started_s = time.monotonic()
        self._said_ready = False
        self._closed = False

    def tell(self, event: Event) -> None:
        """Take in what happened to a process."""
        if event.what is What.LOOPING:
            self._looping.add(event.name)
        elif event.what is What.READY:
            self._looping.discard(event.name)
        if self._live is None:
            note(line_of(event))
        elif event.sentence or event.what not in {What.STARTED, What.READY}:
            self._news.append(f"{time.strftime('%H:%M:%S')} {line_of(event)}")

    def open(self, supervisor: "Supervisor", bootstrap: str, *, on_terminal: bool) -> None:
        """Begin to show."""
        self._supervisor = supervisor
        self._headline = f"Kafka at {bootstrap}."
        if not on_terminal:
            many = "1 process" if len(self._names) == 1 else f"{len(self._names)} processes"
            note(f"{self._headline} Starting {many}.")
            return
        from rich.console import Console
        from rich.live import Live

        self._live = Live(
            console=Console(stderr=True), auto_refresh=False, transient=False, screen=False
        )
        self._live.start()

    async def show(self) -> None:
        """Paint until cancelled."""
        while True:
            self._paint()
            await asyncio.sleep(1 / PAINTS_PER_S)

    def close(self) -> None:
        """Stop painting; later events are shown as lines."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _paint(self) -> None:
        supervisor = self._supervisor
        if supervisor is None:
            return
        ready = all(child.ready for child in supervisor.children)
        if ready and not self._said_ready:
            self._said_ready = True
            took_s = time.monotonic() - self._started_s
            self._headline += f" The team is ready after {took_s:.1f} s."
            if self._live is None:
                note(f"The team is ready after {took_s:.1f} s. {ASK}")
        if self._live is not None:
            picture = self.picture(supervisor.children, self._live.console.height)
            self._live.update(picture, refresh=True)

    def picture(self, children: "Sequence[Child]", height: int) -> "Group":
        """Give the picture of a moment, no higher than `height` lines."""
        from rich.console import Group
        from rich.text import Text

        room = max(1, height - LINES_BESIDE_ROWS)
        # Whoever is not ready stands first where not all have room.
        chosen = list(children)
        if len(chosen) > room:
            chosen = sorted(chosen, key=lambda child: child.ready)[:room]
        ready = sum(1 for child in children if child.ready)
        lines = [f"{self._headline} {ready} of {len(children)} processes are ready."]
        if self._said_ready and ready == len(children):
            lines = [self._headline]
        if len(chosen) < len(children):
            lines[0] += f" {len(children) - len(chosen)} more processes have no room here."
        news = min(NEWS_SHOWN, room - len(chosen))
        below = [*(self._news[-news:] if news > 0 else []), STOP]
        if self._said_ready:
            below[-1] = f"{ASK}   {STOP}"

        def text(line: str) -> Text:
            return Text(line, no_wrap=True, overflow="ellipsis")

        return Group(*map(text, lines), _table(chosen, self._looping), *map(text, below))


def _table(children: "Sequence[Child]", looping: Collection[str]) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("NAME", "STATE"):
        table.add_column(title, no_wrap=True, overflow="ellipsis")
    for title in ("PID", "PARTITIONS", "HANDLED", "IN HAND"):
        table.add_column(title, justify="right", no_wrap=True, overflow="ellipsis")
    for child in children:
        table.add_row(*_cells(child, looping=child.spec.name in looping))
    return table


def _cells(child: "Child", *, looping: bool) -> tuple[str, ...]:
    note_, pid = child.note, child.pid
    if pid is None:
        state = "crash loop" if looping else "down, starting again"
        return (child.spec.name, f"[red]{state}[/red]", "–", "–", "–", "–")
    if note_ is None:
        return (child.spec.name, "starting", str(pid), "–", "–", "–")
    state, colour = str(note_.state), "green" if note_.state is ProcessState.READY else "yellow"
    if note_.closed:
        state, colour = f"{state}, {len(note_.closed)} closed", "red"
    return (
        child.spec.name,
        f"[{colour}]{state}[/{colour}]",
        str(pid),
        str(note_.partitions),
        str(note_.handled),
        "–" if note_.in_hand is None else str(note_.in_hand),
    )
