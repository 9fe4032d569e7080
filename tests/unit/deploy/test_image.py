"""What works in a checkout works in the image: the same agents, tools, rules and remote tools."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from handrail.rails.mcp.definition import Definition
from handrail.rails.mcp.lock import LOCK, read_pins, write_pins
from handrail.rails.mcp.standing import Pin
from tests.unit.deploy.image import built, instructions, sent

ROOT = Path(__file__).resolve().parents[3]
TEAM = ("agents", "topics", "tools", "memory", "desk", "deploy", "docs/runbooks", "handrail")
REMOTE = """
from handrail import remote_tool

read_text = remote_tool("files", "read_text_file")
"""
TEXT = Definition("read_text_file", None, "Read a paper.", {"type": "object"}, None, None)
PIN = Pin(TEXT, "ada", "2026-01-01T00:00:00Z", None)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of the repository that may be added to."""
    root = tmp_path / "checkout"
    root.mkdir()
    for name in TEAM:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "handrail.toml", ".dockerignore"):
        shutil.copy(ROOT / name, root / name)
    return root


@pytest.fixture
def with_rules(checkout: Path) -> Path:
    """The same with rules and a remote tool, all readable to their owner only."""
    shutil.copytree(ROOT / "deploy" / "policy", checkout / "policy")
    write_pins(checkout, {"files": {"read_text_file": PIN}})
    (checkout / "tools" / "files.py").write_text(REMOTE)
    with (checkout / "handrail.toml").open("a") as settings:
        settings.write('[mcp.files]\ncommand = ["mcp-server-filesystem", "papers"]\n')
    for path in (checkout / LOCK, *(checkout / "policy").iterdir()):
        path.chmod(0o600)
    return checkout


def image_of(checkout: Path) -> Path:
    """Build the image of a checkout and give its project folder."""
    beside = checkout.parent
    return built(checkout, sent(checkout, beside / "context"), beside / "image")


def handrail(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Type a command where the project lies."""
    return subprocess.run(
        [Path(sys.executable).with_name("handrail"), *arguments],
        cwd=project,
        env={**os.environ, "HANDRAIL_PROJECT": str(project)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_file_that_a_stage_copies_is_sent_to_the_build(checkout: Path) -> None:
    context = sent(checkout, checkout.parent / "context")
    lines = [line for stage in instructions(checkout) for line in stage if line.startswith("COPY ")]

    wanted = {source for line in lines for source in line.split()[1:-1]}

    assert {"agents", "memory", "handrail"} <= wanted
    assert [source for source in sorted(wanted) if not (context / source).exists()] == []


def test_the_image_has_every_extra_but_the_local_broker() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    everything = set(re.findall(r"[\w]+", extras["all"][0].partition("[")[2]))

    installed = [
        set(found.split(","))
        for stage in instructions(ROOT)
        for found in re.findall(r"'(?:\.|handrail)\[([\w,]+)\]'", "\n".join(stage))
    ]

    assert installed == [everything - {"local"}] * 2


def test_a_team_has_the_same_tools_in_its_image_as_in_its_checkout(with_rules: Path) -> None:
    project = image_of(with_rules)

    there = handrail(project, "tools", "list", "-o", "json")

    assert there.returncode == 0, there.stderr
    assert "files_read_text_file" in there.stdout
    assert there.stdout == handrail(with_rules, "tools", "list", "-o", "json").stdout


def test_the_rules_of_a_team_are_judged_in_its_image(with_rules: Path) -> None:
    project = image_of(with_rules)

    rules = handrail(project, "policy", "check", "-o", "json")
    published = handrail(
        project, "can", "eve", "tool.call", "publish_brief", "--agent", "publisher"
    )

    assert rules.returncode == 0, rules.stderr
    assert '"large-refunds"' in rules.stdout
    assert rules.stdout == handrail(with_rules, "policy", "check", "-o", "json").stdout
    assert published.returncode == 4, published.stderr


def test_what_is_approved_of_remote_tools_is_known_in_the_image(with_rules: Path) -> None:
    assert read_pins(image_of(with_rules)) == {"files": {"read_text_file": PIN}}


def test_whoever_runs_in_the_image_may_read_what_was_the_builders_alone(with_rules: Path) -> None:
    project = image_of(with_rules)

    closed = [
        path.name
        for path in (project / LOCK, *(project / "policy").iterdir())
        if path.stat().st_mode & 0o004 == 0
    ]

    assert closed == []


def test_a_team_without_rules_is_built_without_them(checkout: Path) -> None:
    project = image_of(checkout)

    checked = handrail(project, "policy", "check")

    assert checked.returncode == 0, checked.stderr
    assert "This team has no policy" in checked.stderr + checked.stdout
    assert not (project / "policy").exists()
    assert read_pins(project) == {}
