"""Whose rights count behind an agent, in memory."""

from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.rights_between import *  # noqa: F403 - every test of it is a test of this file


@pytest.fixture
def team_of() -> Callable[..., Team]:
    return Team
