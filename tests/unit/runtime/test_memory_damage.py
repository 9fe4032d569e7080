"""Damage of the file of a view, on the in-process bus."""

import pytest

from tests.promises.ground import Ground
from tests.promises.memory_damage import *  # noqa: F403 - every test of it is a test of this file


@pytest.fixture
def ground() -> Ground:
    return Ground.in_memory()
