"""A list gives what it is asked for, whatever keys something else has written beside."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail.memory.listing import Within
from handrail.memory.reading import Reader
from handrail.memory.view import View
from handrail.wire.memory import full_key
from tests.unit.memory.written import NAMESPACE, TENANT, Written

NOW_MS = 50_000
OWN = [full_key(TENANT, f"foo/{number}") for number in range(3)]
#: Keys that no keeper writes: without an owner, without words, and with what ends a text in C.
FOREIGN = ("acme/foo1", "acme/-", "acme/\0foo", "acme/-\0x/foo/4", "acme/-/foo\0", "acme/-/\0foo")


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    topics = Written()
    for key in (*OWN, *FOREIGN):
        topics.put("facts", "", {"text": "a river"}, full=key)
    view = View(tmp_path / "v.db", NAMESPACE, ["facts"])
    view.take(topics.records(), view.beginning())
    reader = Reader(view.path)
    yield reader
    reader.close()
    view.close()


@pytest.mark.parametrize("begins", ["", "f", "foo", "foo/", "foo1", "-", "foo\0", "\0"])
def test_a_key_that_something_else_has_written_ends_no_list(reader: Reader, begins: str) -> None:
    page = reader.page("facts", Within(TENANT, begins=begins), "", NOW_MS)

    listed = [one.key for one in page]
    assert listed == sorted(listed)
    own = [key for key in OWN if key.startswith(full_key(TENANT, begins))]
    assert [key for key in listed if key in OWN] == own
