"""What lanes do about large bodies of unfinished work, in memory; the same bodies run on Kafka."""

from collections.abc import Callable

import pytest

from handrail import Context, Refused, State, agent, results
from handrail.runtime.worker.packing import DAY_MS, RENEWED_AFTER_MS
from handrail.testing import Team
from handrail.wire.claim import Claim
from tests.promises.renewals import *  # noqa: F403 - every test of it is a test of this file
from tests.promises.renewals import LARGE, blobs_end, jobs


@pytest.fixture
def team_of() -> Callable[..., Team]:
    return Team


@agent(reads=jobs, writes=results)
async def refuser(text: str, ctx: Context) -> str:
    """Refuse for good whatever it is given."""
    raise Refused(State.NOT_FOUND, f"Nobody wants {len(text)} characters.")


async def claim_after(lies_ms: int) -> tuple[Claim, int]:
    """Let a large body lie unread; gives what its dead letter claims and where later ones begin."""
    async with Team(refuser, partitions=1) as team:
        await team.kill(refuser)
        task = await team.submit(jobs, LARGE)
        end = await blobs_end(team)
        await team.advance(seconds=lies_ms / 1_000)
        await team.restart(refuser)
        (letter,) = await task.dead_letters()
        assert letter.body is not None
        return Claim.decode(letter.body), end


async def test_a_large_body_that_lay_unread_outlives_its_dead_letter() -> None:
    fresh, before = await claim_after(RENEWED_AFTER_MS - DAY_MS)
    old, end = await claim_after(RENEWED_AFTER_MS + DAY_MS)

    assert fresh.offset < before
    assert old.offset >= end, "it would be deleted before its dead letter"
    assert (old.sha256, old.size) == (fresh.sha256, fresh.size)
