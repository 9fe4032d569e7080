"""Writes failures to standard error: what happened, why, what to do now, code and runbook."""

import errno
import os
import tempfile
import time
import traceback
from pathlib import Path

import click

from handrail.errors import HandrailError, InternalFailure, StoreUnusable, UsageWrong

LABEL_WIDTH = 7  #: of "  Why: " and "  Do:  "


def form(error: HandrailError) -> str:
    """Give the lines of a failure, without colour; the last one names the code and its runbook.

    What a stranger has said may be quoted in any of them, so each is made harmless.
    """
    from handrail.cli.output import inert

    lines = [inert(error.what)]
    if error.why:
        lines.append(f"  Why: {inert(error.why)}")
    rows = [_split(inert(line)) for line in error.do]
    width = max((len(command) for command, note in rows if note), default=0)
    for number, (command, note) in enumerate(rows):
        label = "  Do:  " if number == 0 else " " * LABEL_WIDTH
        lines.append(f"{label}{command.ljust(width)}  {note}" if note else f"{label}{command}")
    lines.append(f"  {error.code}   handrail runbook {error.code}")
    return "\n".join(lines)


def report(error: HandrailError) -> int:
    """Write a failure, the user's own traceback first where there is one; give the exit code."""
    own_traceback = error.facts.get("traceback")
    if isinstance(own_traceback, str) and own_traceback:
        click.echo(own_traceback.rstrip() + "\n", err=True)
    first, _, rest = form(error).partition("\n")
    click.secho(first, err=True, bold=True, fg="red", color=_colour())
    click.echo(rest, err=True)
    return error.exit_code


def report_usage(wrong: click.UsageError) -> int:
    """Say what was wrong about the command line; give the exit code."""
    command = wrong.ctx.command_path if wrong.ctx else "handrail"
    return report(UsageWrong(complaint=wrong.format_message(), help_command=f"{command} --help"))


def report_file(error: OSError) -> int:
    """Say which file could not be written or read, and why; any other is a defect."""
    full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
    barred = error.errno in {errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST}
    if not full and not (barred and error.filename):
        return report_defect(error)
    # Of a write the system does not say the file; nearly all that is written lies there.
    path = Path(os.fsdecode(error.filename)) if error.filename else Path(".handrail")
    folder = next((one for one in path.absolute().parents if one.is_dir()), Path("/"))
    return report(StoreUnusable(path=path, folder=folder, reason=f"{error.strerror}."))


def report_defect(error: BaseException) -> int:
    """Write the traceback of an unforeseen exception to a file and name it; give the exit code."""
    path = Path(tempfile.gettempdir()) / f"handrail-failure-{time.strftime('%Y%m%d-%H%M%S')}.txt"
    text = "".join(traceback.format_exception(error))
    try:
        path.write_text(text, encoding="utf-8")
    except OSError:
        click.echo(text, err=True)
        path = Path("(could not be written; it is shown above)")
    detail = str(error).strip().splitlines() or ["(no message)"]
    return report(InternalFailure(kind=type(error).__name__, detail=detail[0], report=path))


def _split(line: str) -> tuple[str, str]:
    """Part a line of advice into its command and its note, which two or more blanks separate."""
    command, _, note = line.partition("  ")
    return command, note.strip()


def _colour() -> bool | None:
    """Give None, which lets Click look for a terminal, unless NO_COLOR forbids colour."""
    return False if os.environ.get("NO_COLOR") else None
