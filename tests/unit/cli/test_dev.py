"""What `handrail dev` watches."""

from pathlib import Path

from handrail.cli.dev import snapshot


def test_a_folder_that_vanishes_between_two_looks_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "clerk.py").touch()

    assert list(snapshot(tmp_path)) == [tmp_path / "agents" / "clerk.py"]
    assert snapshot(tmp_path / "gone") == {}
