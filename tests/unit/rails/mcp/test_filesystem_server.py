"""The server for files from the protocol's authors, over standard input and output."""

from pathlib import Path

import orjson
import pytest

from handrail.rails.mcp.ending import Ending
from handrail.rails.mcp.server import read_servers
from handrail.rails.mcp.standing import Pin
from handrail.rails.mcp.tools import McpTools, ServerTools

pytestmark = pytest.mark.mcp_filesystem


async def test_it_reads_what_it_may_and_says_what_it_may_not(tmp_path: Path) -> None:
    folder, outside = tmp_path / "papers", tmp_path / "secret.txt"
    folder.mkdir()
    (folder / "note.txt").write_text("The bridge is open.")
    outside.write_text("s3cret")
    table = {
        "command": ["mcp-server-filesystem", str(folder)],
        "only": ["read_text_file"],
        "start_s": 120,
        "timeout_s": 120,
    }
    server = read_servers({"files": table})["files"]
    asked = ServerTools(server, tmp_path, {})
    judged = await asked.judged()
    await asked.close()
    pins = {one.offered.name: Pin(one.offered, "ada", "now") for one in judged if one.offered}

    async with McpTools({"files": server}, tmp_path, {"files": pins}) as tools:
        usable = [tool.name for tool in await tools.usable()]
        read = await tools.call(
            "files_read_text_file", orjson.dumps({"path": str(folder / "note.txt")})
        )
        refused = await tools.call("files_read_text_file", orjson.dumps({"path": str(outside)}))
        unwanted = await tools.call("files_write_file", b'{"path": "x", "content": "y"}')

    assert usable == ["files_read_text_file"]
    assert (read.ending, b"The bridge is open." in read.result) == (Ending.DONE, True)
    assert refused.ending is Ending.TOOL_FAILED
    assert "s3cret" not in refused.detail
    assert unwanted.ending is Ending.QUARANTINED
