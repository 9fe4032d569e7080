"""One sandbox for all tests of a file: starting it takes longer than any of their calls."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from handrail.contract.confinement import Level
from handrail.rails.sandbox.means import holds
from handrail.rails.sandbox.sandbox import Proof, Sandbox, Setting

SETTING = Setting(opens="tests.unit.rails.sandbox.bodies:opens", project=Path(__file__).parent)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox that trusts the machine; what it keeps in is another test's matter."""
    async with Sandbox(SETTING) as made:
        made.trust(Proof(holds(made.machine)))
        yield made


@pytest.fixture
def best(sandbox: Sandbox) -> Level:
    """The firmest level that this machine's means are enough for."""
    return holds(sandbox.machine)
