"""Sizes, names and words: what keeps a file readable, checked instead of hoped for.

Each rule takes the root of a checkout and gives one sentence for each violation.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tests.laws.sources import files, imports, python_files, tree

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
AGENT_LINES_MAX = 60
PARAMETERS_MAX = 6

SHELF_NAMES = frozenset("util utils common base core manager helper helpers misc".split())

#: The words by which an open end is found. They stand here and in the examples of the law's own
#: test, which have to be reported, and nowhere else in the repository.
OPEN_ENDS = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")

#: Places that belong to somebody's machine; put together here, so that this file names none.
_FOLDERS = ("work", "farm", "root", "home", "Users")
_HOSTS = (
    ("pypi", "org"),
    ("pythonhosted", "org"),
    ("npmjs", "org"),
    ("npmjs", "com"),
    ("maven", "org"),
    ("maven", "apache", "org"),
    ("deb", "debian", "org"),
    ("golang", "org"),
    ("crates", "io"),
)
PRIVATE_PLACES = re.compile(
    "|".join(
        [f"(?<![\\w.\\-]){re.escape(f'/{folder}/')}" for folder in _FOLDERS]
        + [re.escape(".".join(host)) for host in _HOSTS]
    )
)

#: The rule on marks of unfinished work has to spell them, and so has its test.
SPELLS_OPEN_ENDS = frozenset({"tests/laws/tidy.py", "tests/test_tidy.py"})

FRONT_PAGES = ("README.md", "ARCHITECTURE.md", "CHANGELOG.md", "LICENSE")

BINARY_SUFFIXES = frozenset({".pdf", ".png", ".gif", ".ico", ".jar", ".bin", ".gz", ".zip"})

#: Folders of documents that ship to be read by the desk, not by whoever works on it.
READING_MATTER = frozenset({"library", "documents"})

#: The one place where tests may let time pass; everything else waits for a condition there.
WAITING = PurePosixPath("tests/waiting.py")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def text_files(root: Path) -> Iterator[tuple[PurePosixPath, str]]:
    """Give every file of ours that is text; documents that the desk reads are not asked."""
    for path in files(root):
        if path.suffix in BINARY_SUFFIXES or READING_MATTER & set(path.parts[:-1]):
            continue
        try:
            yield path, (root / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def files_are_short(root: Path) -> list[str]:
    """Report Python files that nobody reads in one go; an agent fits on one screen."""
    found: list[str] = []
    for path in python_files(root):
        lines = len((root / path).read_text(encoding="utf-8").splitlines())
        lines_max = AGENT_LINES_MAX if path.parts[0] == "agents" else FILE_LINES_MAX
        if lines > lines_max:
            found.append(f"{path}: {lines} lines; split it by subject, {lines_max} are the limit")
    return found


def _functions(root: Path) -> Iterator[tuple[PurePosixPath, Function]]:
    for path in python_files(root):
        for node in ast.walk(tree(root, path)):
            if isinstance(node, Function):
                yield path, node


def functions_are_short(root: Path) -> list[str]:
    """Report functions that do not fit on a screen, decorators and docstring included."""
    found: list[str] = []
    for path, node in _functions(root):
        start = min([node.lineno, *(mark.lineno for mark in node.decorator_list)])
        lines = (node.end_lineno or start) - start + 1
        if lines > FUNCTION_LINES_MAX:
            found.append(
                f"{path}:{start}: `{node.name}` has {lines} lines; leave the branches in it and "
                f"let other functions compute, {FUNCTION_LINES_MAX} are the limit"
            )
    return found


def constructors_are_small(root: Path) -> list[str]:
    """Report constructors that want a config model instead of one more parameter."""
    found: list[str] = []
    for path, node in _functions(root):
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs][1:]
        if node.name == "__init__" and len(given) > PARAMETERS_MAX:
            found.append(
                f"{path}:{node.lineno}: {len(given)} parameters; put them in a model, "
                f"{PARAMETERS_MAX} are the limit"
            )
    return found


def names_say_the_thing(root: Path) -> list[str]:
    """Report modules and folders that are named after a shelf, or that hide by an underscore."""
    found: list[str] = []
    for path in python_files(root):
        for part in (*path.parts[:-1], path.stem):
            if SHELF_NAMES & set(part.split("_")):
                found.append(f"{path}: `{part}` names a shelf; name what lies on it")
            elif part.startswith("_") and not part.startswith("__"):
                found.append(f"{path}: `{part}` hides; underscores are for functions")
    return found


def nothing_is_left_open(root: Path) -> list[str]:
    """Report marks of unfinished work."""
    return [
        f"{path}:{number}: finish it or leave it out, do not mark it"
        for path, text in text_files(root)
        for number, line in enumerate(text.splitlines(), start=1)
        if str(path) not in SPELLS_OPEN_ENDS and OPEN_ENDS.search(line)
    ]


def nothing_is_printed(root: Path) -> list[str]:
    """Report bare `print`: a person reads the CLI's output, a program reads log events."""
    return [
        f"{path}:{node.lineno}: bare print; write through the CLI's console or log an event"
        for path in python_files(root)
        for node in ast.walk(tree(root, path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]


def no_private_places(root: Path) -> list[str]:
    """Report paths of one machine and hosts of package registries."""
    return [
        f"{path}:{number}: `{hit.group()}` belongs to a machine, not to the repository"
        for path, text in text_files(root)
        for number, line in enumerate(text.splitlines(), start=1)
        if (hit := PRIVATE_PLACES.search(line))
    ]


def front_pages_exist(root: Path) -> list[str]:
    """Report pages that a visitor looks for first and does not find."""
    return [f"{page}: missing" for page in FRONT_PAGES if not (root / page).is_file()]


_SKIPS = frozenset({"pytest.skip", "pytest.importorskip", "pytest.xfail"})
_SKIP_MARKS = frozenset({"pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail"})


def tests_are_honest(root: Path) -> list[str]:
    """Report tests that are skipped, that sleep, or that patch the code they test."""
    found: list[str] = []
    for path in python_files(root, "tests"):
        found += [
            f"{path}:{imported.line}: no mocks; fakes are in handrail.testing"
            for imported in imports(root, path)
            if "unittest.mock" in imported.targets or imported.module.startswith("unittest.mock.")
        ]
        for node in ast.walk(tree(root, path)):
            if isinstance(node, ast.Attribute):
                whole = ast.unparse(node)
                if whole in _SKIPS | _SKIP_MARKS:
                    found.append(f"{path}:{node.lineno}: `{whole}`; a test runs or is not there")
            elif isinstance(node, ast.Call):
                found.extend(_dishonest_call(path, node))
    return found


def _dishonest_call(path: PurePosixPath, node: ast.Call) -> Iterator[str]:
    called = ast.unparse(node.func)
    if called in {"time.sleep", "asyncio.sleep"} and path != WAITING and not _is_of_a_team(path):
        pause = node.args[0] if node.args else None
        if not (isinstance(pause, ast.Constant) and pause.value == 0):
            yield f"{path}:{node.lineno}: `{called}`; wait for a condition ({WAITING})"
    if called == "monkeypatch.setattr":
        yield f"{path}:{node.lineno}: patching; use a fake of handrail.testing"


def _is_of_a_team(path: PurePosixPath) -> bool:
    """Say whether a file is an agent or a tool of a team that tests run: slow work is its part."""
    return path.match("tests/faults/*/agents/*.py") or path.match("tests/faults/*/tools/*.py")


def walk_files(root: Path) -> list[str]:
    """Read the files that ARCHITECTURE.md names for the arrows of the walk, one for each row."""
    text = (root / "ARCHITECTURE.md").read_text(encoding="utf-8")
    _, _, walk = text.partition("\n## The walk")
    walk, _, _ = walk.partition("\n## ")
    return re.findall(r"^\| [^|]+ \| `([^`]+)` \|", walk, flags=re.MULTILINE)


def the_walk_exists(root: Path) -> list[str]:
    """Report arrows of the walk whose file is not there, and a walk without arrows."""
    named = walk_files(root)
    if not named:
        return ["ARCHITECTURE.md: the walk names no file"]
    return [
        f"ARCHITECTURE.md: `{name}` is not there" for name in named if not (root / name).exists()
    ]


RUNBOOK_SECTIONS = ("## Meaning", "## Impact", "## Diagnosis", "## Mitigation")


def every_code_has_its_runbook(root: Path, codes: list[str]) -> list[str]:
    """Report codes without a runbook or used twice, runbooks without a code or a section."""
    folder = root / "docs" / "runbooks"
    pages = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("HR-*.md")}
    found = [f"{code}: two errors share this code" for code in set(codes) if codes.count(code) > 1]
    found += [f"docs/runbooks/{code}.md: missing" for code in set(codes) - pages.keys()]
    for name, text in pages.items():
        if name not in codes:
            found.append(f"docs/runbooks/{name}.md: no error has this code")
        found.extend(
            f"docs/runbooks/{name}.md: section `{section}` is missing"
            for section in RUNBOOK_SECTIONS
            if section not in text.splitlines()
        )
    return sorted(found)
