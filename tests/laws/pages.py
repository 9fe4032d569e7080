"""What pages say must be so: commands exist with their flags, links lead somewhere.

Only code is read for commands, never prose: fenced blocks, and spans in backquotes.
"""

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import click

from tests.laws.sources import files

TEST = re.compile(r"`(tests/[\w/.]+\.py)::(\w+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
SPAN = re.compile(r"`(handrail [^`]+)`")
SHELL = re.compile(r"^\s*(?:\$ )?(handrail .*)$")


@dataclass(frozen=True, slots=True)
class Command:
    """A command line of ours as a page shows it, without the word `handrail`."""

    where: str
    words: tuple[str, ...]
    typed: bool = True  #: to be typed as it stands, not a name in a sentence


def pages(root: Path) -> Iterator[tuple[PurePosixPath, str]]:
    """Give the pages that people read."""
    for path in files(root):
        ours = path.parts[0] == "docs" or len(path.parts) == 1
        if path.suffix == ".md" and ours and path.name != "CHANGELOG.md":
            yield path, (root / path).read_text(encoding="utf-8")


def command(where: str, line: str, *, typed: bool = True) -> Command:
    """Read one line: what follows two blanks or a hash explains, and a pipe leads elsewhere."""
    shown = re.split(r"\s{2,}|\s#|[|>;&]", line.strip())[0]
    try:
        words = shlex.split(shown)
    except ValueError:
        words = shown.split()
    return Command(where, tuple(words[1:]), typed)


def commands(root: Path) -> Iterator[Command]:
    """Give every command line that a page shows in code."""
    for path, text in pages(root):
        fenced = False
        for number, line in enumerate(text.splitlines(), start=1):
            if line.lstrip().startswith("```"):
                fenced = not fenced
            found = SHELL.findall(line) if fenced else SPAN.findall(line)
            yield from (command(f"{path}:{number}", shown, typed=fenced) for shown in found)


def wrong_commands(shown: Iterable[Command], root: click.Command) -> list[str]:
    """Report commands, subcommands and flags that are not there, and subcommands left out."""
    return [wrong for line in shown if (wrong := _wrong(line, root))]


def _wrong(line: Command, root: click.Command) -> str:
    here, context = root, click.Context(root)
    flags = _flags(here)
    words = iter(line.words)
    for word in words:
        if word.startswith("-"):
            if word.split("=")[0] not in flags:
                return f"{line.where}: `handrail {' '.join(line.words)}`: no flag {word}"
            if flags[word.split("=")[0]] and "=" not in word:
                next(words, None)
        elif "{" in word:
            return ""  # filled in when the error is raised
        elif isinstance(here, click.Group) and word.islower():
            inner = here.get_command(context, word)
            if inner is None:
                return f"{line.where}: `handrail {' '.join(line.words)}`: no command {word}"
            here, context = inner, click.Context(inner, parent=context)
            flags |= _flags(here)
    idle = isinstance(here, click.Group) and not here.invoke_without_command
    if line.typed and idle and here is not root and not _helps(line):
        return f"{line.where}: `handrail {' '.join(line.words)}` does nothing without a subcommand"
    return ""


def _helps(line: Command) -> bool:
    return bool({"--help", "-h"} & set(line.words))


def _flags(of: click.Command) -> dict[str, bool]:
    """Give every flag, and whether a value follows it."""
    own = {
        flag: isinstance(option, click.Option) and not (option.is_flag or option.count)
        for option in of.params
        for flag in (*option.opts, *option.secondary_opts)
    }
    return {**own, "--help": False, "-h": False, "--version": False}


def broken_links(root: Path) -> list[str]:
    """Report links between our own pages that lead nowhere."""
    return [
        f"{path}: the link to {target} leads nowhere"
        for path, text in pages(root)
        for target in LINK.findall(text)
        if "://" not in target
        and not target.startswith("#")
        and not (root / path.parent / target.split("#")[0]).exists()
    ]


def missing_tests(root: Path) -> list[str]:
    """Report tests that a page names and that do not exist."""
    return [
        f"{path}: there is no test {file}::{name}"
        for path, text in pages(root)
        for file, name in TEST.findall(text)
        if not (root / file).is_file() or f"def {name}(" not in (root / file).read_text("utf-8")
    ]
