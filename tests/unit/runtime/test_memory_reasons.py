"""What people may rely on that gave a reason, on a bus in memory."""

import pytest

from tests.promises.ground import Ground
from tests.promises.memory_reasons import *  # noqa: F403 - every test of it is a test of this file


@pytest.fixture
def ground() -> Ground:
    return Ground.in_memory()
