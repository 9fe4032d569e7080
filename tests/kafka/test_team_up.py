"""A team brought up, watched and taken down on a real Kafka, through the command line alone."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail.bus.local_broker import LocalBroker
from handrail.bus.process_birth import birth_of
from tests.kafka.project import Project, project_of
from tests.waiting import until_now

AGENT = """
from pydantic import BaseModel
from handrail import Topic, agent, results

class Greeting(BaseModel):
    greeting: str

names = Topic("names", carries=str)

@agent(reads=names, writes=results)
async def greeter(name: str) -> Greeting:
    return Greeting(greeting=f"Hello, {name}")
"""
PARTITIONS = 4


@pytest.fixture
def project(tmp_path: Path, broker: str) -> Iterator[Project]:
    """A fresh project on the shared broker; whatever it started is ended."""
    with project_of(tmp_path, broker, {"agents/greeter.py": AGENT}, PARTITIONS) as made:
        yield made


def test_a_team_is_up_answers_survives_a_kill_and_goes_down_in_order(project: Project) -> None:
    up = project.start("up")
    first = until_now(lambda: len(project.ready()) == 2 and project.ready(), within_s=60)
    assert isinstance(first, dict)
    assert set(first) == {"registrar", "greeter"}

    answer = project.run("submit", "Ada", "--wait", "--reference", "r1")
    assert (answer.returncode, json.loads(answer.stdout)) == (0, {"greeting": "Hello, Ada"})
    assert "greeter took it in." in answer.stderr

    os.kill(first["greeter"].pid, signal.SIGKILL)
    submitted = project.run("submit", "Bob", "--reference", "r2", "--as", "ben")
    assert submitted.returncode == 0
    until_now(
        lambda: project.ready().get("greeter", first["greeter"]).pid != first["greeter"].pid,
        within_s=30,
    )
    watched = project.run("watch", "r2")
    assert watched.returncode == 0
    assert "by ben" in watched.stderr + watched.stdout
    found = project.run("result", "r2", "-o", "json")
    assert json.loads(found.stdout)["items"][0]["result"] == {"greeting": "Hello, Bob"}
    assert project.run("topics", "plan").stderr == "Every topic is as it should be.\n"
    assert project.run("up").returncode == 5

    down = project.run("down")
    _, said = up.communicate(timeout=60)

    assert down.returncode == 0
    assert up.returncode == 0
    assert "greeter: died; ended by SIGKILL" in said
    assert said.rindex("greeter: stopped") < said.rindex("registrar: stopped")
    assert said.endswith("Everything has stopped.\n")
    assert not any(birth_of(note.pid) == note.born for note in first.values())


def test_a_local_kafka_that_is_killed_comes_back_where_it_was_and_the_team_goes_on(
    project: Project,
) -> None:
    del project.environment["HANDRAIL_BOOTSTRAP"]
    broker = LocalBroker(project.folder)
    up = project.start("up")
    try:
        until_now(lambda: len(project.ready()) == 2, within_s=90, what="the team is ready")
        before = broker.running()
        assert before is not None
        team = {note.name: note.pid for note in project.ready().values()}

        os.kill(before.pid, signal.SIGKILL)
        until_now(lambda: broker.running() is None, what="the broker is dead")
        away = project.run("submit", "Ada")
        until_now(
            lambda: project.run("submit", "Bob", "--reference", "r").returncode == 0, within_s=90
        )
        assert project.run("watch", "r").returncode == 0
        answer = project.run("result", "r")
        after = broker.running()
        until_now(
            lambda: {note.name: note.pid for note in project.ready().values()} == team,
            what="the very same processes are ready again",
        )
        assert project.run("down").returncode == 0
        _, said = up.communicate(timeout=60)
    finally:
        broker.wipe()

    assert (away.returncode, "HR-NET-004" in away.stderr) == (8, True)
    assert json.loads(answer.stdout) == {"greeting": "Hello, Bob"}
    assert after is not None
    assert (after.pid != before.pid, after.bootstrap) == (True, before.bootstrap)
    assert "local Kafka: died; it ended although nobody asked it to" in said
    assert "local Kafka: ready; it is back after" in said
    assert "aiokafka" not in said
    assert birth_of(after.pid) is None


def test_another_process_by_hand_shares_the_work_at_once(project: Project) -> None:
    assert project.run("topics", "apply").returncode == 0
    one = project.start("run", "greeter")
    until_now(lambda: len(project.ready()) == 1, within_s=30)

    project.start("run", "greeter")

    until_now(lambda: [note.partitions for note in project.ready().values()] == [2, 2], within_s=30)
    lanes = project.run("agents", "show", "greeter", "-o", "jsonl").stdout.splitlines()
    assert len({json.loads(lane)["owner"] for lane in lanes}) == 2

    one.send_signal(signal.SIGINT)
    one.communicate(timeout=30)
    until_now(lambda: [n.partitions for n in project.ready().values()] == [4], within_s=30)
    assert one.returncode == 0


def test_together_is_one_process_for_everything(project: Project) -> None:
    up = project.start("up", "--together")

    ready = until_now(project.ready, within_s=60)

    assert ready["team"].agents == ("registrar", "greeter")
    assert ready["team"].partitions == 2 * PARTITIONS
    up.send_signal(signal.SIGINT)
    _, said = up.communicate(timeout=60)
    assert up.returncode == 0
    assert said.endswith("Everything has stopped.\n")


def test_ctrl_c_stops_waiting_and_not_the_task(project: Project) -> None:
    assert project.run("topics", "apply").returncode == 0
    waiting = project.start("submit", "Ada", "--wait", "--reference", "slow")
    assert waiting.stderr is not None
    told = [waiting.stderr.readline() for _ in range(2)]

    waiting.send_signal(signal.SIGINT)
    out, rest = waiting.communicate(timeout=30)

    assert told[0].startswith("Task ")
    assert "Submitted by " in told[1]
    assert " to names: " in told[1]
    assert waiting.returncode == 130
    assert "Still running. Follow: handrail watch " in rest
    assert out == ""
    assert project.run("result", "slow").returncode == 6


def test_a_wrong_partition_count_is_refused_and_said(project: Project) -> None:
    assert project.run("topics", "apply").returncode == 0
    project.environment["HANDRAIL_PARTITIONS"] = "5"

    planned, applied = project.run("topics", "plan", "-o", "jsonl"), project.run("topics", "apply")
    up = project.run("up")

    assert {json.loads(line)["change"] for line in planned.stdout.splitlines()} == {"refused"}
    for refused in (applied, up):
        assert refused.returncode == 5
        assert "HR-PLAN-001" in refused.stderr


def test_a_handler_that_raises_leaves_a_dead_letter_that_can_be_read(project: Project) -> None:
    (project.folder / "agents" / "greeter.py").write_text(AGENT.replace("{name}", "{nme}"))
    project.start("up", "--together")
    until_now(project.ready, within_s=60)

    failed = project.run("submit", "Ada", "--wait")

    assert failed.returncode == 1
    listed = project.run("dead", "list", "-o", "jsonl")
    dead = json.loads(listed.stdout)
    assert (dead["reason"], dead["value"]) == ("attempts", "Ada")
    shown = project.run("dead", "show", dead["id"])
    assert shown.returncode == 0
    assert "name 'nme' is not defined" in shown.stderr
    assert json.loads(shown.stdout) == "Ada"
    assert project.run("dead", "show", "greeter/0/999").returncode == 3


def test_the_doctor_finds_a_healthy_team_healthy(project: Project) -> None:
    assert project.run("topics", "apply").returncode == 0

    checked = project.run("doctor", "-o", "json")

    states = {one["check"]: one["state"] for one in json.loads(checked.stdout)["items"]}
    assert checked.returncode == 0
    assert states["topics"] == states["broker"] == states["clocks"] == states["team"] == "ok"


CLERK = """
from pathlib import Path
from handrail import Context, Effect, Integrity, Reach, Refused, State, Topic, agent, results, tool

jobs = Topic("jobs", carries=str)
HERE = Path(__file__).parents[1]

@tool(effect=Effect.READ, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def look(text: str) -> str:
    'Look it up.'
    with (HERE / "looked").open("a") as looked:
        looked.write(text)
    return text

@tool(effect=Effect.UNSAFE, reach=Reach.TENANT, gives=Integrity.INTERNAL)
async def book(text: str) -> str:
    'Book it.'
    if not (HERE / "open").exists():
        raise Refused(State.INVALID_INPUT, "the shop is closed")
    return f"booked {text}"

@agent(reads=jobs, writes=results)
async def clerk(text: str, ctx: Context) -> str:
    return await ctx.call(book, await ctx.call(look, text))
"""


def test_a_person_at_the_command_line_sends_what_died_back_and_gives_one_up(
    project: Project,
) -> None:
    (project.folder / "agents" / "clerk.py").write_text(CLERK)
    up = project.start("up")
    until_now(
        lambda: len(project.ready()) == 3 or up.poll() is not None,
        within_s=90,
        what="the team is ready",
    )
    assert up.poll() is None, up.communicate(timeout=60)[1]
    tasks = [project.run("send", "jobs", text).stdout.strip() for text in "abc"]

    def groups() -> list[dict[str, object]]:
        return json.loads(project.run("dead", "list", "--groups", "-o", "json").stdout)["items"]

    until_now(lambda: [one["count"] for one in groups()] == [3], within_s=30)
    (group,) = groups()
    planned = project.run("dead", "redrive", "--group", str(group["group"]), "--dry-run")
    closed = project.run("dead", "redrive", "--group", str(group["group"]), "-o", "json")
    (project.folder / "open").touch()
    first = json.loads(closed.stdout)["items"]
    given_up = project.run("dead", "discard", first[1]["id"], "--why", "not wanted")
    sent = project.run("dead", "redrive", "--all", "-o", "json")
    again = project.run("dead", "redrive", first[0]["id"])
    left = project.run("dead", "list")

    assert (planned.returncode, planned.stdout.count("would be sent back")) == (0, 3)
    assert (closed.returncode, [one["outcome"] for one in first]) == (
        1,
        ["died again", "not sent", "not sent"],
    )
    assert "what was sent first failed" in closed.stderr
    assert given_up.returncode == 0, given_up.stderr
    outcomes = [one["outcome"] for one in json.loads(sent.stdout)["items"]]
    assert (sent.returncode, outcomes) == (0, ["ended well"] * 2)
    assert (again.returncode, "already" in again.stdout) == (5, True)
    assert left.stderr == "No dead letter is open.\n"
    # Each was looked up once, however often it was sent back.
    assert sorted((project.folder / "looked").read_text()) == ["a", "b", "c"]
    ends = sorted(project.run("result", task).returncode for task in tasks)
    assert ends == [0, 0, 1]
