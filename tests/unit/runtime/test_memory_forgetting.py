"""What forgetting a person does when something is in its way, on a bus in memory."""

import pytest

from tests.promises.ground import Ground
from tests.promises.memory_forgetting import *  # noqa: F403 - every test of it is a test of this file


@pytest.fixture
def ground() -> Ground:
    return Ground.in_memory()
