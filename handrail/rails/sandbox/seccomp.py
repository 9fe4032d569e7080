"""Which system calls a confined process may not make, as a filter of seccomp.

A call that is refused fails as if the user had no right to it, so that libraries which only try
go on. A call of another architecture ends the process: its numbers mean something else. The layout
of instructions and data is that of the kernel's Documentation/userspace-api/seccomp_filter.rst.
"""

import errno
import platform
import struct
from dataclasses import dataclass
from functools import lru_cache

KILL, ALLOW, ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
AT_NUMBER, AT_ARCHITECTURE, AT_ARGUMENTS = 0, 4, 16
X32_CALLS = 0x40000000  #: numbers from here on are x86-64's second, shorter ABI

CLONE_THREAD = 0x10000
CLONE_NAMESPACES = 0x7E020080
AF_UNIX, AF_INET, AF_INET6 = 1, 2, 10
SOCK_KIND, SOCK_STREAM = 0xF, 1
F_SETOWN, F_SETSIG, F_SETOWN_EX = 8, 10, 15
FIOSETOWN, SIOCSPGRP = 0x8901, 0x8902
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP = 1, 4, 22

#: Architecture → the kernel's name for it and the place of each call: x86_64, then the generic
#: table that aarch64 uses. None: that architecture has no such call.
ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}

OWN_PID = 0xFFFFFFFE  #: stands for the process; no process has this number

Numbers = tuple[int | None, int | None]

#: Looking into other processes, and changing how they are scheduled.
OTHERS: dict[str, Numbers] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "kcmp": (312, 272),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "sched_setaffinity": (203, 122),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "setsid": (112, 157),  # leaving the group is leaving the reach of the kill at the end
    "setpgid": (109, 154),
}
#: The machine itself: mounts, namespaces, modules, clocks, keys.
MACHINE: dict[str, Numbers] = {
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),  # its work is done past every filter
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "personality": (135, 92),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "fanotify_init": (300, 262),
    "vhangup": (153, 58),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
}
#: Who one is, and what a file says of its owner: Landlock does not judge these.
OWNERSHIP: dict[str, Numbers] = {
    "setuid": (105, 146),
    "setgid": (106, 144),
    "setreuid": (113, 145),
    "setregid": (114, 143),
    "setresuid": (117, 147),
    "setresgid": (119, 149),
    "setfsuid": (122, 151),
    "setfsgid": (123, 152),
    "setgroups": (116, 159),
    "capset": (126, 91),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "lchown": (94, None),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
    "utime": (132, None),
    "utimes": (235, None),
    "utimensat": (280, 88),
    "futimesat": (261, None),
}
#: Memory and queues that no limit of the process counts and that may outlive it.
UNCOUNTED: dict[str, Numbers] = {
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
}
NEW_PROCESSES: dict[str, Numbers] = {
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
}
JUDGED: dict[str, Numbers] = {
    "clone": (56, 220),
    "clone3": (435, 435),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "prlimit64": (302, 261),
    "prctl": (157, 167),
    "fcntl": (72, 25),
    "ioctl": (16, 29),
}

Instruction = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Filter:
    """What a filter depends on."""

    pid: int  #: of the process that it is for
    processes: bool  #: it may start some
    network: bool  #: it may open TCP connections


def supported(machine: str | None = None) -> bool:
    """Say whether the calls of this architecture are known here."""
    return (machine or platform.machine()) in ARCHITECTURES


def program(wanted: Filter, machine: str | None = None) -> bytes:
    """Give the filter as the kernel reads it. Raises KeyError on an architecture we do not know."""
    code = _code(wanted.processes, wanted.network, machine or platform.machine())
    return b"".join(
        struct.pack("=HBBI", *one[:3], wanted.pid) if one[3] == OWN_PID else packed
        for one, packed in code
    )


@lru_cache(maxsize=8)
def _code(processes: bool, network: bool, machine: str) -> tuple[tuple[Instruction, bytes], ...]:  # noqa: FBT001
    """Give the instructions, all but the process number: made once, before any child is forked."""
    wanted = Filter(OWN_PID, processes, network)
    name, place = ARCHITECTURES[machine]
    code: list[Instruction] = [
        (LOAD, 0, 0, AT_ARCHITECTURE),
        (JUMP_EQUAL, 1, 0, name),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, AT_NUMBER),
    ]
    if place == 0:
        code += [(JUMP_AT_LEAST, 0, 1, X32_CALLS), (RETURN, 0, 0, KILL)]
    refused = OTHERS | MACHINE | OWNERSHIP | UNCOUNTED
    refused |= {} if processes else NEW_PROCESSES
    for numbers in refused.values():
        number = numbers[place]
        if number is not None:
            code += [(JUMP_EQUAL, 0, 1, number), _refuse(errno.EPERM)]
    for call, numbers in JUDGED.items():
        number = numbers[place]
        body = _judge(call, wanted)
        if number is not None and body:
            code += [(JUMP_EQUAL, 0, len(body), number), *body]
    code.append((RETURN, 0, 0, ALLOW))
    return tuple((one, struct.pack("=HBBI", *one)) for one in code)


def _refuse(number: int) -> Instruction:
    return (RETURN, 0, 0, ERRNO | number)


_ALLOW: Instruction = (RETURN, 0, 0, ALLOW)


def _argument(number: int) -> Instruction:
    """Load the lower half of an argument; what is judged here is never wider."""
    return (LOAD, 0, 0, AT_ARGUMENTS + 8 * number)


def _judge(call: str, wanted: Filter) -> list[Instruction]:
    """Give the instructions that end in a verdict on one call."""
    no = _refuse(errno.EPERM)
    match call:
        case "clone3":
            # Its flags lie in memory, where no filter looks; the C library then uses clone.
            return [_refuse(errno.ENOSYS)]
        case "clone":
            fresh = [_argument(0), (JUMP_ANY_BIT, 0, 1, CLONE_NAMESPACES), no]
            if wanted.processes:
                return [*fresh, _ALLOW]
            return [*fresh, (JUMP_ANY_BIT, 1, 0, CLONE_THREAD), no, _ALLOW]
        case "socket":
            if not wanted.network:
                return [_refuse(errno.EACCES)]
            return [
                _argument(0),
                (JUMP_EQUAL, 2, 0, AF_INET),
                (JUMP_EQUAL, 1, 0, AF_INET6),
                _refuse(errno.EACCES),
                _argument(1),
                (AND, 0, 0, SOCK_KIND),
                (JUMP_EQUAL, 1, 0, SOCK_STREAM),
                _refuse(errno.EACCES),
                _ALLOW,
            ]
        case "socketpair":
            # A datagram socket sends to any path whatever its other end is, and Landlock does not
            # judge that; one of a stream is connected for good.
            return [
                _argument(0),
                (JUMP_EQUAL, 1, 0, AF_UNIX),
                _refuse(errno.EACCES),
                _argument(1),
                (AND, 0, 0, SOCK_KIND),
                (JUMP_EQUAL, 1, 0, SOCK_STREAM),
                _refuse(errno.EACCES),
                _ALLOW,
            ]
        case "kill" | "tgkill" if not wanted.processes:
            return [_argument(0), (JUMP_EQUAL, 1, 0, wanted.pid), no, _ALLOW]
        case "tkill":
            return [no]
        case "prlimit64":
            own = (JUMP_EQUAL, 2, 0, wanted.pid)
            return [_argument(0), own, (JUMP_EQUAL, 1, 0, 0), no, _ALLOW]
        case "prctl":
            # Outliving the engine, being looked into again, and a second filter are not its to ask.
            return _all_but(0, PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP)
        case "fcntl":
            # Whom a descriptor tells of its news gets a signal from here, of any number.
            return _all_but(1, F_SETOWN, F_SETSIG, F_SETOWN_EX)
        case "ioctl":
            return _all_but(1, FIOSETOWN, SIOCSPGRP)
        case _:
            return []


def _all_but(place: int, *words: int) -> list[Instruction]:
    """Allow a call unless an argument is one of these."""
    asked = [_argument(place)]
    for left, word in zip(range(len(words), 0, -1), words, strict=True):
        asked.append((JUMP_EQUAL, left, 0, word))
    return [*asked, _ALLOW, _refuse(errno.EPERM)]
