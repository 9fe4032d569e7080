"""What the rules look at: the files of a checkout and the imports of a Python file.

Files that git ignores are not looked at. A folder that is no checkout is taken as a whole.
"""

import ast
import functools
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

READ_COUNT_MAX = 4096  #: files whose imports are remembered; many rules ask for those of each


def files(root: Path) -> list[PurePosixPath]:
    """List the files of a checkout that git does not ignore, relative to its root and sorted."""
    if (root / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split("\0")
        names = [PurePosixPath(name) for name in listed if name and (root / name).is_file()]
    else:
        names = [
            PurePosixPath(path.relative_to(root).as_posix())
            for path in root.rglob("*")
            if path.is_file()
        ]
    return sorted(set(names))


def python_files(root: Path, *folders: str) -> list[PurePosixPath]:
    """List the Python files below these folders, or all of them when none is named."""
    return [
        path
        for path in files(root)
        if path.suffix == ".py" and (not folders or path.parts[0] in folders)
    ]


def tree(root: Path, path: PurePosixPath) -> ast.Module:
    """Parse one Python file."""
    return ast.parse((root / path).read_text(encoding="utf-8"), filename=str(path))


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module by its full dotted name, and the names that were taken from it."""

    file: PurePosixPath
    line: int
    module: str
    names: tuple[str, ...] = ()

    @property
    def top(self) -> str:
        """The first part of the module's name."""
        return self.module.split(".")[0]

    @property
    def targets(self) -> tuple[str, ...]:
        """Every dotted name that this may load: the module, and each name as a submodule."""
        return (self.module, *(f"{self.module}.{name}" for name in self.names))


def _absolute(path: PurePosixPath, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    package = list(path.parts[:-1])
    package = package[: len(package) - (node.level - 1)]
    return ".".join([*package, *([node.module] if node.module else [])])


def _by_name(node: ast.Call) -> str | None:
    """Give the module of `import_module("x")` and `__import__("x")`, which hide an import."""
    called = node.func.attr if isinstance(node.func, ast.Attribute) else None
    if isinstance(node.func, ast.Name):
        called = node.func.id
    if called in {"import_module", "__import__"} and node.args:
        first = node.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            return first.value
    return None


def imports(root: Path, path: PurePosixPath) -> tuple[Import, ...]:
    """Give every import of a file, wherever in it it stands."""
    return _imports_of((root / path).read_text(encoding="utf-8"), path)


@functools.lru_cache(maxsize=READ_COUNT_MAX)
def _imports_of(text: str, path: PurePosixPath) -> tuple[Import, ...]:
    return tuple(_found(ast.parse(text, filename=str(path)), path))


def _found(module: ast.Module, path: PurePosixPath) -> Iterator[Import]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(path, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            yield Import(path, node.lineno, _absolute(path, node), names)
        elif isinstance(node, ast.Call) and (named := _by_name(node)):
            yield Import(path, node.lineno, named)
