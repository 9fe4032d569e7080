"""A team that declares no memory is told so, by a command that would look at it."""

from pathlib import Path

import pytest

from handrail.bus.in_process import InProcessBus
from handrail.bus.in_process_broker import InProcessBroker
from handrail.bus.settings_file import load_settings
from handrail.cli.memory_place import memory_on
from handrail.errors import SpacesUndeclared

AGENT = """
from handrail import Topic, agent

@agent(reads=Topic("jobs", carries=str))
async def clerk(text: str) -> None:
    '''Do nothing.'''
"""


async def test_a_team_that_declares_no_space_is_told_so_and_no_space_is_called_any(
    tmp_path: Path,
) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "clerk.py").write_text(AGENT)
    bus = InProcessBus(InProcessBroker(lambda: 0))

    with pytest.raises(SpacesUndeclared, match="declares no space") as told:
        async with memory_on(bus, load_settings(tmp_path, {}), "default"):
            pass

    assert "(any)" not in str(told.value)
    assert told.value.exit_code == 3
