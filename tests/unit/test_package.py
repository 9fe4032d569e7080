"""The wheel holds the engine, the shipped team and the runbooks, and nothing else."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import pytest

import handrail
from tests.laws.sources import files

ROOT = Path(__file__).resolve().parents[2]
TEAM = "handrail/team_template"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Every file of the wheel that this checkout gives, built without asking any registry."""
    folder = tmp_path_factory.mktemp("wheel")
    asked = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    done = subprocess.run(
        [*asked, "--disable-pip-version-check", "--wheel-dir", folder, ROOT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def repository(*folders: str) -> set[PurePosixPath]:
    """The files of the checkout below these folders."""
    return {path for path in files(ROOT) if path.parts[0] in folders}


def test_every_file_of_the_engine_is_in_the_wheel(wheel: dict[str, bytes]) -> None:
    missing = {str(path) for path in repository("handrail")} - wheel.keys()

    assert missing == set()


def test_the_shipped_team_is_in_the_wheel_byte_for_byte(wheel: dict[str, bytes]) -> None:
    team = repository("agents", "topics", "tools", "desk", "handrail.toml")

    differing = [
        str(path) for path in team if wheel.get(f"{TEAM}/{path}") != (ROOT / path).read_bytes()
    ]

    assert differing == []
    assert {path.parts[0] for path in team} >= {"agents", "topics", "tools", "handrail.toml"}


def test_every_runbook_is_in_the_wheel(wheel: dict[str, bytes]) -> None:
    pages = {path.name for path in (ROOT / "docs" / "runbooks").glob("HR-*.md")}

    assert {
        PurePosixPath(name).name for name in wheel if name.startswith("handrail/runbooks/")
    } == pages


def test_nothing_else_is_in_the_wheel(wheel: dict[str, bytes]) -> None:
    tops = {PurePosixPath(name).parts[0] for name in wheel}
    strangers = [name for name in wheel if name.endswith(".pyc") or "__pycache__" in name]

    assert sorted(top for top in tops if not top.endswith(".dist-info")) == ["handrail"]
    assert strangers == []


def test_the_licence_travels_with_the_wheel(wheel: dict[str, bytes]) -> None:
    licences = [text for name, text in wheel.items() if name.endswith("licenses/LICENSE")]

    assert licences == [(ROOT / "LICENSE").read_bytes()]


def test_the_version_is_said_once_and_the_same_everywhere(wheel: dict[str, bytes]) -> None:
    (metadata,) = (text for name, text in wheel.items() if name.endswith(".dist-info/METADATA"))
    said = re.search(rb"^Version: (.+)$", metadata, flags=re.MULTILINE)
    images = re.findall(r"\bhandrail:(\S+)", (ROOT / "docker-compose.yml").read_text())

    assert said is not None
    assert {handrail.__version__, *images} == {said.group(1).decode()}
