"""The filter gives the verdicts that it should, on every architecture that it knows."""

import errno
import struct

import pytest

from handrail.rails.sandbox import seccomp
from handrail.rails.sandbox.seccomp import ALLOW, ERRNO, KILL, Filter, program

PID = 4242
NAMES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
TABLE = {
    **seccomp.OTHERS,
    **seccomp.MACHINE,
    **seccomp.OWNERSHIP,
    **seccomp.UNCOUNTED,
    **seccomp.NEW_PROCESSES,
    **seccomp.JUDGED,
}


def verdict(code: bytes, number: int, *arguments: int, architecture: int = NAMES["x86_64"]) -> int:
    """Run a filter as the kernel does, over one call."""
    given = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("=iIQ6Q", number, architecture, 0, *(one & (2**64 - 1) for one in given))
    place, held = 0, 0
    while True:
        kind, yes, no, value = struct.unpack_from("=HBBI", code, place * 8)
        place += 1
        match kind:
            case seccomp.LOAD:
                (held,) = struct.unpack_from("=I", data, value)
            case seccomp.AND:
                held &= value
            case seccomp.RETURN:
                return value
            case seccomp.JUMP_EQUAL:
                place += yes if held == value else no
            case seccomp.JUMP_AT_LEAST:
                place += yes if held >= value else no
            case seccomp.JUMP_ANY_BIT:
                place += yes if held & value else no
            case other:
                raise AssertionError(other)


def asked(
    call: str,
    *arguments: int,
    machine: str = "x86_64",
    processes: bool = False,
    network: bool = False,
) -> int:
    """Ask the filter about a call by its name."""
    code = program(Filter(PID, processes, network), machine)
    number = TABLE[call][seccomp.ARCHITECTURES[machine][1]]
    assert number is not None
    return verdict(code, number, *arguments, architecture=NAMES[machine])


NO = ERRNO | errno.EPERM
CLONE_OF_A_THREAD = 0x3D0F00


@pytest.mark.parametrize("machine", NAMES)
@pytest.mark.parametrize(
    ("call", "arguments", "given", "said"),
    [
        ("ptrace", (), {}, NO),
        ("io_uring_setup", (), {}, NO),
        ("setresuid", (0, 0, 0), {}, NO),
        ("fchmodat", (), {}, NO),
        ("memfd_create", (), {}, NO),
        ("clone", (CLONE_OF_A_THREAD,), {}, ALLOW),
        ("clone", (17,), {}, NO),
        ("clone", (17,), {"processes": True}, ALLOW),
        ("clone", (0x10000000 | 17,), {"processes": True}, NO),
        ("clone", (CLONE_OF_A_THREAD | 0x10000000,), {}, NO),
        ("clone3", (), {"processes": True}, ERRNO | errno.ENOSYS),
        ("execve", (), {}, NO),
        ("execve", (), {"processes": True}, ALLOW),
        ("socket", (1, 1, 0), {}, ERRNO | errno.EACCES),
        ("socket", (2, 1, 0), {}, ERRNO | errno.EACCES),
        ("socket", (2, 1, 0), {"network": True}, ALLOW),
        ("socket", (10, 1 | 0o2004000, 0), {"network": True}, ALLOW),
        ("socket", (2, 2, 0), {"network": True}, ERRNO | errno.EACCES),
        ("socket", (1, 1, 0), {"network": True}, ERRNO | errno.EACCES),
        ("socket", (16, 3, 0), {"network": True}, ERRNO | errno.EACCES),
        ("socketpair", (1, 1, 0), {}, ALLOW),
        ("socketpair", (1, 1 | 0o2004000, 0), {}, ALLOW),
        ("socketpair", (2, 1, 0), {}, ERRNO | errno.EACCES),
        ("socketpair", (1, 2, 0), {}, ERRNO | errno.EACCES),
        ("socketpair", (1, 2 | 0o2000000, 0), {"network": True}, ERRNO | errno.EACCES),
        ("socketpair", (1, 5, 0), {}, ERRNO | errno.EACCES),
        ("fcntl", (3, 1030), {}, ALLOW),
        ("fcntl", (3, 8, 1), {}, NO),
        ("fcntl", (3, 10, 9), {"processes": True}, NO),
        ("fcntl", (3, 15), {"network": True}, NO),
        ("ioctl", (3, 0x5401), {}, ALLOW),
        ("ioctl", (3, 0x8901), {}, NO),
        ("ioctl", (3, 0x8902), {}, NO),
        ("kill", (PID, 9), {}, ALLOW),
        ("kill", (1, 9), {}, NO),
        ("kill", (-1, 9), {}, NO),
        ("kill", (1, 9), {"processes": True}, ALLOW),  # Landlock's scope and the namespace judge
        ("tgkill", (PID, 7, 9), {}, ALLOW),
        ("tgkill", (1, 1, 9), {}, NO),
        ("tkill", (7, 9), {}, NO),
        ("prlimit64", (0, 7, 0), {}, ALLOW),
        ("prlimit64", (PID, 7, 0), {}, ALLOW),
        ("prlimit64", (1, 7, 0), {}, NO),
        ("prctl", (15,), {}, ALLOW),
        ("prctl", (1, 0), {}, NO),
        ("prctl", (4, 1), {}, NO),
        ("prctl", (22, 2), {}, NO),
    ],
)
def test_a_call_gets_its_verdict(
    machine: str, call: str, arguments: tuple[int, ...], given: dict, said: int
) -> None:
    assert asked(call, *arguments, machine=machine, **given) == said


@pytest.mark.parametrize("machine", NAMES)
@pytest.mark.parametrize(
    "call",
    [*seccomp.OTHERS, *seccomp.MACHINE, *seccomp.OWNERSHIP, *seccomp.UNCOUNTED],
)
def test_what_is_on_a_list_is_refused_with_processes_and_network_too(
    machine: str, call: str
) -> None:
    number = TABLE[call][seccomp.ARCHITECTURES[machine][1]]
    code = program(Filter(PID, processes=True, network=True), machine)

    assert number is None or verdict(code, number, architecture=NAMES[machine]) == NO


def test_numbers_of_another_architecture_end_the_process() -> None:
    code = program(Filter(PID, processes=False, network=False), "x86_64")

    assert verdict(code, 0, architecture=0x40000003) == KILL
    assert verdict(code, 0x40000000 | 1) == KILL


def test_what_is_on_no_list_is_allowed() -> None:
    code = program(Filter(PID, processes=False, network=False), "x86_64")

    assert verdict(code, 0) == ALLOW  # read


def test_no_call_is_listed_twice_and_numbers_do_not_meet() -> None:
    lists = (seccomp.OTHERS, seccomp.MACHINE, seccomp.OWNERSHIP, seccomp.UNCOUNTED)
    assert sum(map(len, lists)) + len(seccomp.NEW_PROCESSES) + len(seccomp.JUDGED) == len(TABLE)
    for place in (0, 1):
        numbers = [one[place] for one in TABLE.values() if one[place] is not None]
        assert len(numbers) == len(set(numbers))


def test_an_architecture_that_nobody_has_checked_is_not_confined_by_guess() -> None:
    assert not seccomp.supported("riscv64")
