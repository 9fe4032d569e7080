"""Where the desk works: the project's folder, its collections of documents, its briefs.

A task names a collection, never a path; what names mean stands in `handrail.toml` under
`[documents]`, and for folders that were given on the command line in `.handrail/documents.toml`.
Both are read again when they change, so that a running researcher knows a new collection.
"""

import os
import tomllib
from functools import lru_cache
from pathlib import Path

from desk.collections import Collection, collection_named, collections
from desk.index import Library

SHIPPED = {"library": "desk/library"}


def project_folder() -> Path:
    """The folder that holds `handrail.toml`: HANDRAIL_PROJECT, else the working folder."""
    return Path(os.environ.get("HANDRAIL_PROJECT") or ".").resolve()


def briefs_folder() -> Path:
    """Where briefs are published: HANDRAIL_BRIEFS, else `briefs` in the project."""
    return Path(os.environ.get("HANDRAIL_BRIEFS") or project_folder() / "briefs")


def known_collections() -> dict[str, Collection]:
    """Every collection that a task may name, by its name."""
    project = project_folder()
    files = (project / "handrail.toml", project / ".handrail" / "documents.toml")
    return _read(project, tuple((path, _changed(path)) for path in files))


def library(name: str) -> Library:
    """The index of a collection. Raises NoSuchCollection with the names that there are."""
    known = known_collections()
    return _library(name, collection_named(name, known))


@lru_cache(maxsize=8)
def _read(project: Path, files: tuple[tuple[Path, int], ...]) -> dict[str, Collection]:
    named: dict[str, str] = {}
    for path, changed in files:
        if changed:
            named.update(tomllib.loads(path.read_text("utf-8")).get("documents", {}))
    return collections(named or SHIPPED, project)


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=64)
def _library(name: str, collection: Collection) -> Library:
    del name
    return Library(collection, project_folder() / ".handrail" / "index")
