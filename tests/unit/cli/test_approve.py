"""What is checked of a decision before it is sent, on a project folder without a broker."""

from pathlib import Path

import pytest

from handrail.cli.approve import check_by_contract
from handrail.errors import AnswerRefused
from handrail.wire.human import Request

AGENT = '''
from handrail import Topic, agent


@agent(reads=Topic("jobs", carries=str))
async def clerk(text: str) -> None:
    """Do nothing."""
'''
TOOL = '''
from typing import Annotated
from pydantic import AfterValidator
from handrail import tool


def even(value: int) -> int:
    if value % 2:
        raise ValueError("an even number of them")
    return value


@tool
async def send(count: Annotated[int, AfterValidator(even)]) -> None:
    """Send so many."""
'''


def request(tool: str) -> Request:
    act: dict[str, object] = {"tool": tool}
    return Request("i/1.a0/1", "t", "default", "clerk", "Send?", {}, kind="approval", act=act)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in {"agents/clerk.py": AGENT, "tools/send.py": TOOL}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    return tmp_path


def test_changed_arguments_that_only_the_contract_refuses_are_not_sent(project: Path) -> None:
    check_by_contract(project, request("send"), {"count": 2})

    with pytest.raises(AnswerRefused, match=r"the changed arguments: send: .*an even number"):
        check_by_contract(project, request("send"), {"count": 3})


def test_where_the_tool_is_not_at_hand_the_schema_is_all_that_is_checked(
    project: Path, tmp_path: Path
) -> None:
    check_by_contract(project, request("tool_of_a_server"), {"count": 3})
    (tmp_path / "empty").mkdir()
    check_by_contract(tmp_path / "empty", request("send"), {"count": 3})
