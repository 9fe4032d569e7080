"""The front door is light, small and complete."""

import subprocess
import sys

import pytest

import handrail

HEAVY = ("aiokafka", "anthropic", "apsw", "uvloop", "click", "rich", "structlog")


def modules_after(code: str) -> set[str]:
    """Give the names of all modules that a fresh interpreter has loaded after the code."""
    script = f"{code}\nimport sys\nsys.stdout.write(' '.join(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_importing_handrail_loads_nothing_else() -> None:
    loaded = modules_after("import handrail")

    assert {name for name in loaded if name.startswith("handrail")} == {"handrail"}
    assert "pydantic" not in loaded


def test_what_an_agent_file_needs_loads_no_client() -> None:
    loaded = modules_after(
        "from handrail import Context, Handoff, Parts, Topic, agent, results, tool"
    )

    assert not loaded & set(HEAVY)


def test_every_name_of_the_front_door_opens() -> None:
    for name in handrail.__all__:
        assert getattr(handrail, name) is not None
    assert set(handrail.__all__) <= set(dir(handrail))


def test_another_name_is_missed_in_pythons_words() -> None:
    with pytest.raises(AttributeError, match="module 'handrail' has no attribute 'Agnet'"):
        handrail.Agnet  # noqa: B018 - the access is the act
