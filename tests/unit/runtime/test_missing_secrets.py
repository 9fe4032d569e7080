"""Which secrets a team lacks is said before anything is called, by name and never by value."""

from pathlib import Path

import pytest

from handrail import Effect, tool
from handrail.cli.main import main
from handrail.rails.mcp.server import read_servers
from handrail.rails.secrets import EnvironmentSecrets
from handrail.runtime.missing_secrets import missing_secrets

VALUE = "a-value-that-nobody-may-see"
TOOL = """
from handrail import Effect, ToolContext, tool

@tool(effect=Effect.READ, secrets=["secret://{tenant}/psp"])
async def charge(ctx: ToolContext) -> str:
    '''Charge somebody.'''
    return "charged"
"""
AGENT = """
from handrail import Topic, agent

@agent(reads=Topic("orders", carries=str))
async def clerk(text: str) -> None:
    '''Do nothing.'''
"""


@tool(effect=Effect.READ, secrets=["secret://{tenant}/psp", "secret://shared/mail-key"])
async def uses() -> int:
    """Use two secrets."""
    return 1


@tool(effect=Effect.READ)
async def plain() -> int:
    """Use none."""
    return 1


def test_each_secret_that_is_missing_is_told_with_tool_and_variable() -> None:
    store = EnvironmentSecrets({"HANDRAIL_SECRET_DEFAULT__PSP": VALUE})

    (said,) = missing_secrets([uses, plain], {}, store)
    assert said.startswith("tool uses needs the secret mail-key of shared, which belongs into")
    assert said.endswith("the variable HANDRAIL_SECRET_SHARED__MAIL_2DKEY")
    assert len(missing_secrets([uses, plain], {}, EnvironmentSecrets({}))) == 2


def test_variables_that_mcp_servers_get_are_told_where_they_are_not_set() -> None:
    servers = read_servers(
        {
            "shop": {"url": "https://shop.example/mcp", "token_env": "SHOP_TOKEN"},
            "files": {"command": ["serve"], "env": ["FILES_KEY"]},
        }
    )
    store = EnvironmentSecrets({})

    assert missing_secrets([], servers, store, {"SHOP_TOKEN": VALUE}) == [
        "MCP server files gets the variable FILES_KEY, which is not set"
    ]


def test_a_store_that_fails_is_told_without_its_words() -> None:
    class Vault:
        def read(self, tenant: str, name: str) -> str | None:
            raise ConnectionError(f"{VALUE} for {tenant}/{name}")

        def place(self, tenant: str, name: str) -> str:
            return f"the vault, {tenant}/{name}"

    assert missing_secrets([uses], {}, Vault()) == [
        "tool uses: the store of secrets could not be asked (ConnectionError)"
    ]


def test_doctor_says_which_secret_is_missing_and_where_it_belongs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in {"agents/clerk.py": AGENT, "tools/charge.py": TOOL}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANDRAIL_BOOTSTRAP", "127.0.0.1:9")

    main(["doctor", "-o", "jsonl"])
    lacking = capsys.readouterr().out
    monkeypatch.setenv("HANDRAIL_SECRET_DEFAULT__PSP", VALUE)
    main(["doctor", "-o", "jsonl"])
    has = capsys.readouterr().out

    (row,) = [line for line in lacking.splitlines() if '"secrets"' in line]
    assert "charge needs the secret psp of default" in row
    assert "the variable HANDRAIL_SECRET_DEFAULT__PSP" in row
    assert '"warning"' in row
    assert "Every secret that a tool needs is there." in has
    assert VALUE not in has
