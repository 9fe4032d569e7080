"""The system calls of Linux that Python does not offer, through the C library that it has loaded.

Numbers and structures are those of the kernel's user interface: capability.h, prctl.h, sched.h,
mount.h and landlock.h, checked against Linux 6.18. Every call raises OSError as `os` would.
"""

import ctypes
import os
import struct
from functools import lru_cache

PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 24, 22, 38
PR_SET_SECUREBITS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, PR_SET_DUMPABLE = 28, 47, 4, 4
SECBITS_LOCKED = 0xEF  #: no root by uid, no set-uid fix-up, no kept and no ambient capabilities
CAPABILITIES_COUNT_MAX = 64
CAPABILITY_VERSION_3 = 0x20080522

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 0x4000, 0x40000

# Landlock's three calls have the same numbers on every architecture.
NR_LANDLOCK_CREATE, NR_LANDLOCK_ADD, NR_LANDLOCK_RESTRICT = 444, 445, 446
LANDLOCK_CREATE_RULESET_VERSION, LANDLOCK_RULE_PATH_BENEATH = 1, 1


@lru_cache(maxsize=1)
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result


def prctl(option: int, *arguments: int) -> int:
    """Set one of the traits that Linux keeps of a process."""
    given = [ctypes.c_ulong(one) for one in (*arguments, 0, 0, 0, 0)[:4]]
    return _checked(_libc().prctl(option, *given), f"prctl {option}")


def unshare(flags: int) -> None:
    """Leave the namespaces that the flags name for new ones."""
    _checked(_libc().unshare(flags), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    """Mount a file system, or change how one spreads."""
    names = [one.encode() if one is not None else None for one in (source, target, kind)]
    _checked(
        _libc().mount(*names, ctypes.c_ulong(flags), options.encode() or None), f"mount {target}"
    )


def drop_capabilities() -> None:
    """Give up every capability, now and for whatever is executed later."""
    for number in range(CAPABILITIES_COUNT_MAX):
        try:
            prctl(PR_CAPBSET_DROP, number)
        except OSError:
            break  # the first unknown one ends the list; without CAP_SETPCAP there is none to drop
    try:
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
        prctl(PR_SET_SECUREBITS, SECBITS_LOCKED)
    except PermissionError:
        pass  # one without CAP_SETPCAP has nothing that these would take
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    _checked(_libc().capset(header, bytes(24)), "capset")


def landlock_abi() -> int:
    """Give the version of Landlock that the kernel offers; 0 when it offers none."""
    found: int = _libc().syscall(NR_LANDLOCK_CREATE, None, 0, LANDLOCK_CREATE_RULESET_VERSION)
    return max(found, 0)


def landlock_ruleset(attributes: bytes) -> int:
    """Make a set of rules and give its file descriptor."""
    made = _libc().syscall(NR_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0)
    return _checked(made, "landlock_create_ruleset")


def landlock_allow(ruleset: int, rights: int, folder: int) -> None:
    """Allow rights below an open file or folder."""
    # struct landlock_path_beneath_attr is packed: a 64-bit mask, then a 32-bit descriptor.
    rule = struct.pack("=Qi", rights, folder)
    added = _libc().syscall(NR_LANDLOCK_ADD, ruleset, LANDLOCK_RULE_PATH_BENEATH, rule, 0)
    _checked(added, "landlock_add_rule")


def landlock_restrict(ruleset: int) -> None:
    """Hold this thread and its descendants to a set of rules, for good."""
    _checked(_libc().syscall(NR_LANDLOCK_RESTRICT, ruleset, 0), "landlock_restrict_self")


def install_filter(program: bytes) -> None:
    """Hold this process to a seccomp filter, for good; PR_SET_NO_NEW_PRIVS has to be set."""
    kept = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: a 16-bit count of instructions, padding, a pointer.
    head = struct.pack("@HP", len(program) // 8, ctypes.addressof(kept))
    seccomp_mode_filter = 2
    given = ctypes.c_char_p(head)
    result = _libc().prctl(PR_SET_SECCOMP, ctypes.c_ulong(seccomp_mode_filter), given, 0, 0)
    _checked(result, "prctl PR_SET_SECCOMP")
