"""Lets the files of a team import one another, whatever is installed under the same names.

A team's files live in a private package of this process, one for each project folder, so that
their names meet nobody's. An import statement in a file of the project is looked up in the project
first: `from topics.findings import Finding` finds the team's own topics even where a package called
`topics` is installed, and every file gets the very same class. Everybody else's imports are as
before, installed packages called `topics`, `tools` or `memory` included.

`agents` is never looked up in the project: agents are loaded by path, and `from agents import …` in
a team's file means the installed package of that name.
"""

import builtins
import hashlib
import importlib
import sys
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PREFIX = "handrail_team_"
NEVER_THE_TEAMS = frozenset({"agents", "handrail", "tests"}) | sys.stdlib_module_names
INSTALLED = frozenset({"site-packages", "dist-packages", ".venv"})

_python_import = builtins.__import__
_projects: dict[Path, str] = {}
_owners: dict[str, str | None] = {}  # file of an importer → private package of its project
_names: dict[str, frozenset[str]] = {}  # private package → top-level names that the project holds


def open_project(folder: Path) -> str:
    """Give the private package of a project folder, after which its files see one another.

    The names that the project holds are looked up anew at each call.
    """
    folder = folder.resolve()
    if package := _projects.get(folder):
        _names[package] = _top_level_names(folder)
        importlib.invalidate_caches()
        return package
    package = PREFIX + hashlib.sha256(str(folder).encode()).hexdigest()[:8]
    module = types.ModuleType(package, f"The team in {folder}.")
    module.__path__ = [str(folder)]
    sys.modules[package] = module
    _projects[folder] = package
    _names[package] = _top_level_names(folder)
    _owners.clear()
    builtins.__import__ = _import
    return package


def load_file(folder: Path, file: Path) -> types.ModuleType:
    """Import a file of a project by its path, once; later calls give the same module."""
    package = open_project(folder)
    parts = file.resolve().relative_to(folder.resolve()).with_suffix("").parts
    return importlib.import_module(".".join((package, *parts)))


def import_named(folder: Path, name: str) -> types.ModuleType:
    """Import a module by its name: the project's own, else an installed one."""
    file = folder.joinpath(*name.split(".")).with_suffix(".py")
    return load_file(folder, file) if file.is_file() else importlib.import_module(name)


def close_projects(below: Path) -> None:
    """Forget every project in this folder, with its modules; for tests that make some."""
    for folder in [folder for folder in _projects if folder.is_relative_to(below.resolve())]:
        package = _projects.pop(folder)
        _names.pop(package)
        for name in [name for name in sys.modules if name.split(".")[0] == package]:
            del sys.modules[name]
    _owners.clear()
    if not _projects:
        builtins.__import__ = _python_import


def _top_level_names(folder: Path) -> frozenset[str]:
    files = {path.stem for path in folder.glob("*.py") if path.stem.isidentifier()}
    folders = {path.parent.name for path in folder.glob("*/*.py")}
    return frozenset(files | folders) - NEVER_THE_TEAMS


def _import(
    name: str,
    globals: Mapping[str, Any] | None = None,
    locals: Mapping[str, Any] | None = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> types.ModuleType:
    """Do what the import statement does, looking in the importer's own project first."""
    top = name.partition(".")[0]
    package = None if level or globals is None or top in NEVER_THE_TEAMS else _owner(globals)
    if package is None or top not in _names[package]:
        return _python_import(name, globals, locals, fromlist, level)
    private = f"{package}.{name}"
    if fromlist:
        return _python_import(private, globals, locals, fromlist, 0)
    importlib.import_module(private)
    return sys.modules[f"{package}.{top}"]


def _owner(importer: Mapping[str, Any]) -> str | None:
    """Give the private package to which an importing module belongs; None for everybody else."""
    name = importer.get("__name__")
    if isinstance(name, str) and name.startswith(PREFIX):
        return name.partition(".")[0]
    file = importer.get("__file__")
    if not isinstance(file, str):
        return None
    if file not in _owners:
        _owners[file] = _owner_of_file(Path(file).resolve())
    return _owners[file]


def _owner_of_file(file: Path) -> str | None:
    # A test of the team, for one, is no file of the private package and still one of the project.
    if INSTALLED.intersection(file.parts) or file.is_relative_to(sys.prefix):
        return None
    for folder in file.parents:
        if package := _projects.get(folder):
            return package
    return None
