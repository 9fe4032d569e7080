"""How work is asked for."""

from handrail import Client
from handrail.runtime.submitting import Submitting
from handrail.runtime.sync_client import SyncClient
from handrail.testing import Team


def test_every_client_takes_work_by_one_declaration() -> None:
    assert {kind.submit for kind in (Client, SyncClient, Team)} == {Submitting.submit}
