"""Making a new team."""

import os
import re
import subprocess
import sys
import sysconfig
import textwrap
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail import results
from handrail.cli.init import namespace_of
from handrail.cli.main import main
from handrail.runtime.discovery import load_team
from handrail.runtime.team_imports import close_projects
from handrail.testing import Team

ROOT = Path(__file__).resolve().parents[3]
RUNNER = 'Runner = "the SDK\'s runner"\n'


@pytest.fixture(scope="module", autouse=True)
def _types_of_the_engine_are_read_once() -> Iterator[None]:
    # mypy looks at each file again; what it knows of the engine and the libraries stays.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MYPY_CACHE_DIR", str(ROOT / ".mypy_cache" / "new-teams"))
        yield


@pytest.fixture(autouse=True)
def _no_project_stays_open(tmp_path: Path) -> Iterator[None]:
    yield
    close_projects(tmp_path)


def run(
    folder: Path, *command: str, python: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python or sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("template", ["hello", "desk"])
def test_a_new_team_loads_and_fits_together(tmp_path: Path, template: str) -> None:
    folder = tmp_path / "My First Team!"

    assert main(["init", str(folder), "--template", template]) == 0

    team = load_team(folder)
    team.description().check()
    shipped = {path.stem for path in (ROOT / "agents").glob("*.py")}
    assert set(team.agents) == ({"greeter"} if template == "hello" else shipped)
    assert 'namespace = "my-first-team"' in (folder / "handrail.toml").read_text()


def test_a_new_team_passes_its_own_tests_beside_the_openai_sdk(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    (site / "agents").mkdir(parents=True)
    (site / "agents" / "__init__.py").write_text(RUNNER)
    folder = tmp_path / "team"
    assert main(["init", str(folder)]) == 0
    greeter = folder / "agents" / "greeter.py"
    greeter.write_text(greeter.read_text() + "\n\nfrom agents import Runner\n\nRUNNER = Runner\n")

    done = run(folder, "pytest", "-q", "-p", "no:cacheprovider", PYTHONPATH=str(site))

    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_a_new_desk_passes_its_own_tests(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    assert main(["init", str(folder), "--template", "desk"]) == 0

    done = run(folder, "pytest", "-q", "-p", "no:cacheprovider")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Give the Python of an environment that sees what is installed here, and installs for itself.

    A package of the OpenAI SDK's name is installed there too.
    """
    home = tmp_path / "venv"
    venv.create(home, symlinks=True, with_pip=False)
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(home)}))
    seen = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})"
    (site / "seen.pth").write_text(seen)
    (site / "agents").mkdir()
    (site / "agents" / "__init__.py").write_text(RUNNER)
    return home / "bin" / "python"


@pytest.mark.parametrize("template", ["hello", "desk"])
def test_a_new_team_installs_as_its_readme_says_and_its_tests_pass_beside_the_openai_sdk(
    tmp_path: Path, elsewhere: Path, template: str
) -> None:
    folder = tmp_path / "my-team"
    assert main(["init", str(folder), "--template", template]) == 0
    assert "pip install -e '.[dev]'" in (folder / "README.md").read_text()

    # Everything that it needs is here: nothing is fetched.
    offline = ["--no-deps", "--no-build-isolation", "--no-index"]
    installed = run(folder, "pip", "install", *offline, "-e", ".[dev]", python=elsewhere)
    tested = run(folder, "pytest", "-q", "-p", "no:cacheprovider", python=elsewhere)
    typed = run(folder, "mypy", "agents", "topics", python=elsewhere)

    assert installed.returncode == 0, installed.stdout + installed.stderr
    assert "Successfully installed my-team" in installed.stdout
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert typed.returncode == 0, typed.stdout


@pytest.mark.parametrize("template", ["hello", "desk"])
def test_every_command_of_a_new_teams_readme_is_there(tmp_path: Path, template: str) -> None:
    folder = tmp_path / "team"
    assert main(["init", str(folder), "--template", template]) == 0

    named = re.findall(r"(?<!from )handrail ([a-z]+)", (folder / "README.md").read_text())

    assert len(named) >= 4
    for command in set(named):
        assert run(folder, "handrail", command, "--help").returncode == 0, command


def test_a_new_team_is_seen_by_a_strict_type_checker(tmp_path: Path) -> None:
    folder = tmp_path / "team"
    assert main(["init", str(folder)]) == 0
    clean = run(folder, "mypy", "agents", "topics")
    greeter = folder / "agents" / "greeter.py"
    greeter.write_text(greeter.read_text().replace("Greeting(text=f", "Greeting(text=1 or f"))

    planted = run(folder, "mypy", "agents", "topics")

    assert clean.returncode == 0, clean.stdout
    assert planted.returncode == 1
    assert "agents/greeter.py" in planted.stdout


async def test_the_second_agent_of_the_new_teams_readme_works_as_it_is_told(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "team"
    assert main(["init", str(folder)]) == 0
    page = (folder / "README.md").read_text()
    (shouter,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    (declared,) = re.findall(r"`(greetings = Topic\(.*?\))`", page)
    assert "write `writes=greetings` there" in page

    with (folder / "topics" / "greetings.py").open("a") as topics:
        topics.write(f"\n{declared}\n")
    greeter = folder / "agents" / "greeter.py"
    text = greeter.read_text().replace("writes=results", "writes=greetings")
    text = text.replace("agent, results", "agent").replace("Greeting, names", "Greeting, greetings")
    greeter.write_text(text.replace("Greeting, greetings", "Greeting, greetings, names"))
    (folder / "agents" / "shouter.py").write_text(textwrap.dedent(shouter))
    team = load_team(folder)
    typed = run(folder, "mypy", "agents", "topics")

    assert typed.returncode == 0, typed.stdout
    async with Team(team.agents["greeter"], team.agents["shouter"]) as both:
        task = await both.submit(team.topics["names"], "Ada")
        assert await task.output(results) == [{"text": "HELLO, ADA"}]


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "README.md").write_text("mine")

    assert main(["init", str(tmp_path)]) == 5

    assert (tmp_path / "README.md").read_text() == "mine"
    assert not (tmp_path / "agents").exists()
    assert "README.md is there." in capsys.readouterr().err


def test_a_team_that_is_there_is_not_mixed_with_a_new_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "clerk.py").write_text("mine")

    assert main(["init", str(tmp_path)]) == 5

    assert [path.name for path in tmp_path.rglob("*.*")] == ["clerk.py"]
    assert "agents/clerk.py is there." in capsys.readouterr().err


def test_a_folders_name_becomes_one_that_kafka_and_python_take() -> None:
    assert namespace_of("My First Team!") == "my-first-team"
    assert namespace_of("日本") == "team"
