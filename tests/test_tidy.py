"""Files, functions, names and pages keep to the house rules."""

import importlib
import pkgutil
from pathlib import Path

import pytest

import handrail.errors
from tests.laws import tidy as law

ROOT = Path(__file__).resolve().parent.parent
LAWS = [
    law.files_are_short,
    law.functions_are_short,
    law.constructors_are_small,
    law.names_say_the_thing,
    law.nothing_is_left_open,
    law.nothing_is_printed,
    law.no_private_places,
    law.front_pages_exist,
    law.tests_are_honest,
    law.the_walk_exists,
]


def every_code() -> list[str]:
    """List the code of every error class, its own and not its parent's."""
    for module in pkgutil.iter_modules(handrail.errors.__path__, "handrail.errors."):
        importlib.import_module(module.name)
    return [str(vars(error).get("code", error.__name__)) for error in handrail.errors.every_error()]


@pytest.mark.parametrize("rule", LAWS, ids=lambda rule: rule.__name__)
def test_the_house_is_tidy(rule) -> None:
    assert rule(ROOT) == []


def test_every_error_has_its_own_code_and_every_code_its_runbook() -> None:
    assert law.every_code_has_its_runbook(ROOT, every_code()) == []


def planted(root: Path, name: str, text: str) -> Path:
    """Write one file into an empty tree."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("rule", "name", "text"),
    [
        (law.files_are_short, "handrail/lane/a.py", "x = 1\n" * 401),
        (law.files_are_short, "agents/writer.py", "x = 1\n" * 61),
        (law.functions_are_short, "desk/a.py", "def f():\n" + "    x = 1\n" * 60),
        (law.functions_are_short, "desk/a.py", "@g\ndef f():\n" + "    x = 1\n" * 59),
        (law.functions_are_short, "desk/a.py", "async def f():\n" + "    x = 1\n" * 60),
        (
            law.constructors_are_small,
            "desk/a.py",
            "class A:\n    def __init__(self, a, b, c, *, d, e, f, g): ...",
        ),
        (law.names_say_the_thing, "handrail/lane/utils.py", ""),
        (law.names_say_the_thing, "handrail/lane/message_manager.py", ""),
        (law.names_say_the_thing, "handrail/core/lane.py", ""),
        (law.names_say_the_thing, "handrail/lane/_surface.py", ""),
        # Texts of planted files, which nothing runs: each has to be reported.
        (law.nothing_is_left_open, "docs/guide.md", "This page is a TODO."),
        (law.nothing_is_left_open, "handrail/a.py", "# FIXME: later"),
        (law.nothing_is_printed, "handrail/a.py", "print('x')"),
        (law.no_private_places, "docs/guide.md", f"see /{'work'}/x"),
        (law.no_private_places, "Makefile", f"curl https://{'pypi'}.org/simple"),
        (law.no_private_places, "handrail/a.py", f"HOST = 'repo1.{'maven'}.org'"),
        (law.tests_are_honest, "tests/test_a.py", "import time\ntime.sleep(1)"),
        (law.tests_are_honest, "tests/test_a.py", "import asyncio\nasyncio.sleep(0.1)"),
        (law.tests_are_honest, "tests/test_a.py", "import pytest\n@pytest.mark.skip\ndef f(): ..."),
        (law.tests_are_honest, "tests/test_a.py", "import pytest\npytest.skip('no broker')"),
        (law.tests_are_honest, "tests/test_a.py", "from unittest.mock import patch"),
        (law.tests_are_honest, "tests/test_a.py", "monkeypatch.setattr(a, 'b', 1)"),
        (law.the_walk_exists, "ARCHITECTURE.md", "# A\n\n## The walk\n\n| a | `gone.py` | b |\n"),
        (law.the_walk_exists, "ARCHITECTURE.md", "# A\n\n## The walk\n\nnothing\n"),
    ],
)
def test_a_planted_untidiness_is_reported(tmp_path: Path, rule, name: str, text: str) -> None:
    assert len(rule(planted(tmp_path, name, text))) == 1


@pytest.mark.parametrize(
    ("rule", "name", "text"),
    [
        (law.files_are_short, "handrail/lane/a.py", "x = 1\n" * 400),
        (law.functions_are_short, "desk/a.py", "def f():\n" + "    x = 1\n" * 59),
        (
            law.constructors_are_small,
            "desk/a.py",
            "class A:\n    def __init__(self, a, b, c, d, e, f): ...",
        ),
        (law.names_say_the_thing, "handrail/lane/__init__.py", ""),
        (law.names_say_the_thing, "handrail/cli/commonplace.py", ""),
        (law.nothing_is_printed, "handrail/a.py", "console.print('x')"),
        (law.no_private_places, "docs/guide.md", "see my/work/x and src/root/x"),
        (law.tests_are_honest, "tests/test_a.py", "import asyncio\nasyncio.sleep(0)"),
        (law.tests_are_honest, "tests/waiting.py", "import time\ntime.sleep(POLL_S)"),
    ],
)
def test_what_is_tidy_is_left_alone(tmp_path: Path, rule, name: str, text: str) -> None:
    assert rule(planted(tmp_path, name, text)) == []


def test_missing_front_pages_are_reported(tmp_path: Path) -> None:
    assert len(law.front_pages_exist(tmp_path)) == len(law.FRONT_PAGES)


def test_a_code_without_a_page_a_page_without_a_code_and_a_shared_code_are_reported(
    tmp_path: Path,
) -> None:
    sections = "\n".join(law.RUNBOOK_SECTIONS)
    planted(tmp_path, "docs/runbooks/HR-A-001.md", sections)
    planted(tmp_path, "docs/runbooks/HR-A-009.md", sections)
    planted(tmp_path, "docs/runbooks/HR-A-003.md", "## Meaning")

    found = law.every_code_has_its_runbook(
        tmp_path, ["HR-A-001", "HR-A-001", "HR-A-002", "HR-A-003"]
    )

    assert found == [
        "HR-A-001: two errors share this code",
        "docs/runbooks/HR-A-002.md: missing",
        "docs/runbooks/HR-A-003.md: section `## Diagnosis` is missing",
        "docs/runbooks/HR-A-003.md: section `## Impact` is missing",
        "docs/runbooks/HR-A-003.md: section `## Mitigation` is missing",
        "docs/runbooks/HR-A-009.md: no error has this code",
    ]
