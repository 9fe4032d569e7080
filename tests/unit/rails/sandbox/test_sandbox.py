"""A body runs apart, within its bounds, and whatever it does its call ends in words."""

import asyncio
import contextlib
import fcntl
import os
import resource
import signal
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import orjson
import pytest

from handrail.contract.confinement import MIB, Level, Limits
from handrail.contract.failure import RetryClass, State
from handrail.errors import SandboxBroken
from handrail.rails.egress import Egress
from handrail.rails.sandbox.call import OneCall, RanAtAll
from handrail.rails.sandbox.means import Unavailable, decide
from handrail.rails.sandbox.outcome import Ending, Outcome
from handrail.rails.sandbox.sandbox import Call, Sandbox, Setting
from tests.unit.rails.sandbox.conftest import SETTING
from tests.waiting import until

SECRET = "4f1c-canary-9e2d-77ab"


# One process that forks serves the whole file: starting it takes longer than any of these calls.
pytestmark = pytest.mark.asyncio(loop_scope="module")


def is_alive(pid: int) -> bool:
    """Say whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_a_body_gets_its_call_and_its_secrets_and_gives_its_result(
    sandbox: Sandbox, best: Level
) -> None:
    call = Call("echo", b'{"order": 42}', {"psp": "s3cret"})

    outcome = await sandbox.run(call, best, Limits())

    assert outcome.ending is Ending.DONE
    assert orjson.loads(outcome.result) == {"call": {"order": 42}, "secrets": {"psp": "s3cret"}}


async def test_a_refusal_of_the_body_keeps_its_words(sandbox: Sandbox, best: Level) -> None:
    outcome = await sandbox.run(Call("refuse", b"null"), best, Limits())

    assert (outcome.ending, outcome.state) == (Ending.REFUSED, State.NOT_FOUND)
    assert (outcome.detail, outcome.remedy) == ("There is no order 42.", "Ask for another.")


async def test_what_may_be_done_with_a_request_is_what_the_body_said(
    sandbox: Sandbox, best: Level
) -> None:
    call = Call("refuse_at_length", b"1", {"psp": SECRET})

    outcome = await sandbox.run(call, best, Limits())
    usual = await sandbox.run(Call("refuse", b"null"), best, Limits())

    assert usual.retry is RetryClass.WITH_CHANGES
    assert (outcome.state, outcome.retry) == (State.CONFLICT, RetryClass.NEVER)


async def test_no_part_of_a_secret_is_in_a_refusal_that_is_too_long(
    sandbox: Sandbox, best: Level
) -> None:
    call = Call("refuse_at_length", b"%d" % (2_000 - len(SECRET) // 2), {"psp": SECRET})

    outcome = await sandbox.run(call, best, Limits())

    for words in (outcome.title, outcome.detail, outcome.remedy):
        assert words.rstrip("[secrt p") == "x" * (2_000 - len(SECRET) // 2)


@pytest.mark.parametrize("behind", [0, 8_192 - len(SECRET) // 2, 8_192 - 1, 8_192])
async def test_no_part_of_a_secret_is_in_what_is_kept_of_a_print(
    sandbox: Sandbox, best: Level, behind: int
) -> None:
    call = Call("print_before", b"%d" % behind, {"psp": SECRET})

    outcome = await sandbox.run(call, best, Limits())

    assert outcome.ending is Ending.DONE
    assert outcome.log.endswith("+" * behind)
    assert outcome.log.strip("-+") in ("[secret psp]", "")


@pytest.mark.parametrize("size", [8, len(SECRET)])
async def test_no_part_of_a_secret_is_in_the_print_of_a_body_that_was_cut_off(
    sandbox: Sandbox, best: Level, size: int
) -> None:
    outcome = await sandbox.run(Call("print_half", b"%d" % size, {"psp": SECRET}), best, Limits())

    assert outcome.ending is Ending.DIED
    assert outcome.log == "it is [secret psp]"


async def test_what_a_body_raises_is_told_by_its_class_and_its_words_are_in_the_log_alone(
    sandbox: Sandbox, best: Level
) -> None:
    outcome = await sandbox.run(Call("fail", b"null"), best, Limits())

    assert (outcome.ending, outcome.state) == (Ending.FAILED, State.INTERNAL)
    assert (outcome.error, outcome.detail) == (
        "ValueError",
        "The tool failed with an error of its own.",
    )
    assert "nothing fits" not in outcome.remedy
    assert outcome.log.startswith("just before")
    assert "Traceback" in outcome.log
    assert "nothing fits" in outcome.log


async def test_a_tool_that_nobody_knows_was_not_run(sandbox: Sandbox, best: Level) -> None:
    outcome = await sandbox.run(Call("gone", b"null"), best, Limits())

    assert outcome.ending is Ending.UNAVAILABLE
    assert "among which it is not" in outcome.detail


@pytest.mark.parametrize(
    ("tool", "call", "limits", "ending", "state"),
    [
        ("hang", b"null", {"wall_s": 0.5}, Ending.TIMED_OUT, State.OUTCOME_UNKNOWN),
        ("burn", b"null", {"cpu_s": 1, "wall_s": 120.0}, Ending.OUT_OF_CPU, State.OUTCOME_UNKNOWN),
        ("take_memory", b"null", {}, Ending.OUT_OF_MEMORY, State.OUTCOME_UNKNOWN),
        ("talk", b"2000", {"output_bytes": 1_000}, Ending.OUTPUT_TOO_LARGE, State.OUTPUT_INVALID),
    ],
)
async def test_a_bound_that_is_passed_ends_the_call_in_words(
    sandbox: Sandbox,
    best: Level,
    tool: str,
    call: bytes,
    limits: dict,
    ending: Ending,
    state: State,
) -> None:
    if not best.holds(Level.STANDARD) and ending in {Ending.OUT_OF_CPU, Ending.OUT_OF_MEMORY}:
        return  # level `none` bounds time and output, and promises no more

    outcome = await sandbox.run(Call(tool, call), best, Limits(**limits))

    assert (outcome.ending, outcome.state) == (ending, state)
    assert outcome.detail
    assert outcome.remedy


async def test_a_body_that_prints_without_end_keeps_the_end_of_it(
    sandbox: Sandbox, best: Level
) -> None:
    outcome = await sandbox.run(Call("print_much", b"null"), best, Limits())

    assert outcome.ending is Ending.DONE
    assert outcome.log.endswith("the end")
    assert len(outcome.log) <= 8_192


async def test_what_a_body_prints_is_read_in_turns_and_at_its_end_to_the_last() -> None:
    one = OneCall(1, Limits(), Egress(), {})
    _, printing = one.for_the_child()
    fcntl.fcntl(printing, fcntl.F_SETPIPE_SZ, 8 << 16)
    os.write(printing, b"-" * (4 << 16))
    os.write(printing, b"the end")

    one._hear()
    after_one = bytes(one._said)
    outcome = one.outcome(RanAtAll({"kind": "done", "result": "1"}))
    one.close()

    assert not after_one.endswith(b"the end"), "everybody else waited for it"
    assert outcome.log.endswith("the end")


def open_files(pid: int) -> int:
    """Count what a process holds open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def test_a_call_that_cannot_be_forked_ends_alone(sandbox: Sandbox, best: Level) -> None:
    task = asyncio.create_task(sandbox.run(Call("hang", b"null"), best, Limits(wall_s=60)))
    (one,) = await until(lambda: sandbox._calls.values())
    await until(lambda: one._said)
    assert sandbox._zygote is not None
    zygote = sandbox._zygote.pid
    held = open_files(zygote)
    before = resource.prlimit(zygote, resource.RLIMIT_NOFILE)

    resource.prlimit(zygote, resource.RLIMIT_NOFILE, (held + 1, before[1]))
    refused = await sandbox.run(Call("echo", b"1"), best, Limits())
    resource.prlimit(zygote, resource.RLIMIT_NOFILE, before)
    after = await sandbox.run(Call("echo", b"1"), best, Limits())
    hangs_on = not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert hangs_on
    assert after.ending is Ending.DONE
    assert refused.ending is Ending.UNAVAILABLE
    assert "Too many open files" in refused.detail
    assert open_files(zygote) < held, "all that was given is closed"


async def test_when_the_time_is_over_the_whole_tree_is_gone(sandbox: Sandbox) -> None:
    limits = Limits(wall_s=3.0)

    outcome = await sandbox.run(Call("hang_with_children", b"null"), Level.NONE, limits)

    assert outcome.ending is Ending.TIMED_OUT
    pids = [int(pid) for pid in outcome.log.split()]
    assert len(pids) == 2
    await until(lambda: not any(map(is_alive, pids)))


async def test_what_a_body_leaves_behind_is_gone_when_it_has_ended(sandbox: Sandbox) -> None:
    outcome = await sandbox.run(Call("leave_a_child", b"null"), Level.NONE, Limits())

    assert outcome.ending is Ending.DONE
    await until(lambda: not is_alive(int(outcome.result)))


async def test_a_call_that_is_given_up_leaves_no_process(sandbox: Sandbox, best: Level) -> None:
    task = asyncio.create_task(sandbox.run(Call("hang", b"null"), best, Limits(wall_s=60)))
    (one,) = await until(lambda: sandbox._calls.values())
    await until(lambda: one._said)

    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    assert task.cancelled()
    assert one.gone.is_set()


async def test_the_death_of_the_forking_process_is_told_and_the_next_call_runs(
    sandbox: Sandbox, best: Level
) -> None:
    task = asyncio.create_task(sandbox.run(Call("hang", b"null"), best, Limits(wall_s=60)))
    (one,) = await until(lambda: sandbox._calls.values())
    await until(lambda: one._said)
    assert sandbox._zygote is not None

    sandbox._zygote.send_signal(signal.SIGKILL)
    died = await task
    after = await sandbox.run(Call("echo", b"1"), best, Limits())

    assert died.ending is Ending.DIED
    assert after.ending is Ending.DONE


async def test_tools_that_do_not_load_are_told_with_their_reason() -> None:
    setting = Setting(opens="tests.unit.rails.sandbox.bodies:breaks", project=Path("/desk"))

    with pytest.raises(SandboxBroken, match="the tools of desk are broken"):
        async with Sandbox(setting):
            pass


async def test_many_calls_side_by_side_each_get_their_own_answer(
    sandbox: Sandbox, best: Level
) -> None:
    calls = [Call("echo", b"%d" % number) for number in range(40)]

    outcomes = await asyncio.gather(*(sandbox.run(one, best, Limits(wall_s=60)) for one in calls))

    assert [orjson.loads(one.result)["call"] for one in outcomes] == list(range(40))


async def test_no_later_body_finds_the_secret_of_an_earlier_one(sandbox: Sandbox) -> None:
    secret = "a-secret-of-one-call-only"
    await sandbox.run(Call("echo", b"null", {"psp": secret}), Level.NONE, Limits())

    found = await sandbox.run(
        Call("remembers", orjson.dumps(secret[::-1])), Level.NONE, Limits(wall_s=60)
    )
    known = await sandbox.run(
        Call("remembers", orjson.dumps(SETTING.opens[::-1])), Level.NONE, Limits(wall_s=60)
    )

    assert found.result == b"false"
    assert known.result == b"true"  # what it does know is found, so the search can find


async def test_a_scratch_folder_is_private_to_its_call_or_refused(
    sandbox: Sandbox, best: Level
) -> None:
    limits = Limits(disk_bytes=MIB)

    outcomes = [await sandbox.run(Call("scratch", b"null"), best, limits) for _ in range(2)]

    if sandbox.machine.namespaces:
        assert [orjson.loads(one.result) for one in outcomes] == [{"before": [], "now": "mine"}] * 2
    elif best.holds(Level.STANDARD):
        assert {one.ending for one in outcomes} == {Ending.UNAVAILABLE}


async def test_processes_are_counted_or_refused(sandbox: Sandbox, best: Level) -> None:
    limits = Limits(processes=4, wall_s=60)

    outcome = await sandbox.run(Call("start_a_program", b"null"), best, limits)

    how = decide(sandbox.machine, best, best, limits, egress=False)
    if isinstance(how, Unavailable):
        assert (outcome.ending, outcome.detail) == (Ending.UNAVAILABLE, how.detail)
    else:
        assert outcome.result == b'"hello\\n"'


@pytest.fixture
def web() -> Iterator[int]:
    """A web server on this machine; gives its port."""

    class Hello(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Hello) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="web")
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


async def fetched(sandbox: Sandbox, best: Level, url: str, allowed: list[str]) -> Outcome:
    """Fetch a page from inside the sandbox."""
    call = Call("fetch", orjson.dumps(url))
    return await sandbox.run(call, best, Limits(wall_s=60), Egress.of(allowed))


async def test_an_allowed_address_is_reached_through_the_one_door(
    sandbox: Sandbox, best: Level, web: int
) -> None:
    allowed = [f"127.0.0.1:{web}"]

    reached = await fetched(sandbox, best, f"http://127.0.0.1:{web}/", allowed)
    refused = await fetched(sandbox, best, "http://127.0.0.1:1/", allowed)

    if not sandbox.machine.namespaces:
        assert reached.ending is Ending.UNAVAILABLE or best is Level.NONE
        return
    assert orjson.loads(reached.result) == {"status": 200, "text": "hello"}
    said = orjson.loads(refused.result)
    assert said["status"] == 403
    assert "127.0.0.1:1 was refused" in said["text"]


async def test_past_the_door_nothing_is_reached(sandbox: Sandbox, best: Level, web: int) -> None:
    call = Call("connect", orjson.dumps(["127.0.0.1", web]))

    outcome = await sandbox.run(call, best, Limits(wall_s=60), Egress.of([f"127.0.0.1:{web}"]))

    if sandbox.machine.namespaces:
        assert outcome.result == b'"ConnectionRefusedError"'
        with socket.create_connection(("127.0.0.1", web), 5):
            pass  # from here it can be reached
