"""Looks what this machine offers to confine with. It forks, so only the zygote may look."""

import os
import platform
import sys
import tempfile
from pathlib import Path

from handrail.contract.confinement import MIB, Level, Limits
from handrail.rails.sandbox import kernel, seccomp
from handrail.rails.sandbox.confine import Paths, enter_namespaces, network_of_its_own
from handrail.rails.sandbox.means import Confinement, Machine


def look_around() -> Machine:
    """Say what is there. Whether it keeps anybody in is for the probe to see."""
    if not sys.platform.startswith("linux"):
        return Machine(linux=False, landlock_abi=0, seccomp=False, namespaces=False, root=False)
    return Machine(
        linux=True,
        landlock_abi=kernel.landlock_abi(),
        seccomp=seccomp.supported(platform.machine()) and _filters(),
        namespaces=_makes_namespaces(),
        root=os.geteuid() == 0,
    )


def _filters() -> bool:
    """Ask whether the kernel takes filters: it lists their actions where it does."""
    return Path("/proc/sys/kernel/seccomp/actions_avail").exists()


def _makes_namespaces() -> bool:
    """Try it in a child, as a strict call with a scratch folder and a way out would."""
    with tempfile.TemporaryDirectory(prefix="handrail-sandbox-") as scratch:
        pid = os.fork()
        if pid == 0:
            try:
                how = Confinement(Level.STRICT, True, True, True)
                enter_namespaces(how, Limits(disk_bytes=MIB), Paths((), (), scratch))
                network_of_its_own().close()
                os._exit(0)
            finally:
                os._exit(1)
        _, status = os.waitpid(pid, 0)
    return status == 0
