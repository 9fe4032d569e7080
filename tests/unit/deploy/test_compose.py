"""The compose file is valid to its own tools, and runs every agent of the repository safely."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from handrail.bus.broker_jars import KAFKA_VERSION

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = Path(sys.executable).parent
DRAIN_S = 120
PEOPLE = "people"
ONE_SHOT = {"topics", "cli"}


def ask(root: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the environment in a folder and give what it said."""
    return subprocess.run(
        [PROGRAMS / program, *arguments],
        cwd=root,
        env={key: value for key, value in os.environ.items() if not key.startswith("COMPOSE_")},
        capture_output=True,
        text=True,
        check=False,
    )


def compose(root: Path) -> subprocess.CompletedProcess[str]:
    """Let docker-compose read the file."""
    return ask(root, "docker-compose", "--profile", PEOPLE, "config", "--format", "json")


def schema(root: Path) -> subprocess.CompletedProcess[str]:
    """Hold the file to the schema of the compose specification."""
    return ask(
        root, "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"
    )


@pytest.fixture(scope="module")
def services() -> dict[str, dict]:
    """Every service as docker-compose understands it."""
    return json.loads(compose(ROOT).stdout)["services"]


def seconds(duration: str) -> int:
    """Read a duration in compose's words."""
    parts = re.findall(r"(\d+)([hms])", duration)
    return sum(int(number) * {"h": 3600, "m": 60, "s": 1}[unit] for number, unit in parts)


def test_docker_compose_and_the_schema_accept_the_file() -> None:
    assert (compose(ROOT).returncode, schema(ROOT).returncode) == (0, 0)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("healthcheck:", "helthcheck:"),
        ("condition: service_healthy", "condition: service_ready"),
        ("stop_grace_period: 120s", "stop_grace_period: [120]"),
    ],
)
def test_a_mistake_is_refused_by_docker_compose_or_the_schema(
    tmp_path: Path, right: str, wrong: str
) -> None:
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    path = tmp_path / "docker-compose.yml"
    path.write_text(path.read_text().replace(right, wrong, 1))

    refusals = [compose(tmp_path).returncode, schema(tmp_path).returncode]

    assert any(refusals)


def test_every_agent_of_the_repository_has_its_service(services: dict[str, dict]) -> None:
    agents = {path.stem for path in (ROOT / "agents").glob("*.py")}

    run = {
        service["command"][1]
        for service in services.values()
        if service["command"] and service["command"][0] == "run"
    }

    assert run == agents | {"registrar"}


def test_every_image_is_pinned(services: dict[str, dict]) -> None:
    loose = [
        name for name, service in services.items() if not re.search(r":\d+\.\d+", service["image"])
    ]

    assert loose == []


def test_the_broker_is_of_the_release_that_everything_is_tested_with(
    services: dict[str, dict],
) -> None:
    assert services["broker"]["image"] == f"apache/kafka:{KAFKA_VERSION}"


def test_no_service_can_write_to_its_image_or_gain_rights(services: dict[str, dict]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
        assert all(volume["type"] == "volume" for volume in service.get("volumes", [])), name


def test_whatever_stays_up_says_that_it_is_healthy(services: dict[str, dict]) -> None:
    silent = [
        name
        for name, service in services.items()
        if name not in ONE_SHOT and not service.get("healthcheck", {}).get("test")
    ]

    assert silent == []


def test_a_stop_leaves_time_for_what_has_begun(services: dict[str, dict]) -> None:
    for name, service in services.items():
        if name not in ONE_SHOT:
            assert seconds(service["stop_grace_period"]) >= DRAIN_S, name


def test_agents_start_after_a_healthy_broker_and_their_topics(services: dict[str, dict]) -> None:
    for service in services.values():
        if service["command"] and service["command"][0] == "run":
            after = service["depends_on"]
            assert after["broker"]["condition"] == "service_healthy"
            assert after["topics"]["condition"] == "service_completed_successfully"


def test_the_broker_is_reached_from_this_machine_only(services: dict[str, dict]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]

    assert [port["host_ip"] for port in ports] == ["127.0.0.1"]


def test_the_image_holds_the_same_files_and_runs_as_nobody_special() -> None:
    text = (ROOT / "deploy" / "Dockerfile").read_text()
    bases = re.findall(r"^FROM (\S+)", text, flags=re.MULTILINE)
    final = text.rpartition("\nFROM ")[2]

    assert all(re.search(r":\d+\.\d+\.\d+-", base) for base in bases)
    assert re.search(r"^USER (?!0\b)(?!root)\d+:\d+$", final, flags=re.MULTILINE)
    for folder in ("agents", "topics", "tools", "desk"):
        assert f"COPY {folder} {folder}\n" in final
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, flags=re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    assert [source for source in sorted(sources) if not (ROOT / source).exists()] == []


def test_the_build_is_sent_nothing_that_it_does_not_copy() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    text = (ROOT / "deploy" / "Dockerfile").read_text()

    assert "*" in lines
    assert [line[1:] for line in lines if line.startswith("!") and line[1:] not in text] == []


def guide_blocks() -> list[str]:
    """The additions to the compose file that the guide shows."""
    guide = (ROOT / "docs" / "guide" / "containers.md").read_text()
    return re.findall(r"^```\n(services:.*?)^```", guide, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", guide_blocks())
def test_what_the_guide_adds_is_accepted(tmp_path: Path, block: str) -> None:
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    (tmp_path / "docker-compose.override.yml").write_text(block)

    done = compose(tmp_path)

    assert done.returncode == 0, done.stderr
    assert done.stdout != compose(ROOT).stdout


def test_the_guide_shows_additions() -> None:
    assert len(guide_blocks()) > 1
