"""`handrail doctor` attempts what the sandbox forbids and tells which level holds."""

from pathlib import Path

from handrail.bus.settings_file import load_settings
from handrail.cli.checks import State, sandbox


async def test_the_level_of_the_sandbox_that_holds_here_is_told(tmp_path: Path) -> None:
    outcome = await sandbox(load_settings(tmp_path, {}, {}))

    words = {State.OK: "holds: all that it forbids was attempted", State.WARNING: "No level holds"}
    assert words[outcome.state] in outcome.finding
    assert outcome.state is State.OK or outcome.fix


async def test_tools_that_the_sandbox_cannot_load_are_a_fault_with_its_reason(
    tmp_path: Path,
) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "broken.py").write_text("raise OSError('no such printer')")

    outcome = await sandbox(load_settings(tmp_path, {}, {}))

    assert outcome.state is State.FAILED
    assert "no such printer" in outcome.finding
    assert outcome.fix == "handrail runbook HR-BOX-001"
