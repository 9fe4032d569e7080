"""`handrail init`: makes a folder with a new team that runs and passes its own tests."""

import re
import string
from collections.abc import Iterator
from pathlib import Path

import click

from handrail.cli.output import note
from handrail.errors import FolderTaken

PACKAGE = Path(__file__).parent.parent
HELLO = Path(__file__).parent / "hello"
DESK_EXTRA = Path(__file__).parent / "desk_extra"  #: what the shipped team has only as a new one
SUFFIX = ".in"  #: keeps a template's Python files from being taken for files of the engine
SHIPPED = ("agents", "topics", "tools", "memory", "desk", "handrail.toml")
LEFT_OUT = frozenset({"__pycache__", ".DS_Store"})


@click.command()
@click.argument("directory", required=False, default=".", type=click.Path(path_type=Path))
@click.option(
    "--template",
    type=click.Choice(["hello", "desk"]),
    default="hello",
    show_default=True,
    help="hello is one agent; desk is the research desk that Handrail ships.",
)
def init(directory: Path, template: str) -> int:
    """Make a new team in DIRECTORY, with its own tests and a README. Nothing is overwritten."""
    folder = directory.absolute()
    name = namespace_of(folder.name)
    files = dict(desk_files(name) if template == "desk" else hello_files(name))
    # What lies in agents/ would be a part of the new team, and the new agent a part of an old one.
    there = [f"agents/{path.name}" for path in (folder / "agents").glob("*.py")]
    taken = sorted([*there, *(path for path in files if (folder / path).exists())])
    if taken:
        raise FolderTaken(folder=folder, found=taken[0])
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    note(f"Made a team from the template {template} in {folder}.")
    if folder != Path.cwd():
        note(f"  cd {directory}")
    note("  handrail dev       a local Kafka, the topics, the agents; reloads on every save")
    note("  python -m pytest   the team's own tests; first: pip install -e '.[dev]'")
    return 0


def namespace_of(name: str) -> str:
    """Make a name for topics and for a package from the name of a folder."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "team"


def hello_files(name: str) -> Iterator[tuple[str, bytes]]:
    """Give the files of the smallest team."""
    yield from _filled(HELLO, name)


def _filled(folder: Path, name: str) -> Iterator[tuple[str, bytes]]:
    """Give the files of a template with the team's name in them."""
    for path in sorted(folder.rglob(f"*{SUFFIX}")):
        inside = path.relative_to(folder).as_posix().removesuffix(SUFFIX)
        text = string.Template(path.read_text(encoding="utf-8")).substitute(name=name)
        yield (".gitignore" if inside == "gitignore" else inside), text.encode()


def desk_files(name: str) -> Iterator[tuple[str, bytes]]:
    """Give the files of the shipped team, which are the very ones that Handrail tests itself."""
    root = shipped_team()
    for entry in SHIPPED:
        for path in [root / entry, *sorted((root / entry).rglob("*"))]:
            if path.is_file() and not LEFT_OUT.intersection(path.parts):
                content = path.read_bytes()
                if path.name == "handrail.toml":
                    content = content.replace(
                        b'namespace = "handrail"', f'namespace = "{name}"'.encode()
                    )
                yield path.relative_to(root).as_posix(), content
    for inside, content in hello_files(name):
        if inside in {"pyproject.toml", ".gitignore", "tests/conftest.py"}:
            yield inside, content.replace(b"handrail[local]", b"handrail[local,desk]")
    yield from _filled(DESK_EXTRA, name)


def shipped_team() -> Path:
    """Give the folder that holds the shipped team: inside the package, or the checkout itself."""
    packed = PACKAGE / "team_template"
    return packed if packed.is_dir() else PACKAGE.parent
