"""The guards of the test run are seen to fail on a planted leak, and only then."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import leftovers

TESTS = Path(__file__).resolve().parent
SETTINGS = "[pytest]\nasyncio_mode = auto\npythonpath = .\naddopts = --import-mode=importlib\n"


def run_planted(root: Path, text: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run one planted test file under the guards, in a tree and a process of its own."""
    folder = root / "tests"
    folder.mkdir()
    for name in ("__init__.py", "conftest.py", "leftovers.py", "workers.py", "one_broker.py"):
        shutil.copy(TESTS / name, folder / name)
    (folder / "test_planted.py").write_text(text)
    (root / "pytest.ini").write_text(SETTINGS)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *more],
        cwd=root,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_run_that_cleans_up_passes(tmp_path: Path) -> None:
    done = run_planted(
        tmp_path,
        "import asyncio\n"
        "async def test_it():\n"
        "    task = asyncio.create_task(asyncio.sleep(0))\n"
        "    await task\n",
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("shared", [(), ("--numprocesses", "2")], ids=["alone", "shared"])
def test_a_process_that_outlives_the_run_fails_it(tmp_path: Path, shared: tuple[str, ...]) -> None:
    done = run_planted(
        tmp_path,
        "import subprocess\n"
        "def test_it():\n"
        "    global kept\n"
        "    kept = subprocess.Popen(['tail', '-f', '/dev/null'], start_new_session=True)\n",
    )
    left = [line for line in done.stdout.splitlines() if "outlived the run: process" in line]
    for line in left:
        os.kill(int(line.split()[4].rstrip(":")), signal.SIGKILL)

    assert (done.returncode, len(left)) == (1, 1), done.stdout


def test_a_port_that_outlives_the_run_fails_it(tmp_path: Path) -> None:
    done = run_planted(
        tmp_path,
        "import socket\n"
        "def test_it():\n"
        "    global kept\n"
        "    kept = socket.create_server(('127.0.0.1', 0))\n",
    )

    assert (done.returncode, "outlived the run: port" in done.stdout) == (1, True), done.stdout


@pytest.mark.parametrize("where", ["tempfile.mkdtemp()", "'.handrail/broker'"])
def test_a_file_that_outlives_the_run_fails_it(tmp_path: Path, where: str) -> None:
    done = run_planted(
        tmp_path,
        f"import os, tempfile\ndef test_it():\n    os.makedirs({where}, exist_ok=True)\n",
    )

    assert (done.returncode, "outlived the run: file" in done.stdout) == (1, True), done.stdout


def test_a_task_that_outlives_its_test_fails_that_test(tmp_path: Path) -> None:
    done = run_planted(
        tmp_path,
        "import asyncio\n"
        "async def test_it():\n"
        "    global kept\n"
        "    kept = asyncio.create_task(asyncio.Event().wait(), name='forgotten')\n"
        "def test_the_next_one():\n"
        "    pass\n",
    )

    assert done.returncode == 1
    assert "task forgotten" in done.stdout
    assert "2 passed, 1 error" in done.stdout


def test_what_tools_keep_on_purpose_is_not_a_leftover(tmp_path: Path) -> None:
    (tmp_path / ".pytest_cache").mkdir()
    (tmp_path / "broker").mkdir()

    assert leftovers.entries(tmp_path) == {"broker"}
