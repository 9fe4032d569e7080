"""What holds for every test: nothing outlives it, and nothing outlives the run."""

import asyncio
import compileall
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from handrail.runtime.team_imports import open_project
from tests import leftovers, workers

pytest.register_assert_rewrite("tests.promises")

# A busy machine makes examples slowly and is no fault of what they are about.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

ROOT = Path(__file__).resolve().parent.parent

#: Marker → the program of somebody else that such a test runs.
FOREIGN_PROGRAMS = {"kcat": "kcat", "mcp_filesystem": "mcp-server-filesystem"}

_run_folder = pytest.StashKey[Path]()
_before = pytest.StashKey[frozenset[str]]()
_outlived = pytest.StashKey[list[str]]()
_of_workers: list[str] = []  # what outlived the shares of workers


def pytest_configure(config: pytest.Config) -> None:
    """Mark this run for its children and give it one folder for all temporary files.

    Each worker of a shared run does so for its share, in the folder of the whole run.
    """
    workers.yield_to_the_first(config)
    os.environ[leftovers.RUN_MARK] = uuid.uuid4().hex
    folder = Path(tempfile.mkdtemp(prefix="handrail-tests-"))
    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = str(folder)
    config.stash[_run_folder] = folder
    config.stash[_before] = leftovers.entries(ROOT / ".handrail")
    if sys.dont_write_bytecode:
        # The many processes that tests start would each compile the engine anew, a third of what a
        # start costs. Python takes none of it for a source that has changed meanwhile.
        compileall.compile_dir(ROOT / "handrail", quiet=2)
    # Tests meet the very classes that the shipped team's agents use, in whatever order they run.
    open_project(ROOT)
    for marker, program in FOREIGN_PROGRAMS.items():
        config.addinivalue_line("markers", f"{marker}: runs {program}, which CI installs")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs a program that is not there; CI installs them and runs everything."""
    missing = [one for one, program in FOREIGN_PROGRAMS.items() if not shutil.which(program)]
    left_out = [item for item in items if any(map(item.get_closest_marker, missing))]
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Share the suite out among workers, where there are any."""
    from tests.one_broker import OneBroker

    return OneBroker(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take in what outlived a worker's share; a worker that was lost has failed its test."""
    _of_workers.extend(getattr(node, "workeroutput", {}).get("outlived", ()))


@pytest.hookimpl(trylast=True)  # the workers have ended by then
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run when a process, a port or a file of it is still there."""
    folder = session.config.stash[_run_folder]
    found = leftovers.processes(os.environ[leftovers.RUN_MARK])
    found += leftovers.listening_ports()
    found += [
        f"file {folder / name}"
        for name in sorted(leftovers.entries(folder))
        if not name.startswith("pytest-of-")
    ]
    if workers.is_worker(session.config):
        session.config.workeroutput["outlived"] = found  # type: ignore[attr-defined]
    else:
        new = leftovers.entries(ROOT / ".handrail") - session.config.stash[_before]
        found += [f"file {ROOT / '.handrail' / name}" for name in sorted(new)]
        found += _of_workers
    session.config.stash[_outlived] = found
    if found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what outlived the run."""
    for line in config.stash.get(_outlived, []):
        terminalreporter.write_line(f"outlived the run: {line}", red=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Take the run's folder away, unless something failed that a person may want to look at."""
    folder = config.stash.get(_run_folder, None)
    if folder is not None and not config.stash.get(_outlived, []):
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def _no_task_outlives_its_test() -> AsyncIterator[None]:
    before = frozenset(asyncio.all_tasks())
    yield
    left = await leftovers.tasks(before)
    assert not left, "\n".join(["still running after the test:", *left])


@pytest.fixture(autouse=True)
def _no_setting_outlives_its_test() -> Iterator[None]:
    """Put the variables of Handrail back: some commands set them for their whole process."""
    before = {name: value for name, value in os.environ.items() if name.startswith("HANDRAIL_")}
    yield
    for name in [name for name in os.environ if name.startswith("HANDRAIL_")]:
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(autouse=True)
def _nothing_outlives_its_test(request: pytest.FixtureRequest) -> None:
    """Ask for the guard of tasks where there is an event loop; it is the last to be torn down."""
    if isinstance(request.node, pytest.Function) and asyncio.iscoroutinefunction(request.node.obj):
        request.getfixturevalue("_no_task_outlives_its_test")
