"""How a process writes its log."""

import json
import subprocess
import sys
from pathlib import Path

from handrail.runtime.log_lines import (
    as_json_line,
    as_text_line,
    hide_secrets,
    own_frames,
    own_frames_of,
)


def test_a_line_is_one_event_with_its_facts() -> None:
    event = {
        "event": "handoff sent",
        "level": "info",
        "time": "2026-01-02T03:04:05.678901Z",
        "topic": "desk.findings",
        "why": "two words",
        "odd": "a\nb",
        "empty": "",
    }

    line = as_text_line(None, "info", dict(event))

    assert line == (
        "2026-01-02T03:04:05.678 info    handoff sent topic=desk.findings why='two words'"
        " odd='a\\nb' empty=''"
    )
    assert json.loads(as_json_line(None, "info", event)) == event


def test_what_is_called_a_secret_is_not_shown_and_a_count_of_tokens_is() -> None:
    event = {"api_key": "sk-1", "sasl_password": "x", "tokens_in": 12, "topic": "t"}

    assert hide_secrets(None, "info", event) == {
        "api_key": "(not shown)",
        "sasl_password": "(not shown)",
        "tokens_in": 12,
        "topic": "t",
    }


def test_a_traceback_keeps_the_frames_of_the_user(tmp_path: Path) -> None:
    user = tmp_path / "agents" / "greeter.py"
    user.parent.mkdir()
    user.write_text("import json\ndef greet(text):\n    return json.loads(text)\n")
    scope: dict[str, object] = {}
    exec(compile(user.read_text(), str(user), "exec"), scope)

    try:
        scope["greet"]("{")  # type: ignore[operator]  # a function, as the file says
    except ValueError as error:
        words = own_frames(None, "warning", {"event": "died", "exc_info": error})["exception"]

    assert str(user) in words
    assert "json/decoder.py" not in words
    assert words.splitlines()[-1].startswith("json.decoder.JSONDecodeError")


def test_lines_go_to_standard_error_from_the_asked_level_upwards() -> None:
    script = (
        "import structlog; from handrail.runtime.log_lines import set_up_logging\n"
        "set_up_logging(); log = structlog.get_logger()\n"
        "log.info('quiet'); log.warning('loud', n=1)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"HANDRAIL_LOG_LEVEL": "warning"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == ""
    assert "warning loud n=1" in done.stderr
    assert "quiet" not in done.stderr


def test_a_line_goes_to_what_standard_error_is_when_it_is_written() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            (
                "import io, sys, structlog; from handrail.runtime.log_lines import set_up_logging\n"
                "first = sys.stderr = io.StringIO(); set_up_logging()\n"
                "log = structlog.get_logger(); log.info('one')\n"
                "second = sys.stderr = io.StringIO(); first.close(); log.info('two')\n"
                "print('two' in second.getvalue())"
            ),
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "True\n"


def test_a_line_of_a_library_that_comes_again_and_again_is_written_once() -> None:
    script = (
        "import logging; from handrail.runtime.log_lines import set_up_logging\n"
        "set_up_logging(); log = logging.getLogger('library')\n"
        "for _ in range(500): log.error('no answer from %s', 'a')\n"
        "log.error('no answer from %s', 'b')"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stderr == "library: no answer from a\nlibrary: no answer from b\n"


STACK = """Traceback (most recent call last):
  File "/x/.venv/lib/python3.11/site-packages/lib/act.py", line 9, in act
    return await act()
           ^^^^^^^^^^^
  File "/srv/team/agents/clerk.py", line 20, in book
    raise ValueError("closed")
ValueError: closed
"""


def test_a_printed_traceback_keeps_the_frames_of_the_user_and_the_error() -> None:
    shown = own_frames_of(STACK)

    assert "agents/clerk.py" in shown
    assert shown.endswith("ValueError: closed\n")
    assert "act.py" not in shown
    assert "^^^" not in shown


def test_a_printed_traceback_of_foreign_frames_alone_is_kept_whole() -> None:
    foreign = STACK.replace("/srv/team/agents", "/usr/lib/python3.11")

    assert own_frames_of(foreign) == foreign
