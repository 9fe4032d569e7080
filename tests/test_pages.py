"""Pages say only what is so: their commands exist, their links lead somewhere, their code runs."""

import importlib
import pkgutil
import re
from pathlib import Path

import click
import pytest

import handrail.errors
from handrail.cli.main import root as command_line
from handrail.runtime.failpoint import Moment
from tests.laws import pages as law
from tests.simulation.plants import PLANTS

#: What stands in the last cell of a row in place of a test: heads, and the test of the row above.
OF = ("---", "the same", "the test", "the test that fails without it")
ROOT = Path(__file__).resolve().parent.parent


def cures() -> list[law.Command]:
    """List the commands that the errors tell people to type."""
    for module in pkgutil.iter_modules(handrail.errors.__path__, "handrail.errors."):
        importlib.import_module(module.name)
    return [
        law.command(error.code, line)
        for error in handrail.errors.every_error()
        for line in handrail.errors.message_parts(error)["do"].splitlines()
        if line.startswith("handrail ")
    ]


def test_every_command_on_a_page_exists_with_its_flags() -> None:
    assert law.wrong_commands(law.commands(ROOT), command_line) == []


def test_every_command_that_an_error_advises_exists_with_its_flags() -> None:
    assert law.wrong_commands(cures(), command_line) == []


def test_every_link_between_pages_leads_somewhere() -> None:
    assert law.broken_links(ROOT) == []


def test_every_test_that_a_page_names_exists() -> None:
    assert law.missing_tests(ROOT) == []


def test_every_moment_at_which_a_process_can_die_is_told_with_what_follows() -> None:
    guide = (ROOT / "docs/guide/testing.md").read_text(encoding="utf-8")
    table = (ROOT / "docs/why/guarantees.md").read_text(encoding="utf-8")

    untold = [moment for moment in Moment if f"`{moment}`" not in guide]
    assert untold == [], "docs/guide/testing.md names every moment"
    untold = [moment for moment in Moment if f"`{moment}`" not in table]
    assert untold == [], "docs/why/guarantees.md has each in a row of what a crash leaves behind"


def test_every_row_of_the_guarantees_names_a_test() -> None:
    page = (ROOT / "docs/why/guarantees.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("|")]
    bare = [row for row in rows if "::test_" not in row and row.rsplit("|", 2)[1].strip() not in OF]

    assert bare == []
    assert [row.split("|")[1].strip() for row in rows if row.startswith("| T")] == [
        f"T{number}" for number in range(1, 12)
    ]


def test_the_guarantees_count_the_mistakes_that_the_simulation_has_to_find() -> None:
    page = (ROOT / "docs/why/guarantees.md").read_text(encoding="utf-8")

    assert f"each of {len(PLANTS)} planted mistakes is found by them" in page


async def test_the_agent_of_the_front_page_runs() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    names: dict = {"__name__": "greeter"}

    exec(compile(code, "README.md", "exec"), names)

    assert (await names["greeter"]("Ada")).text == "Hello, Ada"


@click.group()
@click.option("--project")
def small(project: str) -> None:
    """Stand for the command line in the tests of the law."""


@small.command()
@click.option("--where")
def show(where: str) -> None:
    """Show nothing."""


@small.command()
@click.argument("id")
@click.option("--why", required=True)
def drop(id: str, why: str) -> None:
    """Drop nothing."""


@small.group()
def rows() -> None:
    """Stand for a group of commands."""


@pytest.mark.parametrize(
    "shown",
    [
        "```\nhandrail rows\n```",
        "Type `handrail tell`.",
        "Type `handrail show --were x`.",
        "```\nhandrail tell ID   # all of it\n```",
        "```\n$ handrail show --all\n```",
        "Type `handrail --project ../other tell`.",
        "```\nhandrail drop --why x\n```",
        "```\nhandrail drop ID\n```",
    ],
)
def test_a_command_that_does_not_exist_is_reported(tmp_path: Path, shown: str) -> None:
    (tmp_path / "README.md").write_text(shown)

    assert len(law.wrong_commands(law.commands(tmp_path), small)) == 1


@pytest.mark.parametrize(
    "shown",
    [
        "`handrail show ID` and `handrail show --where=x`",
        "handrail tell is prose",
        "`handrail rows` is a name\n```\nhandrail rows --help\n```",
        "```\nhandrail show ID --where x | grep --all y\n```",
        "`handrail drop` is a name\n```\nhandrail drop ID --why=x\n```",
    ],
)
def test_a_command_that_exists_and_prose_are_left_alone(tmp_path: Path, shown: str) -> None:
    (tmp_path / "README.md").write_text(shown)

    assert law.wrong_commands(law.commands(tmp_path), small) == []


def test_a_link_that_leads_nowhere_is_reported(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(
        "[here](README.md) [there](docs/gone.md) [web](https://x.y)"
    )

    assert law.broken_links(tmp_path) == ["README.md: the link to docs/gone.md leads nowhere"]


def test_a_test_that_does_not_exist_is_reported(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_one.py").write_text("def test_there() -> None: ...")
    (tmp_path / "README.md").write_text(
        "`tests/test_one.py::test_there` `tests/test_one.py::test_gone` `tests/two.py::test_x`"
    )

    assert law.missing_tests(tmp_path) == [
        "README.md: there is no test tests/test_one.py::test_gone",
        "README.md: there is no test tests/two.py::test_x",
    ]
