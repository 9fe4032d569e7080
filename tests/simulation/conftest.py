"""Begins the many schedules with the test run, so that they use what other tests leave idle."""

import os

import pytest

from tests import workers
from tests.simulation import seeds

SCHEDULES_COUNT = 20_000
NEEDED_BY = "schedules"

_begun = pytest.StashKey[seeds.Run]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin when a test that waits for them was chosen; of several workers the first runs it."""
    wanted = not workers.is_beside(session.config) and any(
        NEEDED_BY in getattr(item, "fixturenames", ()) for item in session.items
    )
    if wanted and not session.config.option.collectonly:
        session.config.stash[_begun] = seeds.Run.begin(
            0, SCHEDULES_COUNT, processes=os.cpu_count() or 1, yields=True
        )


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """End what nobody has waited for, before it is looked for."""
    begun = session.config.stash.get(_begun, None)
    if begun is not None:
        begun.end()


@pytest.fixture
def schedules(request: pytest.FixtureRequest) -> seeds.Run:
    """The schedules that began with this test run."""
    return request.config.stash[_begun]
