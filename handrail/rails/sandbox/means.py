"""What this machine can confine with, and what that is enough for: a decision, without acting.

Whatever cannot be confined as it declares gets the words why and what would help, never less
confinement than it asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from handrail.contract.confinement import Level, Limits
from handrail.rails.sandbox import landlock


@dataclass(frozen=True, slots=True)
class Machine:
    """What was found on this machine."""

    linux: bool
    landlock_abi: int
    seccomp: bool  #: and the calls of this architecture are known
    namespaces: bool  #: user, mount, network, IPC and PID namespaces can be made by this user
    root: bool  #: the user is exempt from the kernel's count of processes


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A tool is not run here."""

    detail: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Confinement:
    """How one call is confined."""

    level: Level
    namespaces: bool
    own_network: bool  #: nothing in it but the way to the egress proxy, if there is one
    own_processes: bool  #: a PID namespace


LINUX_CURE = "Run this agent on Linux 6.2 or later, in a container if need be."
NAMESPACES_CURE = (
    "Allow unprivileged user namespaces (sysctl user.max_user_namespaces; in a container, "
    "a seccomp profile that lets unshare pass), or take the need out of the tool."
)


def holds(machine: Machine) -> Level:
    """Give the firmest level that the machine's means are enough for."""
    for level in (Level.STRICT, Level.STANDARD):
        if _lacking(machine, level) is None:
            return level
    return Level.NONE


def decide(
    machine: Machine,
    proved: Level,
    level: Level,
    limits: Limits,
    *,
    egress: bool,
    leaks: Mapping[str, str] | None = None,
) -> Confinement | Unavailable:
    """Say how a call is confined here, or why it is not run.

    `proved` is the level at which the probe has seen every forbidden act refused; `leaks` are the
    acts that were not, in words.
    """
    if not proved.holds(level):
        lacking = _lacking(machine, level)
        if lacking is not None:
            return lacking
        said = "; ".join((leaks or {}).values()) or "the probe has not been run"
        return Unavailable(
            f"Sandbox level {level} does not hold on this machine: {said}.",
            "Run `handrail doctor`, and this agent where the level holds.",
        )
    if level is Level.NONE:
        return Confinement(level, namespaces=False, own_network=False, own_processes=False)
    lacking = _need(machine, limits, egress=egress)
    if lacking is not None:
        return lacking
    strict = level is Level.STRICT
    return Confinement(
        level,
        namespaces=strict or egress or limits.disk_bytes > 0 or limits.processes > 0,
        own_network=strict or egress,
        own_processes=strict or limits.processes > 0,
    )


def _lacking(machine: Machine, level: Level) -> Unavailable | None:
    """Say what a level needs and the machine has not."""
    if level is Level.NONE:
        return None
    if not machine.linux:
        return Unavailable(f"Sandbox level {level} needs Linux.", LINUX_CURE)
    if machine.landlock_abi < landlock.ABI_MIN:
        found = machine.landlock_abi
        said = f"version {found} is too old" if found else "this kernel has it switched off"
        return Unavailable(f"Sandbox level {level} needs Landlock, and {said}.", LINUX_CURE)
    if not machine.seccomp:
        return Unavailable(
            f"Sandbox level {level} needs seccomp filters, which this machine does not offer.",
            LINUX_CURE,
        )
    if level is Level.STRICT and not machine.namespaces:
        said = "Sandbox level strict needs namespaces, which this user may not make here."
        return Unavailable(said, NAMESPACES_CURE)
    return None


def _need(machine: Machine, limits: Limits, *, egress: bool) -> Unavailable | None:
    """Say what the tool wants to use that this machine cannot bound."""
    for wanted, what in (
        (egress, "an address outside can be reached only through"),
        (limits.disk_bytes > 0, "a scratch folder can be bounded only in"),
        (limits.processes > 0, "processes can be counted only in"),
    ):
        if wanted and not machine.namespaces:
            said = f"For this tool {what} namespaces of its own, which this user may not make here."
            return Unavailable(said, NAMESPACES_CURE)
    if limits.processes > 0 and machine.root:
        return Unavailable(
            "The processes of this tool cannot be counted: the kernel exempts root.",
            "Run this agent as another user than root, or take `processes` out of the tool.",
        )
    return None
