"""`handrail config`: the settings, and where each value comes from."""

from typing import TYPE_CHECKING

import click

from handrail.cli.output import Column, Shape, output_option, show_rows
from handrail.cli.place import Place, place_options
from handrail.cli.rows import SettingRow

if TYPE_CHECKING:
    from handrail.bus.settings import Explanation

COLUMNS = (
    Column("SETTING", "key"),
    Column("VALUE", "value", absent="(not set)"),
    Column("FROM", "source"),
    Column("MEANING", "detail"),
)


@click.group()
def config() -> None:
    """The settings of the project: show, explain."""


@config.command()
@place_options
@output_option
def show(place: Place, shape: Shape) -> int:
    """Show every setting with its value and where the value comes from; secrets are not shown."""
    settings = place.settings()
    rows = [_row(settings.explain(key)) for key in settings.every_key()]
    show_rows("settings", rows, COLUMNS, shape, empty="")
    return 0


@config.command()
@click.argument("key")
@place_options
@output_option
def explain(place: Place, key: str, shape: Shape) -> int:
    """Say what one setting means, its value, where that comes from and how to set it."""
    found = place.settings().explain(key)
    if shape is not Shape.TABLE:
        show_rows("settings", [_row(found)], COLUMNS, shape, empty="")
        return 0
    value = "not set" if found.value is None else found.value
    place_of_it = f" ({found.place})" if found.place and found.place != found.origin else ""
    click.echo(f"{found.key}: {value}")
    click.echo(f"  From:     {found.origin}{place_of_it}")
    click.echo(f"  Meaning:  {found.meaning}")
    click.echo(f"  Variable: {found.variable or 'none; the file alone says it'}")
    return 0


def _row(found: "Explanation") -> SettingRow:
    return SettingRow(found.key, found.value, found.place or found.origin.value, found.meaning)
