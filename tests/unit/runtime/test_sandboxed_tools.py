"""A project's tools run in the sandbox with what they declare, and see no data of the project."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from handrail.contract.confinement import Limits
from handrail.contract.failure import State
from handrail.contract.tool import Tool, ToolContext
from handrail.rails.sandbox.means import holds
from handrail.rails.sandbox.outcome import Ending
from handrail.rails.sandbox.sandbox import Call, Proof, Sandbox
from handrail.rails.sandbox.tool_body import call_of
from handrail.runtime.discovery import ToolFiles
from handrail.runtime.sandboxed_tools import setting
from handrail.runtime.team_imports import close_projects, load_file

TOOLS = '''
from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel

from desk.money import doubled
from handrail import Effect, Level, Refused, State, ToolContext, tool


class Receipt(BaseModel):
    amount: Decimal
    task: str


@tool(effect=Effect.READ, sandbox=Level.STANDARD)
async def double(ctx: ToolContext, amount: Decimal) -> Receipt:
    """Double an amount."""
    return Receipt(amount=doubled(amount), task=ctx.task_id)


@tool(effect=Effect.READ, sandbox=Level.STANDARD)
async def read(path: str) -> str:
    """Read a file."""
    try:
        return Path(path).read_text()
    except PermissionError as error:
        raise Refused(State.NOT_FOUND, "It may not be seen.") from error
'''
CONTEXT = ToolContext(idem_key="k", task_id="t-1", tenant="acme", deadline_ms=1)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A project with two tools, plain code, and a password in its settings."""
    files = {
        "tools/money.py": TOOLS,
        "desk/money.py": "def doubled(amount):\n    from desk.factor import FACTOR\n"
        "    return amount * FACTOR\n",
        "desk/factor.py": "FACTOR = 2\n",
        "handrail.toml": 'password = "s3cret"\n',
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    yield tmp_path
    close_projects(tmp_path)


async def test_a_declared_tool_runs_in_the_sandbox_with_its_types(project: Path) -> None:
    file = project / "tools" / "money.py"
    declared = ToolFiles(project, {"double": file, "read": file})
    tools = [one for one in vars(load_file(project, file)).values() if isinstance(one, Tool)]

    async with Sandbox(setting(tools, declared)) as sandbox:
        best = holds(sandbox.machine)
        sandbox.trust(Proof(best))

        async def run(tool: str, **arguments: str):
            call = Call(tool, call_of(orjson.dumps(arguments), CONTEXT))
            return await sandbox.run(call, best, Limits(wall_s=60))

        done = await run("double", amount="21")
        wrong = await run("double", amount="much")
        code = await run("read", path=str(project / "desk" / "factor.py"))
        secret = await run("read", path=str(project / "handrail.toml"))

    assert orjson.loads(done.result) == {"amount": "42", "task": "t-1"}
    assert (wrong.ending, wrong.state) == (Ending.REFUSED, State.INVALID_INPUT)
    assert code.result == b'"FACTOR = 2\\n"'
    assert best == "none" or (secret.ending, secret.state) == (Ending.REFUSED, State.NOT_FOUND)
