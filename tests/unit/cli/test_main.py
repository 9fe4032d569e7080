"""The entry of the command line: help, failures, exit codes."""

import errno
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest

from handrail.cli.commands import COMMANDS
from handrail.cli.failure import form
from handrail.cli.lazy import load
from handrail.cli.main import main, root
from handrail.cli.place import Place
from handrail.errors import (
    AnswerRefused,
    BrokerUnreachable,
    HandrailError,
    InternalFailure,
    UsageWrong,
)

ROOT = Path(__file__).resolve().parents[3]
HEAVY = ("aiokafka", "anthropic", "apsw", "pydantic", "rich", "asyncio")


def every_command(group: click.Group, name: str = "") -> dict[str, click.Command]:
    context = click.Context(group)
    found: dict[str, click.Command] = {}
    for child in group.list_commands(context):
        command = group.get_command(context, child)
        assert command is not None
        if isinstance(command, click.Group):
            found |= every_command(command, f"{name}{child} ")
            if command.invoke_without_command:
                found[f"{name}{child}"] = command
        else:
            found[f"{name}{child}"] = command
    return found


def _seconds_of_children() -> float:
    """What the processor has worked for them: a busy machine delays it and adds little to it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    script = (
        "import sys; from handrail.cli.main import main; main(['--help'])\n"
        f"heavy = [name for name in {HEAVY} if name in sys.modules]\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    took_s: list[float] = []

    for _ in range(3):
        started_s = _seconds_of_children()
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=False
        )
        took_s.append(_seconds_of_children() - started_s)

        assert done.returncode == 0, done.stderr
    assert min(took_s) < 0.4


def test_whatever_help_shows_stands_in_the_guide_and_the_other_way_round() -> None:
    guide = (ROOT / "docs/guide/cli.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \| `([^`]+)` \|", guide, flags=re.MULTILINE)
    told = {re.sub(r" [\[A-Z].*", "", usage): group for group, usage in rows}

    shown = {name: COMMANDS[name.split()[0]].group for name in every_command(root)}

    assert told == shown


def test_every_command_has_a_summary_and_loads_as_what_it_is_called() -> None:
    for name, entry in COMMANDS.items():
        command = load(entry)

        assert command.name == name
        assert command.help
        assert entry.summary.endswith(".")


def test_every_option_and_argument_that_takes_something_says_so() -> None:
    for name, command in every_command(root).items():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} --{parameter.name} has no help"


def test_a_failure_has_its_form() -> None:
    error = BrokerUnreachable(
        bootstrap="localhost:9092", reason="nothing is listening on that address."
    )

    assert form(error) == (
        "Cannot reach Kafka at localhost:9092.\n"
        "  Why: nothing is listening on that address.\n"
        "  Do:  handrail up                          start a local broker\n"
        "       export HANDRAIL_BOOTSTRAP=HOST:PORT  or point at your cluster\n"
        "  HR-NET-001   handrail runbook HR-NET-001"
    )


def test_a_failure_sends_no_sign_that_turns_the_screen_around() -> None:
    error = AnswerRefused(detail="a\u202eb", asked="it \x1b[2Jsaid:\nsomething 😀.")

    said = form(error)

    assert r"a\u202eb" in said
    assert r"  Why: it \x1b[2Jsaid: something 😀." in said.splitlines()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--help"], 0, ""),
        (["version", "-o", "jsonl"], 0, ""),
        ([], 2, "Usage: handrail"),
        (["bogus"], 2, "No such command 'bogus'."),
        (["version", "--bogus"], 2, "HR-CLI-001   handrail runbook HR-CLI-001"),
        (["runbook", "HR-NONE-999"], 3, "There is no runbook for HR-NONE-999."),
        (["runbook", "../../README"], 3, "There is no runbook for ../../README."),
    ],
)
def test_exit_codes_say_what_happened_and_words_go_to_standard_error(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code

    shown = capsys.readouterr()
    assert said in shown.err
    assert bool(shown.out) == (code == 0)


def a_command_that_raises(error: BaseException) -> click.Command:
    @click.command("fail")
    def fail() -> None:
        raise error

    return fail


def test_a_named_error_ends_with_its_own_code_and_the_users_traceback_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Odd(HandrailError):
        """It went odd."""

        code = "HR-TEST-001"
        exit_code = 7

    try:
        code = main([], a_command_that_raises(Odd(traceback='File "agents/x.py", line 3')))
    finally:
        del Odd

    assert code == 7
    shown = capsys.readouterr().err
    assert shown.index("agents/x.py") < shown.index("It went odd.")


def test_an_unforeseen_exception_is_a_plain_sentence_and_its_traceback_a_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = main([], a_command_that_raises(ZeroDivisionError("division by zero\nmore")))

    shown = capsys.readouterr().err
    assert code == InternalFailure.exit_code
    assert "Why: ZeroDivisionError: division by zero\n" in shown
    assert "Traceback" not in shown
    report = re.search(r"less (\S+)", shown)
    assert report is not None
    assert "Traceback" in Path(report[1]).read_text(encoding="utf-8")
    Path(report[1]).unlink()


@pytest.mark.parametrize(
    ("trouble", "file"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), ".handrail"),
        (PermissionError(errno.EACCES, "Permission denied", "/srv/team/.handrail"), "/srv/team"),
        (OSError(errno.EROFS, "Read-only file system", "/srv/team/.handrail"), "/srv/team"),
    ],
)
def test_a_full_disk_and_a_folder_that_may_not_be_written_are_no_defect(
    trouble: OSError, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([], a_command_that_raises(trouble)) == 1

    said = capsys.readouterr().err
    assert said.startswith(f"Cannot use the file {file}")
    assert f"Why: {trouble.strerror}." in said
    assert "HR-STORE-003" in said


def test_what_no_file_is_to_blame_for_stays_a_defect(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], a_command_that_raises(OSError(errno.EACCES, "Permission denied"))) == 1

    shown = capsys.readouterr().err
    assert "HR-CLI-002" in shown
    report = re.search(r"less (\S+)", shown)
    assert report is not None
    Path(report[1]).unlink()


def test_ctrl_c_ends_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], a_command_that_raises(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_a_reader_that_has_seen_enough_is_no_failure() -> None:
    command = f"{sys.executable} -m handrail runbook -o jsonl | head -1"

    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1


def test_a_letter_that_the_terminal_lacks_is_no_failure() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "handrail", "submit", "--help"],
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"HOST:PORT[,HOST:PORT\u2026]" in done.stdout


def test_a_word_that_is_no_text_is_refused_in_words() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "handrail", "send", "names", b"caf\xe9"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("caf\\xe9 cannot be read as UTF-8")


def test_colour_needs_a_terminal_and_leave() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "handrail", "bogus"], capture_output=True, text=True, check=False
    )

    assert "\x1b" not in done.stderr


def test_flags_may_stand_before_or_after_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "handrail.toml").write_text('namespace = "desk"\n')
    flags = ["--project", str(tmp_path), "--broker", "kafka:9092"]

    assert main([*flags, "config", "show", "-o", "jsonl"]) == 0
    before = capsys.readouterr().out
    assert main(["config", "show", "-o", "jsonl", *flags]) == 0

    assert capsys.readouterr().out == before
    assert '"value":"kafka:9092","source":"--broker"' in before
    assert '"value":"desk","source":"handrail.toml line 1"' in before


def test_a_project_is_the_nearest_folder_upwards_that_holds_a_team(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / "team" / "docs" / "deep"
    deep.mkdir(parents=True)
    (tmp_path / "team" / "agents").mkdir()
    (tmp_path / "team" / "agents" / "a.py").touch()
    monkeypatch.chdir(deep)
    monkeypatch.delenv("HANDRAIL_PROJECT", raising=False)

    assert Place().folder == tmp_path / "team"
    assert Place(project=tmp_path).folder == tmp_path
    monkeypatch.setenv("HANDRAIL_PROJECT", str(tmp_path))
    assert Place().folder == tmp_path


def test_usage_errors_name_the_help_of_their_command() -> None:
    error = UsageWrong(complaint="No such option: --x", help_command="handrail up --help")

    assert error.do == ("handrail up --help    shows what may be written there",)


@pytest.mark.parametrize(
    ("words", "help_command"),
    [
        (["tail", "--task"], "handrail tail --help"),
        (["dead", "list", "--agent"], "handrail dead list --help"),
        (["version", "--bogus"], "handrail version --help"),
        (["show"], "handrail show --help"),
        (["--broker"], "handrail --help"),
    ],
)
def test_a_complaint_names_the_help_of_the_command_it_is_about(
    words: list[str], help_command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2

    assert f"Do:  {help_command}  " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "meant"),
    [("submitt", "submit"), ("ups", "up"), ("lst", "list"), ("start", "up"), ("stop", "down")],
)
def test_a_mistyped_command_is_answered_with_the_one_that_was_meant(
    word: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word]) == 2

    assert f"No such command '{word}'. Did you mean '{meant}'?" in capsys.readouterr().err


def test_a_word_like_no_command_is_answered_without_a_guess(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["fgsfds"]) == 2

    assert capsys.readouterr().err.startswith("No such command 'fgsfds'.\n")
