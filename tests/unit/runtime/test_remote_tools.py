"""What handlers are promised of tools of MCP servers, in memory; and with the authors' own one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from handrail import Context, Effect, OneOf, Refused, agent, may, remote_tool, results
from handrail.contract.plan import ANYTHING
from handrail.runtime.remote_tools import remote_tools
from handrail.testing import Team
from tests.promises.remote_tools import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.remote_tools import approve_all
from tests.promises.step_tools import jobs


@pytest.fixture
def team_of() -> Callable[..., Team]:
    return Team


read_text, write = remote_tool("files", "read_text_file"), remote_tool("files", "write_file")


@agent(reads=jobs, writes=results)
async def scribe(folder: str, ctx: Context) -> str:
    copy, secret = f"{folder}/copy.txt", f"{folder}/../secret.txt"
    ctx.plan(may(write, path=OneOf(copy), content=ANYTHING), may(read_text, path=OneOf(secret)))
    note = await ctx.call(read_text, path=f"{folder}/note.txt")
    await ctx.call(write, path=copy, content=note["content"])
    try:
        return str(await ctx.call(read_text, path=secret))
    except Refused as no:
        return f"{no.state}"


@pytest.mark.mcp_filesystem
async def test_files_are_read_and_written_through_the_authors_server(tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "note.txt").write_text("The bridge is open.")
    (tmp_path / "secret.txt").write_text("s3cret")
    tables = {
        "files": {
            "command": ["mcp-server-filesystem", str(folder)],
            "effects": {"read_text_file": "read"},
            "start_s": 120,
            "timeout_s": 120,
        }
    }
    await approve_all(tables, tmp_path)
    async with (
        remote_tools(tables, tmp_path, [read_text, write]),
        Team(scribe, tools=[read_text, write], partitions=1) as team,
    ):
        team.allow(read_text)
        team.allow(write)
        task = await team.submit(jobs, str(folder))
        await task.until("auth_required")
        assert not (folder / "copy.txt").exists()

        await team.approve(task, by="grace")

        assert await task.result(str) == "precondition_failed"
    assert (folder / "copy.txt").read_text() == "The bridge is open."


async def test_a_test_without_a_server_says_what_an_operator_would() -> None:
    async with Team(scribe, tools=[read_text, write], partitions=1) as team:
        for tool in (read_text, write):
            team.declare(tool, effect=Effect.READ)
        team.fake(read_text, returns={"content": "x"})
        team.fake(write, returns=None)

        assert await (await team.submit(jobs, "papers")).result(str) == "{'content': 'x'}"
        assert team.calls(write) == [{"path": "papers/copy.txt", "content": "x"}]


@agent(reads=jobs, writes=results)
async def copier(folder: str, ctx: Context) -> str:
    return str(await ctx.call(write, path=f"{folder}/copy.txt"))


async def test_an_unsafe_tool_that_a_test_declares_waits_for_an_approval_as_an_operators_does() -> (
    None
):
    async with Team(copier, tools=[write], partitions=1) as team:
        team.declare(write, effect=Effect.UNSAFE)
        team.fake(write, returns="written")
        task = await team.submit(jobs, "papers")
        await task.until("auth_required")
        assert team.calls(write) == []

        await team.approve(task, by="grace")

        assert await task.result(str) == "written"


async def test_a_test_may_say_that_an_unsafe_tool_needs_nobody_as_an_operator_may() -> None:
    async with Team(copier, tools=[write], partitions=1) as team:
        team.declare(write, effect=Effect.UNSAFE, approval="none")
        team.fake(write, returns="written")

        assert await (await team.submit(jobs, "papers")).result(str) == "written"


def test_a_tool_that_no_process_has_told_takes_names_only() -> None:
    with pytest.raises(Refused, match="takes its arguments by name"):
        remote_tool("files", "read_text_file").bind("note.txt")
