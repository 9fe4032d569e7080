"""The Makefile needs make and a Python that is new enough, and says so plainly when it has none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TOOLS = ("sh", "make", "cksum", "tr", "sed", "rm", "touch", "mkdir", "cat")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A checkout, and beside it a machine's programs: the usual small ones, no Python."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, checkout / name)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in TOOLS:
        (programs / name).symlink_to(str(shutil.which(name)))
    return tmp_path


def program(machine: Path, name: str, text: str) -> None:
    """Put a program onto the machine."""
    path = machine / "bin" / name
    path.write_text(text)
    path.chmod(0o755)


def make(machine: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Type make in the checkout."""
    return subprocess.run(
        ["make", *arguments],
        cwd=machine / "checkout",
        env={"PATH": str(machine / "bin"), "HOME": str(machine), "TMPDIR": os.environ["TMPDIR"]},
        capture_output=True,
        text=True,
        check=False,
    )


#: A stand-in for Python that makes an environment holding itself and notes what it is told.
PYTHON = f"""#!/bin/sh
case "$*" in
  *--version*) echo "Python 3.12";;
  *venv*) mkdir -p .venv/bin; cat "$0" > .venv/bin/python; exec /bin/chmod +x .venv/bin/python;;
  *install*) echo "$*" >> installs; [ ! -e refuse ];;
  *) exec {sys.executable} "$@";;
esac
"""


def test_make_alone_lists_what_can_be_typed(machine: Path) -> None:
    done = make(machine)

    assert done.returncode == 0
    for name in ("demo", "test", "check", "bench", "clean", "help"):
        assert f"make {name}" in done.stdout


def test_without_a_python_the_sentence_says_what_to_do(machine: Path) -> None:
    done = make(machine, "test")

    assert done.returncode != 0
    assert "Handrail needs Python 3.11 or later" in done.stderr
    assert "make test PYTHON=" in done.stderr
    assert not (machine / "checkout" / ".venv").exists()


def test_a_python_that_is_too_old_is_passed_over_for_a_newer_one(machine: Path) -> None:
    program(machine, "python3", "#!/bin/sh\nexit 1\n")
    program(machine, "python3.12", PYTHON)

    make(machine, "test")

    assert "--editable .[dev]" in (machine / "checkout" / "installs").read_text()


def test_a_python_that_cannot_make_environments_leaves_none_behind(machine: Path) -> None:
    program(machine, "python3", PYTHON.replace("*venv*)", "*venv*) exit 1;"))

    done = make(machine, "test")

    assert done.returncode != 0
    assert "install its venv package" in done.stderr
    assert not (machine / "checkout" / ".venv").exists()


def test_an_install_that_was_cut_off_is_done_again_and_a_finished_one_is_not(
    machine: Path,
) -> None:
    program(machine, "python3", PYTHON)
    checkout = machine / "checkout"
    (checkout / "refuse").touch()
    make(machine, "test")
    (checkout / "refuse").unlink()

    make(machine, "test")
    make(machine, "test")

    assert len((checkout / "installs").read_text().splitlines()) == 2


def test_changed_settings_are_installed_anew(machine: Path) -> None:
    program(machine, "python3", PYTHON)
    checkout = machine / "checkout"
    make(machine, "test")
    with (checkout / "pyproject.toml").open("a") as settings:
        settings.write("# changed\n")

    make(machine, "test")

    assert len((checkout / "installs").read_text().splitlines()) == 2


def test_the_demo_installs_what_it_needs_and_not_what_checks_it(machine: Path) -> None:
    program(machine, "python3", PYTHON)

    make(machine, "demo")

    assert (machine / "checkout" / "installs").read_text().split()[-1] == ".[all]"
