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
    """Report commands, subcommands and flags that are not there, and words that are left out."""
    return [wrong for line in shown if (wrong := _wrong(line, root))]


def _wrong(line: Command, root: click.Command) -> str:
    here, context = root, click.Context(root)
    flags = _flags(here)
    words, given, used = iter(line.words), 0, set[str]()
    for word in words:
        flag = word.split("=")[0]
        if word.startswith("-") and word != "-":
            if flag not in flags:
                return f"{line.where}: `handrail {' '.join(line.words)}`: no flag {word}"
            used.add(flag)
            if flags[flag] and "=" not in word:
                next(words, None)
        elif isinstance(here, click.Group) and word.islower() and "{" not in word:
            inner = here.get_command(context, word)
            if inner is None:
                return f"{line.where}: `handrail {' '.join(line.words)}`: no command {word}"
            here, context = inner, click.Context(inner, parent=context)
            flags |= _flags(here)
        else:
            given += 1
    if not line.typed or here is root or _helps(line):
        return ""
    if isinstance(here, click.Group) and not here.invoke_without_command:
        return f"{line.where}: `handrail {' '.join(line.words)}` does nothing without a subcommand"
    if lacks := _lacking(here, given, used):
        return f"{line.where}: `handrail {' '.join(line.words)}` lacks {lacks}"
    return ""


def _lacking(command: click.Command, given: int, used: set[str]) -> str:
    """Name the first word or flag that a command wants and was not given."""
    wanted = [one for one in command.params if one.required]
    words = [one for one in wanted if isinstance(one, click.Argument)]
    flags = [one for one in wanted if not isinstance(one, click.Argument)]
    lacking = [one.make_metavar(click.Context(command)) for one in words[given:]]
    lacking += [one.opts[0] for one in flags if not used & set(one.opts)]
    return lacking[0] if lacking else ""


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
        if not name.startswith("test_")
        or not (root / file).is_file()
        or f"def {name}(" not in (root / file).read_text("utf-8")
    ]
