"""A lane that is opened has little to read on a broker in memory; Kafka has the same tests."""

import pytest

from tests.promises.ground import Ground
from tests.promises.short_journal import *  # noqa: F403 - every test of it is a test of this file


@pytest.fixture
def ground() -> Ground:
    return Ground.in_memory()
