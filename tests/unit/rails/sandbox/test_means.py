"""What a machine can confine with decides what is run there; the rest is refused with a cure."""

from dataclasses import replace
from pathlib import Path

import pytest

from handrail.contract.confinement import MIB, Level, Limits
from handrail.rails.sandbox.confine import SYSTEM_READS
from handrail.rails.sandbox.means import Confinement, Machine, Unavailable, decide, holds

ALL = Machine(linux=True, landlock_abi=7, seccomp=True, namespaces=True, root=False)


@pytest.mark.parametrize(
    ("machine", "level"),
    [
        (ALL, Level.STRICT),
        (replace(ALL, namespaces=False), Level.STANDARD),
        (replace(ALL, landlock_abi=3), Level.STRICT),
        (replace(ALL, landlock_abi=2), Level.NONE),
        (replace(ALL, landlock_abi=0), Level.NONE),
        (replace(ALL, seccomp=False), Level.NONE),
        (replace(ALL, linux=False), Level.NONE),
    ],
)
def test_the_means_say_which_level_can_hold(machine: Machine, level: Level) -> None:
    assert holds(machine) is level


@pytest.mark.parametrize(
    ("machine", "level", "limits", "egress", "word"),
    [
        (replace(ALL, linux=False), Level.STANDARD, Limits(), False, "needs Linux"),
        (replace(ALL, landlock_abi=0), Level.STANDARD, Limits(), False, "switched off"),
        (replace(ALL, landlock_abi=2), Level.STANDARD, Limits(), False, "too old"),
        (replace(ALL, seccomp=False), Level.STANDARD, Limits(), False, "seccomp"),
        (replace(ALL, namespaces=False), Level.STRICT, Limits(), False, "namespaces"),
        (replace(ALL, namespaces=False), Level.STANDARD, Limits(), True, "address outside"),
        (replace(ALL, namespaces=False), Level.STANDARD, Limits(disk_bytes=1), False, "scratch"),
        (replace(ALL, namespaces=False), Level.STANDARD, Limits(processes=1), False, "counted"),
        (replace(ALL, root=True), Level.STANDARD, Limits(processes=1), False, "exempts root"),
    ],
)
def test_what_cannot_be_confined_is_refused_with_its_cure(
    machine: Machine, level: Level, limits: Limits, egress: bool, word: str
) -> None:
    found = decide(machine, holds(machine), level, limits, egress=egress)

    assert isinstance(found, Unavailable)
    assert word in found.detail
    assert found.remedy


def test_a_level_that_the_probe_has_not_proved_is_refused_with_what_leaked() -> None:
    leaks = {"TCP": "at standard a TCP port was opened"}

    found = decide(ALL, Level.NONE, Level.STANDARD, Limits(), egress=False, leaks=leaks)

    assert isinstance(found, Unavailable)
    assert "a TCP port was opened" in found.detail


@pytest.mark.parametrize(
    ("level", "limits", "egress", "how"),
    [
        (Level.NONE, Limits(disk_bytes=MIB), True, (False, False, False)),
        (Level.STANDARD, Limits(), False, (False, False, False)),
        (Level.STANDARD, Limits(disk_bytes=MIB), False, (True, False, False)),
        (Level.STANDARD, Limits(), True, (True, True, False)),
        (Level.STANDARD, Limits(processes=1), False, (True, False, True)),
        (Level.STRICT, Limits(), False, (True, True, True)),
    ],
)
def test_a_call_gets_the_namespaces_that_it_needs(
    level: Level, limits: Limits, egress: bool, how: tuple[bool, bool, bool]
) -> None:
    assert decide(ALL, Level.STRICT, level, limits, egress=egress) == Confinement(level, *how)


def test_every_level_holds_what_is_below_it() -> None:
    assert [one.value for one in Level if one.holds(Level.STANDARD)] == ["standard", "strict"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"wall_s": 0},
        {"wall_s": float("inf")},
        {"cpu_s": 0},
        {"memory_bytes": MIB},
        {"output_bytes": 1 << 40},
        {"disk_bytes": -1},
        {"processes": 10_000},
    ],
)
def test_a_bound_that_bounds_nothing_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Limits(**wrong)


@pytest.mark.parametrize(
    "key", ["/etc/ssl/private/house.key", "/etc/pki/tls/private/house.key", "/etc/ssh/id"]
)
def test_no_body_may_read_the_keys_of_the_machine_whoever_it_runs_as(key: str) -> None:
    assert [one for one in SYSTEM_READS if Path(key).is_relative_to(one)] == []
