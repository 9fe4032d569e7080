"""A team's secrets on a real Kafka: in no topic, log or file, and in no words of a command."""

import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail.bus.kafka_admin import KafkaAdmin
from handrail.bus.where import Connection
from handrail.testing.accounting import read_all
from handrail.testing.mortal_bus import MortalBus
from tests.kafka.test_team_up import Project
from tests.mcp_servers import crude
from tests.waiting import until_now

AGENT = """
from handrail import Context, Effect, Refused, State, ToolContext, Topic, agent, remote_tool
from handrail import results, tool

ask_den = remote_tool("den", "echo", returns=list)
orders = Topic("orders", carries=str)
WORDS = "no-login-for"

@tool(effect=Effect.READ, secrets=["secret://{tenant}/psp"], failures=[State.NOT_FOUND])
async def charge(ctx: ToolContext, how: str) -> str:
    '''Charge somebody, or fail in words that hold the secret.'''
    key = ctx.secrets["psp"]
    if how == "refuse":
        raise Refused(State.NOT_FOUND, f"{WORDS} {key}", title=f"no {key}", remedy=f"use {key}")
    if how == "raise":
        try:
            raise OSError(f"{WORDS} {key}")
        except OSError as error:
            raise ValueError(f"{WORDS} {key}", {"password": key}) from error
    return f"{WORDS} {key}"

@agent(reads=orders, writes=results)
async def clerk(how: str, ctx: Context) -> str:
    if how == "model":
        return await ctx.model("What does this mean?", returns=str)
    if how == "remote":
        return str(await ctx.call(ask_den, text="DEN_KEY"))
    return await ctx.call(charge, how=how)
"""
WORDS = b"no-login-for"
CANARIES = {
    "HANDRAIL_SECRET_DEFAULT__PSP": f"canary-{uuid.uuid4().hex}",
    #: No HTTP header can hold it, and an HTTP client says so with the whole of it.
    "ANTHROPIC_API_KEY": f"canary-{uuid.uuid4().hex}\ncanary-{uuid.uuid4().hex}",
    "DEN_KEY": f"canary-{uuid.uuid4().hex}",
    "HANDRAIL_BROKER_TLS_KEY_PASSWORD": f"canary-{uuid.uuid4().hex}",
}
IN_THE_FILE = f"canary-{uuid.uuid4().hex}"
EVERY = [one.encode() for value in (*CANARIES.values(), IN_THE_FILE) for one in value.split()]
SERVER = f"""
[mcp.den]
command = ["{sys.executable}", "-S", "{crude.__file__}", "tells"]
env = ["DEN_KEY"]
effects = {{ echo = "read" }}
"""


@pytest.fixture
def project(tmp_path: Path, broker: str) -> Iterator[Project]:
    """A team whose every secret is a canary; whatever it started is ended."""
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "clerk.py").write_text(AGENT)
    (tmp_path / "handrail.toml").write_text(f'[broker]\nsasl_password = "{IN_THE_FILE}"\n{SERVER}')
    environment = {
        **os.environ,
        **CANARIES,
        "HANDRAIL_BOOTSTRAP": broker,
        "HANDRAIL_NAMESPACE": f"canary-{uuid.uuid4().hex[:8]}",
        "HANDRAIL_PARTITIONS": "1",
        "HANDRAIL_LOG_LEVEL": "debug",
    }
    made = Project(tmp_path, environment)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)


async def on_topics(bootstrap: str, namespace: str) -> dict[str, bytes]:
    """Give every byte of every topic of the team."""
    bus = MortalBus(Connection(bootstrap, "PLAINTEXT"))
    await bus.start()
    try:
        assert isinstance(bus.admin, KafkaAdmin)
        names = [one for one in await bus.admin.topics() if one.startswith(f"{namespace}.")]
        found: dict[str, bytes] = {}
        for name in names:
            records = await read_all(bus, name)
            pieces = [part or b"" for one in records for part in (one.key, one.value)]
            pieces += [value or b"" for one in records for _, value in one.headers]
            found[name] = b"\n".join(pieces)
        await bus.admin.delete_topics(names)
    finally:
        await bus.close()
    return found


def in_files(folder: Path) -> dict[str, bytes]:
    """Give every file that the team has left in its folder, other than what was put there."""
    every = [one for one in (folder / ".handrail").rglob("*") if one.is_file()]
    return {str(one.relative_to(folder)): one.read_bytes() for one in every}


async def test_no_secret_of_a_team_is_in_anything_that_it_leaves_behind(
    project: Project, broker: str
) -> None:
    pinned = project.run("tools", "pin", "den", "--yes")
    assert pinned.returncode == 0, pinned.stderr
    up = project.start("up")
    until_now(lambda: len(project.ready()) == 2, within_s=120, what="the team is ready")
    said = [pinned.stdout, pinned.stderr]
    for how in ("return", "refuse", "raise", "model", "remote"):
        done = project.run("submit", how, "--wait", "--reference", how)
        said += [done.stdout, done.stderr]
    for command in (*(("show", "raise"), ("dead", "list"), ("config", "show")),):
        shown = project.run(*command)
        said += [shown.stdout, shown.stderr]
    running = in_files(project.folder)
    assert project.run("down").returncode == 0
    said += up.communicate(timeout=60)
    topics = await on_topics(broker, project.environment["HANDRAIL_NAMESPACE"])

    left = {**topics, **running, **in_files(project.folder), "said": "\n".join(said).encode()}

    assert [name for name, data in left.items() if any(one in data for one in EVERY)] == []
    # What stood beside the secret has arrived: these are the places where it would be.
    namespace = project.environment["HANDRAIL_NAMESPACE"]
    where = (f"{namespace}.{name}" for name in ("results", "ledger", "clerk.journal", "clerk.dead"))
    assert [name for name in (*where, "said") if WORDS not in left[name]] == []
    assert b"ANTHROPIC_API_KEY holds a line break" in left["said"]
    assert b"beside [secret DEN_KEY]" in left["said"]
    assert any(name.endswith(".log") for name in left)
    assert any(name.startswith(".handrail/run/") for name in left)
