"""Memory whose topics are given more partitions, in process."""

import pytest

from tests.promises.ground import Ground
from tests.promises.memory_partitions import *  # noqa: F403 - every test of it is a test of this file


@pytest.fixture
def ground() -> Ground:
    return Ground.in_memory()
