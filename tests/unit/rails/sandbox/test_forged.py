"""What a body writes on the engine's socket is believed nothing of what only the engine can say."""

import orjson
import pytest

from handrail.contract.confinement import Level, Limits
from handrail.contract.failure import State
from handrail.rails.sandbox import frames
from handrail.rails.sandbox.outcome import Ending
from handrail.rails.sandbox.sandbox import Call, Sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    "forged", ["\x00\x00\x00\x02{}", "\xff\xff\xff\xff", "\x00\x00\x00\x04none", "", "\x00"]
)
async def test_a_forged_answer_is_believed_nothing(
    sandbox: Sandbox, best: Level, forged: str
) -> None:
    outcome = await sandbox.run(Call("forge", orjson.dumps(forged)), best, Limits())

    assert outcome.ending in {Ending.DIED, Ending.OUTPUT_TOO_LARGE}


@pytest.mark.parametrize("kind", ["unknown", "begun"])
async def test_a_body_that_has_begun_cannot_say_that_it_was_not_run(
    sandbox: Sandbox, best: Level, kind: str
) -> None:
    forged = frames.frame({"kind": kind}).decode("latin-1")

    outcome = await sandbox.run(Call("forge", orjson.dumps(forged)), best, Limits())

    assert (outcome.ending, outcome.state) == (Ending.DIED, State.OUTCOME_UNKNOWN)


async def test_a_tool_of_which_the_sandbox_does_not_know_was_not_run(
    sandbox: Sandbox, best: Level
) -> None:
    outcome = await sandbox.run(Call("nowhere", b"1"), best, Limits())

    assert outcome.ending is Ending.UNAVAILABLE
    assert "among which it is not" in outcome.detail
