"""Writes data to standard output: as a table for people, as JSON or JSON lines for programs.

The shape of the JSON is published in docs/guide/output.schema.json and is generated from the rows
in `handrail.cli.rows`. `-o json` gives one object {"kind", "version", "items"}; `-o jsonl` gives
each item on a line of its own. A value that nobody knows is null there and "unknown" in a table.
"""

import dataclasses
import os
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

import click
import orjson

if TYPE_CHECKING:
    from handrail.cli.rows import Row

OUTPUT_VERSION = 1
UNKNOWN = "unknown"

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
    click.echo(_table(columns, cells))


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
    if isinstance(value, list):
        return inert(", ".join(map(str, cast("list[object]", value)))) or column.absent
    if isinstance(value, float):
        return f"{value:.1f}"
    return inert(str(value))


def inert(text: str) -> str:
    """Make text from elsewhere harmless on a terminal: control characters are shown, not sent."""
    return "".join(c if c.isprintable() else " " if c in "\n\r\t" else repr(c)[1:-1] for c in text)


def _table(columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> str:
    """Align cells under their titles, without boxes; the last column is never padded."""
    titles = [column.title for column in columns]
    widths = [max(len(row[i]) for row in (titles, *cells)) for i in range(len(columns))]
    lines = [_line(columns, titles, widths)]
    lines += [_line(columns, row, widths) for row in cells]
    return "\n".join(lines)


def _line(columns: Sequence[Column], row: Sequence[str], widths: Sequence[int]) -> str:
    parts = (
        text.rjust(width) if column.right else text.ljust(width)
        for column, text, width in zip(columns, row, widths, strict=True)
    )
    return "  ".join(parts).rstrip()
