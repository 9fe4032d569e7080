"""The Python on the guide's pages runs, and both type checkers accept it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from handrail.contract.agent import Agent
from handrail.contract.team import TeamDescription

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "guide" / "agents.md"


def code_of(page: Path) -> str:
    return "\n\n".join(re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL))


def test_the_agents_of_the_guide_can_be_declared_and_make_a_team() -> None:
    names: dict[str, object] = {"__name__": "guide"}

    exec(compile(code_of(PAGE), str(PAGE), "exec"), names)

    agents = {value.name: value for value in names.values() if isinstance(value, Agent)}
    wanted = {"thanker", "splitter", "judge", "counter", "clerk", "reader", "refunder"}
    assert set(agents) == wanted
    team = TeamDescription([agents["splitter"], agents["judge"], agents["counter"]])
    assert team.problems() == ()
    assert team.gather_of(agents["splitter"]) == agents["counter"].reads


@pytest.mark.parametrize(
    "checker", [["mypy", "--strict"], ["pyright"]], ids=["mypy strict", "pyright"]
)
def test_the_python_of_the_guide_is_well_typed(checker: list[str], tmp_path: Path) -> None:
    page = tmp_path / "guide.py"
    page.write_text(code_of(PAGE), "utf-8")

    checked = subprocess.run(
        [sys.executable, "-m", *checker, str(page)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout
