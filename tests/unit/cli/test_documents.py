"""Registering a folder of documents for tasks on this machine."""

from pathlib import Path

import pytest

from handrail.bus.settings_file import load_settings
from handrail.cli.documents import register


def test_a_folder_is_registered_once_under_a_name_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    papers = tmp_path / 'Old "Papers" 2024'
    papers.mkdir()
    project = tmp_path / "team"
    project.mkdir()
    settings = load_settings(project, {}, {})

    first = register(settings, papers, None)
    again = register(settings, papers, None)

    assert first == again == "old-papers-2024"
    assert capsys.readouterr().err.count("Registered") == 1


def test_a_taken_name_gets_a_number_and_a_wished_name_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a" / "docs").mkdir(parents=True)
    (tmp_path / "b" / "docs").mkdir(parents=True)
    (tmp_path / "handrail.toml").write_text('[documents]\ndocs = "shipped"\n')
    settings = load_settings(tmp_path, {}, {})

    assert register(settings, tmp_path / "a" / "docs", None) == "docs-2"
    assert register(settings, tmp_path / "b" / "docs", None) == "docs-3"
    assert register(settings, tmp_path / "b" / "docs", "mine") == "mine"


def test_a_folder_of_the_settings_keeps_its_name(tmp_path: Path) -> None:
    (tmp_path / "papers").mkdir()
    (tmp_path / "handrail.toml").write_text('[documents]\nlibrary = "papers"\n')
    settings = load_settings(tmp_path, {}, {})

    assert register(settings, tmp_path / "papers", None) == "library"
    assert not (tmp_path / ".handrail").exists()
