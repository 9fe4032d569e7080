"""Each of the fourteen forbidden acts is really attempted, and refused where a level holds."""

import asyncio
import os
import socket
import tempfile
from pathlib import Path

import pytest

from handrail.contract.confinement import Level, Limits
from handrail.rails.sandbox import acts, probe
from handrail.rails.sandbox.means import Machine, holds
from handrail.rails.sandbox.outcome import Ending
from handrail.rails.sandbox.sandbox import Call, Sandbox, Setting

SETTING = Setting(opens="tests.unit.rails.sandbox.bodies:opens", project=Path(__file__).parent)
Found = dict[Level, dict[str, str | None]]


@pytest.fixture(scope="module")
def probed() -> tuple[Machine, Found]:
    """What came of every act at every level that this machine's means are enough for."""

    async def attempt() -> tuple[Machine, Found]:
        async with Sandbox(SETTING) as sandbox:
            levels = [level for level in Level if holds(sandbox.machine).holds(level)]
            with probe.ground_for(SETTING) as ground:
                found = [await probe.attempt(sandbox, level, ground) for level in levels]
            return sandbox.machine, dict(zip(levels, found, strict=True))

    return asyncio.run(attempt())


def test_fourteen_acts_are_attempted() -> None:
    assert len(acts.ACTS) == 14


@pytest.mark.parametrize("act", acts.ACTS)
@pytest.mark.parametrize("level", [Level.STANDARD, Level.STRICT])
def test_a_forbidden_act_is_refused_or_the_level_is_not_offered(
    probed: tuple[Machine, Found], level: Level, act: str
) -> None:
    machine, found = probed

    if level in found:
        assert found[level][act] is None
    else:
        assert not holds(machine).holds(level)


#: The environment of a child is clean at every level, and only root may become somebody else.
ALWAYS_REFUSED = {"environment secrets"} | (set() if os.getuid() == 0 else {"setuid"})


@pytest.mark.parametrize("act", [act for act in acts.ACTS if act not in ALWAYS_REFUSED])
def test_an_act_succeeds_where_nothing_forbids_it(probed: tuple[Machine, Found], act: str) -> None:
    said = probed[1][Level.NONE][act]

    assert said is not None
    assert "it failed otherwise" not in said
    assert "did not end" not in said


def test_a_swap_that_never_came_about_is_no_refusal(tmp_path: Path) -> None:
    own, link = tmp_path / "own", tmp_path / "link"
    own.write_text("own")
    link.symlink_to(own)  # and it never leads anywhere else

    said = acts.open_swapped(link, "secret", within_s=0.2)

    assert said == "it could not be tried: only 0 openings met the link as it led outside"


def test_a_socket_that_takes_nothing_but_datagrams_is_found() -> None:
    with probe.ground_for(SETTING) as ground, tempfile.TemporaryDirectory() as folder:
        beside = ground._replace(unix=f"{folder}/socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
            door.bind(beside.unix + acts.DATAGRAM)

            said = acts.unix_socket(beside)

    assert said == "a socket of another process was reached by a datagram"


async def test_a_level_that_leaks_is_not_published_and_its_tools_are_not_run() -> None:
    leaking = Setting(opens=SETTING.opens, project=SETTING.project, reads=[tempfile.gettempdir()])

    async with probe.proved(leaking) as sandbox:
        outcome = await sandbox.run(Call("echo", b"{}"), Level.STANDARD, Limits())

    assert sandbox.proof.level is Level.NONE
    assert outcome.ending is Ending.UNAVAILABLE
    assert outcome.state == "sandbox_unavailable"
    if holds(sandbox.machine).holds(Level.STANDARD):
        assert "a file outside was read" in outcome.detail
    assert outcome.remedy


async def test_without_a_probe_nothing_that_needs_a_level_is_run() -> None:
    async with Sandbox(SETTING) as sandbox:
        refused = await sandbox.run(Call("echo", b"{}"), Level.STANDARD, Limits())
        run = await sandbox.run(Call("echo", b"{}"), Level.NONE, Limits())

    assert refused.ending is Ending.UNAVAILABLE
    assert run.ending is Ending.DONE
