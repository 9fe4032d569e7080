"""How work is asked for, and on whose behalf."""

import pytest

from handrail import Client, Topic, agent
from handrail.errors import SubmissionInvalid
from handrail.runtime.submitting import Submitting
from handrail.runtime.sync_client import SyncClient
from handrail.testing import Team

jobs = Topic("jobs", carries=str)


@agent(reads=jobs)
async def worker(job: str) -> None:
    """Do nothing."""


def test_every_client_takes_work_by_one_declaration() -> None:
    assert {kind.submit for kind in (Client, SyncClient, Team)} == {Submitting.submit}


def test_every_kind_of_client_asks_on_behalf_of_whom_it_is_told() -> None:
    assert Client.sync(asked_by="ben").asked_by == Client(asked_by="ben").asked_by == "ben"
    assert Client.sync().asked_by == Client().asked_by


@pytest.mark.parametrize("name", ["", "x" * 61, "two\nlines"])
async def test_a_name_that_no_agent_would_take_is_refused_and_not_left_out(name: str) -> None:
    async with Team(worker) as team:
        team.client.asked_by = name

        with pytest.raises(SubmissionInvalid, match="names nobody"):
            await team.client.submit(jobs, "a")
