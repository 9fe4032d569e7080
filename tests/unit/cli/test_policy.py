"""`handrail policy` and `handrail can`, on a project folder with the example's rules."""

import shutil
import sys
from pathlib import Path

import pytest

from handrail.cli.main import main
from handrail.rails.mcp.definition import Definition
from handrail.rails.mcp.lock import write_pins
from handrail.rails.mcp.standing import Pin

EXAMPLE = Path(__file__).parents[3] / "deploy" / "policy"
TEAM = '''
from handrail import Effect, Topic, agent, tool

jobs = Topic("jobs", carries=str)


@agent(reads=jobs)
async def clerk(text: str) -> None:
    """Do nothing."""
'''
TOOL = '''
from decimal import Decimal
from handrail import Effect, tool


@tool(effect=Effect.UNSAFE, permission="billing:refund")
async def refund(order: str, amount: Decimal) -> str:
    """Send money back."""
    return order
'''


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in {"agents/clerk.py": TEAM, "tools/refund.py": TOOL}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    shutil.copytree(EXAMPLE, tmp_path / "policy")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ('{"amount": 99.5}', 0, "yes: money\n"),
        ('{"amount": 150.0}', 4, "yes, after an approval by role:finance: large-refunds, "),
        ('{"amount": 150}', 4, "yes, after an approval by role:finance: large-refunds, "),
        ("{}", 4, "no: refunds-say-how-much, A refund has to say how much"),
    ],
)
def test_can_says_yes_or_no_with_the_rule(
    given: str, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["can", "ben", "tool.call", "refund", "--with", given]) == code

    assert capsys.readouterr().out.startswith(said)


def wiping(project: Path, terms: str, *, rules: str = "") -> None:
    """Add a tool with these terms, and take these rules in place of the example's."""
    (project / "tools" / "wipe.py").write_text(
        "from handrail import Approval, Effect, tool\n\n\n"
        f"@tool({terms})\nasync def wipe(disk: str) -> str:\n"
        '    """Wipe a disk."""\n    return disk\n'
    )
    shutil.rmtree(project / "policy")
    (project / "policy").mkdir()
    if rules:
        (project / "policy" / "rules.cedar").write_text(rules)


ALL = '@id("all") permit (principal, action, resource);'
BY_ANN = (
    '@id("wiped") @title("T") @remedy("R") @approval("ann")'
    ' forbid (principal, action, resource == Tool::"wipe") unless { context.approved };'
)


@pytest.mark.parametrize(
    ("terms", "rules", "given", "code", "said"),
    [
        (
            "",
            "",
            [],
            4,
            "yes, after an approval by anyone: the contract of wipe asks for it for ev",
        ),
        ("", ALL, [], 4, "yes, after an approval by anyone: all; the contract of wipe asks for it"),
        ("", ALL, ["--approved"], 0, "yes: all\n"),
        (
            "approval=Approval(by='role:ops')",
            ALL + BY_ANN,
            [],
            4,
            "yes, after an approval by ann and role:ops: wiped, T; the contract of wipe asks",
        ),
        ("", BY_ANN, [], 4, "no: default, No rule lets ben do tool.call on wipe"),
        (
            "effect=Effect.UNSAFE, approval=Approval(when='disk == \"a\"', by='ann')",
            "",
            ["--with", '{"disk": "a"}'],
            4,
            "yes, after an approval by ann: the contract of wipe asks for it when disk ==",
        ),
        (
            "effect=Effect.UNSAFE, approval=Approval(when='disk == \"a\"', by='ann')",
            "",
            ["--with", '{"disk": "b"}'],
            0,
            "yes\n",
        ),
    ],
)
def test_can_says_whose_approval_the_contract_asks_for(
    terms: str,
    rules: str,
    given: list[str],
    code: int,
    said: str,
    project: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wiping(project, terms, rules=rules)

    assert main(["can", "ben", "tool.call", "wipe", *given]) == code
    assert capsys.readouterr().out.startswith(said)


def test_explain_names_the_permit_and_the_approval_of_the_contract(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wiping(project, "", rules=ALL)

    assert main(["policy", "explain", "ben", "tool.call", "wipe"]) == 4
    assert capsys.readouterr().out == (
        "allowed by all, after an approval by anyone: the contract of wipe asks for it for every"
        " call.\n"
    )
    assert main(["policy", "explain", "ben", "task.submit", "jobs"]) == 0
    assert capsys.readouterr().out.startswith("allowed by all: ben may have task.submit done on j")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("task.submit", "There is no inbox nosuch; the team has jobs"),
        ("handoff.send", "There is no topic nosuch; the team has jobs, results"),
        ("memory.read", "There is no space nosuch; the team has none"),
        ("memory.write", "There is no space nosuch; the team has none"),
        ("approval.decide", "There is no tool nosuch; the team has refund"),
        ("dead_letter.redrive", "There is no agent nosuch; the team has clerk"),
    ],
)
def test_a_question_about_what_the_team_does_not_have_is_refused(
    what: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["can", "ben", what, "nosuch"]) == 2
    assert main(["policy", "explain", "ben", what, "nosuch"]) == 2
    assert capsys.readouterr().err.count(said) == 2


def test_a_tool_of_a_server_is_asked_about_as_its_operator_has_declared_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(project / "policy")
    (project / "handrail.toml").write_text(
        '[mcp.sky]\nurl = "https://sky.example/mcp"\n[mcp.sky.approval]\nwarm = "ann"\n'
    )
    (project / "tools" / "warm.py").write_text(
        'from handrail import remote_tool\n\nwarm = remote_tool("sky", "warm")\n'
    )

    assert main(["can", "ben", "tool.call", "sky_warm"]) == 4
    assert "no: contract, sky_warm lacks an approval of its definition" in capsys.readouterr().out

    definition = Definition("warm", None, "", {"type": "object"}, None, None)
    write_pins(project, {"sky": {"warm": Pin(definition, "ada", "2026-11-29")}})
    assert main(["can", "ben", "tool.call", "sky_warm", "--with", '{"city": "x"}']) == 4
    assert "yes, after an approval by ann: the contract of sky_warm" in capsys.readouterr().out
    assert main(["can", "ben", "tool.call", "sky_cold"]) == 2
    assert "There is no tool sky_cold; the team has refund, sky_warm" in capsys.readouterr().err


@pytest.mark.parametrize(
    "asked", [["policy", "check"], ["can", "ben", "task.submit", "jobs"]], ids=["check", "can"]
)
def test_a_folder_that_is_no_team_is_said(
    asked: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(asked) != 0

    shown = capsys.readouterr()
    assert "HR-LOAD-" in shown.err
    assert "nothing is denied" not in shown.out + shown.err


@pytest.mark.usefixtures("project")
def test_explain_names_the_roles_the_rule_and_what_helps(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert (
        main(["policy", "explain", "ann", "tool.call", "refund", "--with", '{"amount": 1.0}']) == 4
    )

    shown = capsys.readouterr()
    assert shown.out.startswith("denied by default: No rule lets ann do tool.call on refund")
    assert "the roles editor, reader" in shown.err
    assert "Do: " in shown.err


@pytest.mark.usefixtures("project")
def test_what_there_is_not_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["can", "ben", "tool.call", "nonsense"]) == 2
    assert "There is no tool nonsense; the team has refund" in capsys.readouterr().err
    assert main(["can", "ben", "tool.call", "refund", "--with", '{"amuont": 1}']) == 2
    assert "refund takes no amuont; it takes order, amount" in capsys.readouterr().err
    assert main(["can", "ben", "tool.call", "refund", "--with", '{"amount": "x"}']) == 2
    assert "refund does not take this" in capsys.readouterr().err


def test_a_team_without_a_policy_is_told_so(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(project / "policy")

    assert main(["can", "ben", "tool.call", "refund"]) == 0
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("yes\n", "This team has no policy: nothing is denied.\n")


def test_a_rule_that_cannot_be_evaluated_is_named_by_its_id(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "policy" / "odd.cedar").write_text(
        '@id("odd") @title("T") @remedy("R")'
        " forbid (principal, action, resource) when { context.nothing > 1 };"
    )

    assert main(["can", "ben", "tool.call", "refund", "--with", '{"amount": 1}']) == 4
    said = capsys.readouterr().out
    assert "policy `odd`" in said


def test_check_lists_the_rules_and_names_what_is_wrong(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "check", "-o", "json"]) == 0
    assert '"large-refunds"' in capsys.readouterr().out

    (project / "policy" / "more.cedar").write_text("\nforbid (principal, action, resource);")
    assert main(["policy", "check"]) == 2

    shown = capsys.readouterr()
    assert "a forbid has no @id, @title, @remedy" in shown.err
    assert "policy/more.cedar, line 2" in shown.err
    assert "HR-POL-001" in shown.err


def test_check_warns_of_what_the_team_does_and_nothing_permits(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(project / "policy")
    (project / "policy").mkdir()
    (project / "policy" / "all.cedar").write_text(
        '@id("a") permit (principal, action == Action::"task.submit", resource);\n'
        '@id("b") permit (principal, action == Action::"tool.call", resource == Tool::"refnud");\n'
    )

    assert main(["policy", "check", "-o", "json"]) == 0

    shown = capsys.readouterr()
    assert shown.out.startswith("{")
    assert (
        "Warning: nothing permits anybody tool.call on Tool refund. If it is to be allowed, add to"
        " a file in policy/:\n"
        '  @id("tool.call-refund") permit (principal, action == Action::"tool.call",'
        ' resource == Tool::"refund");' in shown.err
    )
    assert "Tool refnud, which there is not (policy/all.cedar, line 2)" in shown.err


def test_check_lists_the_rules_of_a_team_whose_files_fail(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "agents" / "clerk.py").write_text("1 / 0")

    assert main(["policy", "check"]) == 0

    shown = capsys.readouterr()
    assert "large-refunds" in shown.out
    assert "What the team does was not held against the rules: " in shown.err


@pytest.mark.usefixtures("project")
def test_a_language_that_is_not_installed_is_said_with_its_cure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "handrail.rails.cedar", raising=False)
    monkeypatch.setitem(sys.modules, "cedarpy", None)

    assert main(["policy", "check"]) == 2

    shown = capsys.readouterr().err
    assert "HR-POL-002" in shown
    assert "pip install cedarpy" in shown


@pytest.mark.usefixtures("project")
def test_tools_are_listed_with_what_they_leave_out_and_shown_as_a_page(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["tools", "list", "-o", "json"]) == 0
    assert "failures=, the states in which it may fail" in capsys.readouterr().out

    assert main(["tools", "list"]) == 0
    row = capsys.readouterr().out.splitlines()[-1]
    assert "fail, owner=, who answers for it, examples=" in row
    assert "(" not in row

    assert main(["tools", "show", "refund"]) == 0
    assert capsys.readouterr().out.startswith("# refund\n\nSend money back.")
    assert main(["tools", "show", "refnud"]) == 2
