"""The keys of subjects come from the project's file, or from a store of the team's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail.errors import KeysNotInstalled
from handrail.runtime.key_store import VARIABLE, close_keys, open_keys
from handrail.runtime.team_imports import close_projects
from handrail.store.subject_keys import LocalKeys

STORE = """
from pathlib import Path
from handrail.store.subject_keys import LocalKeys

def open_store():
    return LocalKeys(Path(__file__).parent / "elsewhere.sqlite")

class Half:
    def digest(self, tenant, subject):
        return ""
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "my_keys.py").write_text(STORE)
    yield tmp_path
    close_projects(tmp_path)


def test_without_a_store_of_its_own_a_project_has_a_file(project: Path) -> None:
    keys = open_keys(project / "keys.sqlite", project, {})

    assert isinstance(keys, LocalKeys)
    assert keys.key(keys.digest("acme", "Ada"))
    assert (project / "keys.sqlite").is_file()
    close_keys(keys)


def test_a_store_of_the_teams_own_is_asked_in_place_of_the_file(project: Path) -> None:
    keys = open_keys(project / "keys.sqlite", project, {VARIABLE: "my_keys:open_store"})

    assert keys.key(keys.digest("acme", "Ada"))
    assert (project / "elsewhere.sqlite").is_file()
    assert not (project / "keys.sqlite").exists()
    close_keys(keys)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("my_keys:Half", "has no key, find, destroy, hold, release, held"),
        ("my_keys:nothing", "AttributeError"),
        ("no_such_module:open_store", "ModuleNotFoundError"),
        ("my_keys", "AttributeError"),
    ],
)
def test_a_store_that_is_none_is_named_with_what_it_lacks(
    project: Path, named: str, words: str
) -> None:
    with pytest.raises(KeysNotInstalled) as refused:
        open_keys(project / "keys.sqlite", project, {VARIABLE: named})

    assert words in str(refused.value)
    assert not (project / "keys.sqlite").exists()
