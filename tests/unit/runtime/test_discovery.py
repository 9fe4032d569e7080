"""Finding and loading the files of a team."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail.contract.topic import Topic
from handrail.errors import (
    AgentUnknown,
    NoAgentInFile,
    ProjectNotFound,
    SeveralAgentsInFile,
    SeveralAgentsOfOneName,
    SeveralToolsOfOneName,
    TeamFileFailed,
    TeamFileMissing,
    TopicInvalid,
)
from handrail.runtime.discovery import load_single_file, load_team
from handrail.runtime.team_imports import close_projects

TOPICS = """
    from pydantic import BaseModel
    from handrail.contract.topic import Topic
    class Finding(BaseModel):
        text: str
    findings = Topic("findings", carries=Finding)
    names = Topic("names", carries=str)
"""
AGENT = """
    from handrail.contract.agent import agent
    from topics.findings import Finding, findings, names
    from desk.quotes import quoted

    @agent(reads=names, writes=findings)
    async def researcher(name: str) -> Finding:
        return Finding(text=quoted(name))
"""
QUOTES = "def quoted(text):\n    return f'<{text}>'\n"


@pytest.fixture(autouse=True)
def _no_project_stays_open(tmp_path: Path) -> Iterator[None]:
    yield
    close_projects(tmp_path)


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / (name.replace("__", "/", 1) + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return folder


def a_team(folder: Path, **more: str) -> Path:
    return write(
        folder,
        **{"topics__findings": TOPICS, "agents__researcher": AGENT, "desk__quotes": QUOTES, **more},
    )


async def test_agents_topics_and_their_files_are_found(tmp_path: Path) -> None:
    team = load_team(a_team(tmp_path, agents___draft="raise RuntimeError"))

    assert list(team.agents) == ["researcher"]
    assert sorted(team.topics) == ["findings", "names"]
    assert team.files == {"researcher": tmp_path / "agents" / "researcher.py"}
    assert (await team.agents["researcher"]("Ada")).text == "<Ada>"


def test_a_topic_is_the_same_object_wherever_a_team_imports_it(tmp_path: Path) -> None:
    a_team(
        tmp_path,
        tools__search="""
            import topics.findings
            import topics.findings as short
            from topics import findings as module
            from topics.findings import Finding
            seen = (topics.findings.Finding, short.Finding, module.Finding, Finding)
        """,
    )

    team = load_team(tmp_path)

    (carried,) = team.topics["findings"].carries
    search = sys.modules[f"{carried.__module__.split('.')[0]}.tools.search"]
    assert all(seen is carried for seen in search.seen)
    assert team.agents["researcher"].writes == (team.topics["findings"],)


def test_two_projects_in_one_process_do_not_meet(tmp_path: Path) -> None:
    one = load_team(a_team(tmp_path / "one"))
    two = load_team(a_team(tmp_path / "two"))

    assert isinstance(one.topics["findings"], Topic)
    assert one.topics["findings"].carries != two.topics["findings"].carries


PLANTED = """
    import sys
    sys.path.insert(0, {site!r})
    import topics, tools.planted, memory
    assert topics.PLANTED and memory.PLANTED
    from pathlib import Path
    from handrail.runtime.discovery import load_team
    team = load_team(Path({project!r}))
    agent = team.agents["asker"]
    assert agent.handler.__globals__["Runner"] == "the SDK's runner"
    assert agent.handler.__globals__["Finding"] is team.topics["findings"].carries[0]
    import third_party
    assert third_party.tools.PLANTED and third_party.late().PLANTED
    assert topics.PLANTED and sys.modules["topics"] is topics
    print("nothing broke")
"""


def test_installed_packages_with_a_teams_names_break_nothing(tmp_path: Path) -> None:
    site = tmp_path / "lib" / "site-packages"
    for package in ("topics", "tools", "memory", "desk"):
        write(site, **{f"{package}____init__": "PLANTED = True"})
    write(
        site,
        tools__planted="",
        agents____init__='Runner = "the SDK\'s runner"',
        third_party="import tools\ndef late():\n    from memory import PLANTED\n    import desk\n"
        "    return desk\n",
    )
    project = a_team(
        tmp_path / "project",
        agents__asker="""
            from agents import Runner
            from handrail.contract.agent import agent
            from topics.findings import Finding, findings
            @agent(reads=findings)
            async def asker(finding: Finding) -> None:
                pass
        """,
    )

    script = textwrap.dedent(PLANTED).format(site=str(site), project=str(project))
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=project, capture_output=True, text=True, check=False
    )

    assert done.stdout == "nothing broke\n", done.stderr


def test_a_test_of_the_project_sees_the_very_classes_of_the_team(tmp_path: Path) -> None:
    a_team(tmp_path)
    team = load_team(tmp_path)
    test_file = tmp_path / "tests" / "test_it.py"
    scope: dict[str, object] = {"__name__": "test_it", "__file__": str(test_file)}

    exec("from topics.findings import Finding", scope)

    assert scope["Finding"] is team.topics["findings"].carries[0]


def test_a_failing_file_shows_the_frames_of_the_user_only(tmp_path: Path) -> None:
    a_team(
        tmp_path,
        desk__broken="import json\ndef parse(text):\n    return json.loads(text)\n",
        agents__broken="from desk.broken import parse\n\nparse('{')\n",
    )

    with pytest.raises(TeamFileFailed) as failure:
        load_team(tmp_path)

    shown = str(failure.value.facts["traceback"])
    assert failure.value.what == "agents/broken.py could not be loaded."
    assert failure.value.why.startswith("line 3: JSONDecodeError: Expecting property name")
    assert "agents/broken.py" in shown
    assert "desk/broken.py" in shown
    assert "json/decoder.py" not in shown
    assert "handrail_team_" not in shown + failure.value.why
    assert shown.rstrip().splitlines()[-1].startswith("json.decoder.JSONDecodeError")


def test_a_missing_module_is_named_as_the_user_wrote_it(tmp_path: Path) -> None:
    a_team(tmp_path, agents__broken="from topics.absent import x\n")

    with pytest.raises(TeamFileFailed) as failure:
        load_team(tmp_path)

    assert failure.value.why == "line 1: ModuleNotFoundError: No module named 'topics.absent'"
    assert failure.value.do == ("handrail agents list    tries again once it is mended",)


def test_a_syntax_error_names_its_line(tmp_path: Path) -> None:
    a_team(tmp_path, agents__broken="x = 1\ndef f(:\n")

    with pytest.raises(TeamFileFailed) as failure:
        load_team(tmp_path)

    assert failure.value.why.startswith("line 2: SyntaxError")
    assert failure.value.do[0].startswith("python -m py_compile agents/broken.py")


def test_a_refused_declaration_keeps_its_own_name_and_shows_where_it_stands(
    tmp_path: Path,
) -> None:
    a_team(
        tmp_path,
        topics__bad="from handrail.contract.topic import Topic\nbad = Topic('Bad', carries=str)\n",
    )

    with pytest.raises(TopicInvalid) as failure:
        load_team(tmp_path)

    assert "topics/bad.py" in str(failure.value.facts["traceback"])


def test_each_file_of_agents_holds_exactly_one(tmp_path: Path) -> None:
    with pytest.raises(ProjectNotFound):
        load_team(tmp_path)
    with pytest.raises(NoAgentInFile):
        load_team(a_team(tmp_path / "none", agents__empty="from topics.findings import names\n"))
    second = textwrap.dedent(AGENT) + textwrap.dedent(AGENT).replace("researcher", "second")
    with pytest.raises(SeveralAgentsInFile):
        load_team(a_team(tmp_path / "two", agents__researcher=second))
    with pytest.raises(SeveralAgentsOfOneName):
        load_team(a_team(tmp_path / "same", agents__again=AGENT))


REFUND = """
    from handrail.contract.tool import tool

    @tool
    async def refund(order: str) -> str:
        "Send money back."
        return order
"""


def test_two_tools_of_one_name_are_refused_with_both_their_files(tmp_path: Path) -> None:
    again = AGENT.replace("from desk", "from tools.refunds import refund\n    from desk")
    one = load_team(a_team(tmp_path / "one", tools__refunds=REFUND, agents__researcher=again))
    with pytest.raises(SeveralToolsOfOneName) as refused:
        load_team(a_team(tmp_path / "two", tools__refunds=REFUND, tools__returns=REFUND))

    assert list(one.tools) == ["refund"]
    assert refused.value.facts["first"] == "tools/refunds.py"
    assert refused.value.facts["file"] == "tools/returns.py"


def test_a_remote_tool_that_two_files_declare_is_two(tmp_path: Path) -> None:
    remote = "from handrail import remote_tool\nread = remote_tool('files', 'read_file')\n"
    with pytest.raises(SeveralToolsOfOneName):
        load_team(a_team(tmp_path, tools__one=remote, tools__two=remote))


SINGLE = """
    from handrail.contract.agent import agent
    from handrail.contract.topic import Topic
    names, greetings = Topic("names", carries=str), Topic("greetings", carries=str)

    @agent(reads=names, writes=greetings)
    async def greeter(name: str) -> str:
        return f"Hello, {name}"
"""


async def test_a_single_file_is_a_team(tmp_path: Path) -> None:
    write(tmp_path, greeter=SINGLE)

    team = load_single_file(tmp_path / "greeter.py")

    assert await team.agents["greeter"]("Ada") == "Hello, Ada"
    assert sorted(team.topics) == ["greetings", "names"]
    with pytest.raises(TeamFileMissing):
        load_single_file(tmp_path / "absent.py")
    with pytest.raises(TeamFileMissing):
        load_single_file(tmp_path)


TOOL = """
    from handrail.contract.tool import tool
    @tool
    async def pay(order: str) -> str:
        "Pay."
        return order
"""


def test_the_file_that_declares_a_tool_is_known_and_not_one_that_imports_it(tmp_path: Path) -> None:
    own = f"{AGENT}\n    from tools.pay import pay\n{TOOL.replace('pay', 'ask')}"
    a_team(tmp_path, tools__pay=TOOL, tools___draft="raise RuntimeError", agents__researcher=own)

    team = load_team(tmp_path)

    assert team.tool_files.folder == tmp_path
    assert team.tool_files.by_name == {
        "pay": tmp_path / "tools" / "pay.py",
        "ask": tmp_path / "agents" / "researcher.py",
    }


def test_an_unknown_agent_is_answered_with_the_nearest_name(tmp_path: Path) -> None:
    team = load_team(a_team(tmp_path))

    with pytest.raises(AgentUnknown) as failure:
        team.chosen(["resercher"])

    assert failure.value.why == "its agents are researcher; the nearest is researcher."
