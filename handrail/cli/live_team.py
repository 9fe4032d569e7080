"""Shows a team's processes while they run: a live table on a terminal, lines elsewhere."""

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from handrail.cli.output import inert, note
from handrail.runtime.note import ProcessState
from handrail.runtime.supervisor import Event, What

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from handrail.runtime.child import Child
    from handrail.runtime.supervisor import Supervisor

PAINTS_PER_S = 4
NEWS_SHOWN = 5


class LiveTeam:
    """The processes of a team as a person sees them."""

    def __init__(self, names: Sequence[str]) -> None:
        """Know the names; nothing is shown yet."""
        self._names = list(names)
        self._supervisor: Supervisor | None = None
        self._live: Live | None = None
        self._news: list[str] = []
        self._headline = ""
        self._started_s = time.monotonic()
        self._said_ready = False
        self._closed = False

    def tell(self, event: Event) -> None:
        """Take in what happened to a process."""
        line = f"{event.name}: {event.what}"
        if event.sentence:
            line += f"; {inert(event.sentence)}"
        if self._live is None:
            note(line)
        elif event.what not in {What.STARTED, What.READY}:
            self._news.append(f"{time.strftime('%H:%M:%S')} {line}")

    def open(self, supervisor: "Supervisor", bootstrap: str, *, on_terminal: bool) -> None:
        """Begin to show."""
        self._supervisor = supervisor
        self._headline = f"Kafka at {bootstrap}."
        if not on_terminal:
            note(f"{self._headline} Starting {len(self._names)} processes.")
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
                note(f'The team is ready after {took_s:.1f} s. Ask it: handrail submit "…" --wait')
        if self._live is not None:
            self._live.update(self._table(supervisor.children), refresh=True)

    def _table(self, children: "Sequence[Child]") -> "Table":
        from rich.table import Table

        table = Table(box=None, title=self._headline, title_justify="left", pad_edge=False)
        for title in ("NAME", "STATE"):
            table.add_column(title)
        for title in ("PID", "PARTITIONS", "HANDLED", "IN HAND"):
            table.add_column(title, justify="right")
        for child in children:
            table.add_row(*_cells(child))
        table.caption = "\n".join([*self._news[-NEWS_SHOWN:], "Ctrl-C stops the team in order."])
        table.caption_justify = "left"
        return table


def _cells(child: "Child") -> tuple[str, ...]:
    note_, pid = child.note, child.pid
    if pid is None:
        return (child.spec.name, "[red]down, starting again[/red]", "–", "–", "–", "–")
    if note_ is None:
        return (child.spec.name, "starting", str(pid), "–", "–", "–")
    colour = "green" if note_.state is ProcessState.READY else "yellow"
    return (
        child.spec.name,
        f"[{colour}]{note_.state}[/{colour}]",
        str(pid),
        str(note_.partitions),
        str(note_.handled),
        "–" if note_.waiting is None else str(note_.waiting),
    )
