"""`handrail runbook`: what an error code means and what to do, readable without a network."""

from collections.abc import Iterator
from pathlib import Path

import click

from handrail.cli.output import Column, Shape, output_option, show_rows
from handrail.cli.rows import RunbookRow
from handrail.errors import RunbookUnknown, every_error, message_parts

COLUMNS = (
    Column("CODE", "code"),
    Column("EXIT", "exit_code", right=True),
    Column("WHAT", "sentence"),
)


@click.command()
@click.argument("code", required=False)
@output_option
def runbook(code: str | None, shape: Shape) -> int:
    """Show what an error code means and what to do about it; without CODE, list every code."""
    if code is None:
        show_rows("runbooks", list(_rows()), COLUMNS, shape, empty="")
        return 0
    page = runbook_folder() / f"{code.upper()}.md"
    # The name is checked, so that no other file can be named.
    if not code.replace("-", "").isalnum() or not page.is_file():
        raise RunbookUnknown(wanted=code)
    click.echo(page.read_text(encoding="utf-8").rstrip())
    return 0


def runbook_folder() -> Path:
    """Give where the pages lie: inside the installed package, or in a checkout's docs."""
    package = Path(__file__).parent.parent
    packed = package / "runbooks"
    return packed if packed.is_dir() else package.parent / "docs" / "runbooks"


def _rows() -> Iterator[RunbookRow]:
    for error in sorted(every_error(), key=lambda error: error.code):
        yield RunbookRow(error.code, error.exit_code, message_parts(error)["what"])
