"""Writes data to standard output: as a table for people, as JSON or JSON lines for programs.

The shape of the JSON is published in docs/guide/output.schema.json and is generated from the rows
in `handrail.cli.rows`. `-o json` gives one object {"kind", "version", "items"}; `-o jsonl` gives
each item on a line of its own. A value that nobody knows is null there and "unknown" in a table.

A table is never cut: on a terminal that is too narrow its sentences go on in the next line, under
their own title, and columns for which there is no room even so stand below the others. Into a file
or a pipe every row is one line, however long.
"""

import dataclasses
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

import click
import orjson

if TYPE_CHECKING:
    from handrail.cli.rows import Row

OUTPUT_VERSION = 1
UNKNOWN = "unknown"
GAP, INDENT = "  ", "    "
FOLDED_CHARS_MIN = 16  #: a column of sentences is made no narrower

P = ParamSpec("P")
R = TypeVar("R")


class Shape(StrEnum):
    """How data is written."""

    TABLE = "table"  #: for people; may change
    JSON = "json"  #: one document
    JSONL = "jsonl"  #: one item a line


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its title, the field it shows, and what stands there for None."""

    title: str
    field: str
    absent: str = UNKNOWN
    right: bool = False


def output_option(function: Callable[P, R]) -> Callable[P, R]:
    """Give a command `-o table|json|jsonl`, handed over as `shape`."""
    return click.option(
        "-o",
        "--output",
        "shape",
        type=click.Choice([shape.value for shape in Shape]),
        default=Shape.TABLE.value,
        show_default=True,
        callback=_shape,
        help="How data is written.",
    )(function)


def _shape(_context: click.Context, _parameter: click.Parameter, value: str) -> Shape:
    return Shape(value)


def show_rows(
    kind: str, rows: Sequence["Row"], columns: Sequence[Column], shape: Shape, *, empty: str
) -> None:
    """Write rows in the asked shape; an empty table says so in a sentence on standard error."""
    if shape is Shape.JSON:
        document = {"kind": kind, "version": OUTPUT_VERSION, "items": list(rows)}
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2))
        return
    if shape is Shape.JSONL:
        for row in rows:
            show_line(row)
        return
    if not rows:
        click.echo(empty, err=True)
        return
    cells = [[_cell(getattr(row, column.field), column) for column in columns] for row in rows]
    click.echo(_table(columns, cells, _room()))


def show_line(row: "Row") -> None:
    """Write one item as one line of JSON, at once."""
    click.echo(orjson.dumps(row))


def note(text: str) -> None:
    """Say something to the person at the screen, on standard error."""
    click.echo(text, err=True)


def on_terminal() -> bool:
    """Say whether a person watches standard error, so that a live view makes sense."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _cell(value: object, column: Column) -> str:
    if value is None:
        return column.absent
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return inert(", ".join(map(str, cast("list[object]", value)))) or column.absent
    if isinstance(value, dict):
        return inert(orjson.dumps(value).decode())
    if isinstance(value, float):
        return f"{value:.1f}"
    return inert(str(value))


def inert(text: str) -> str:
    """Make text from elsewhere harmless on a terminal: control characters are shown, not sent."""
    return "".join(c if c.isprintable() else " " if c in "\n\r\t" else repr(c)[1:-1] for c in text)


def _room() -> int | None:
    """Give the width of the terminal that the table goes to, None when it goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _table(columns: Sequence[Column], cells: Sequence[Sequence[str]], room: int | None) -> str:
    """Align cells under their titles, without boxes; the last column is never padded."""
    rows = [[column.title for column in columns], *cells]
    widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]
    lines: list[list[str]] = [[] for _ in rows]
    for start, end in [(0, len(widths))] if room is None else _shelves(widths, rows, room):
        indent = INDENT if start else ""
        shelf = [row[start:end] for row in rows]
        fit = widths[start:end]
        if room is not None:
            fit = _narrowed(fit, shelf, room - len(indent))
        for row, found in zip(shelf, lines, strict=True):
            found += [indent + _line(columns[start:end], p, fit) for p in _folded(row, fit)]
    return "\n".join(line for found in lines for line in found)


def _shelves(
    widths: Sequence[int], rows: Sequence[Sequence[str]], room: int
) -> list[tuple[int, int]]:
    """Say which columns stand side by side: all where that can be, else the rest goes below."""
    fit = _narrowed(widths, rows, room)
    if sum(fit) + len(GAP) * (len(fit) - 1) <= room:
        return [(0, len(widths))]
    starts, taken = [0], 0
    for i, width in enumerate(widths):
        if i > starts[-1] and taken + width > room:
            starts.append(i)
            taken = len(INDENT)
        taken += width + len(GAP)
    return list(zip(starts, [*starts[1:], len(widths)], strict=True))


def _narrowed(widths: Sequence[int], rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """Take from the columns of sentences, the widest first, what there is too much."""
    fit = [*widths]
    # A name is copied from the screen: only what has spaces may go on in another line.
    words = [[word for row in rows for word in row[i].split()] for i in range(len(widths))]
    longest = [max(map(len, found), default=0) for found in words]
    for i in sorted(range(len(fit)), key=lambda i: -widths[i]):
        excess = sum(fit) + len(GAP) * (len(fit) - 1) - room
        if excess <= 0:
            break
        least = max(FOLDED_CHARS_MIN, longest[i])
        fit[i] = min(fit[i], max(least, fit[i] - excess))
    return fit


def _folded(row: Sequence[str], widths: Sequence[int]) -> list[list[str]]:
    """Give a row as the lines that it takes."""
    if all(len(text) <= width for text, width in zip(row, widths, strict=True)):
        return [[*row]]
    pieces = [
        textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
        for text, width in zip(row, widths, strict=True)
    ]
    height = max(map(len, pieces))
    return [[found[n] if n < len(found) else "" for found in pieces] for n in range(height)]


def _line(columns: Sequence[Column], row: Sequence[str], widths: Sequence[int]) -> str:
    parts = (
        text.rjust(width) if column.right else text.ljust(width)
        for column, text, width in zip(columns, row, widths, strict=True)
    )
    return GAP.join(parts).rstrip()
