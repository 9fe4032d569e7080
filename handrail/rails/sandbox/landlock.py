"""Which files a confined process may see, as rules of Landlock.

Landlock judges the file that is reached, not the path that was written: a link that leads out of
an allowed folder, or one that is swapped while it is looked at, changes nothing.
Checked against Linux 6.18 (Landlock version 7); the documentation is the kernel's
Documentation/userspace-api/landlock.rst.
"""

import os
import stat
import struct
from collections.abc import Iterable

from handrail.rails.sandbox import kernel

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
TCP_BIND, TCP_CONNECT = 1 << 0, 1 << 1
SCOPE_ABSTRACT_UNIX, SCOPE_SIGNAL = 1 << 0, 1 << 1

#: Before version 3 a file can be cut to nothing in spite of the rules; we do not build on that.
ABI_MIN = 3
ABI_TCP, ABI_IOCTL, ABI_SCOPES = 4, 5, 6

READ = READ_FILE | READ_DIR
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
#: Everything that version 3 knows: bits 0 to 14. Version 5 adds the control of devices.
EVERYTHING = (1 << 15) - 1


def restrict(
    reads: Iterable[str],
    lists: Iterable[str],
    writes: Iterable[str],
    devices: Iterable[str],
    *,
    executes: bool,
    tcp: bool,
) -> None:
    """Hold this process to these paths; what is not there is left out. Raises OSError."""
    abi = kernel.landlock_abi()
    handled = EVERYTHING | (IOCTL_DEV if abi >= ABI_IOCTL else 0)
    # With a way out the network namespace holds nothing but that way; else no TCP at all.
    network = TCP_BIND | (0 if tcp else TCP_CONNECT) if abi >= ABI_TCP else 0
    scopes = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL if abi >= ABI_SCOPES else 0
    attributes = struct.pack("=QQQ", handled, network, scopes)
    length = 24 if abi >= ABI_SCOPES else 16 if abi >= ABI_TCP else 8
    ruleset = kernel.landlock_ruleset(attributes[:length])
    try:
        for paths, rights in (
            (reads, READ | (EXECUTE if executes else 0)),
            (lists, READ_DIR),
            (writes, EVERYTHING & ~EXECUTE),
            (devices, READ_FILE | WRITE_FILE),
        ):
            for path in paths:
                _allow(ruleset, path, rights & handled)
        kernel.landlock_restrict(ruleset)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there cannot be read either
    try:
        if not stat.S_ISDIR(os.fstat(opened).st_mode):
            rights &= OF_FILES
        if rights:
            kernel.landlock_allow(ruleset, rights, opened)
    finally:
        os.close(opened)
