"""A search finds what a tenant may see, best first, with the words of what stands beside it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.memory.reading import Asker, Reader
from handrail.memory.view import View
from handrail.memory.words import place_of, text_of
from handrail.wire.memory import full_key
from tests.unit.memory.written import NAMESPACE, TENANT, Written

NOW = Asker(now_ms=10_000_000)


@pytest.fixture
def topics() -> Written:
    return Written()


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    view = View(tmp_path / "v.db", NAMESPACE, ["facts", "scratch"])
    yield view
    view.close()


@pytest.fixture
def reader(view: View) -> Iterator[Reader]:
    reader = Reader(view.path)
    yield reader
    reader.close()


def found(
    reader: Reader, text: str, *, space: str = "facts", prefix: str = f"{TENANT}/", k: int = 10
) -> list[str]:
    return [hit.record.key for hit in reader.search(space, prefix, text, k, NOW)]


def fold(view: View, topics: Written) -> None:
    view.take(topics.records(), view.beginning())


def test_forms_of_a_word_are_one_word_and_the_best_match_comes_first(
    view: View, reader: Reader, topics: Written
) -> None:
    both = topics.put("facts", "a", {"text": "The parcels were damaged in transit"})
    one = topics.put("facts", "b", {"note": ["A parcel arrived"], "count": 7})
    topics.put("facts", "c", {"text": "An invoice was paid"})
    fold(view, topics)

    assert found(reader, "damage of a parcel?") == [both, one]
    assert found(reader, "7") == [one]
    assert found(reader, "") == found(reader, "?!") == found(reader, "nobody knows") == []


def test_only_the_space_and_the_tenant_that_are_asked_for_are_searched(
    view: View, reader: Reader, topics: Written
) -> None:
    mine = topics.put("facts", "a", "a parcel")
    topics.put("scratch", "a", "a parcel")
    topics.put("facts", "", "a parcel", full=full_key("acme2", "a"))
    topics.put("facts", "", "a parcel", full=full_key("acm", "a"))
    fold(view, topics)

    assert found(reader, "parcel") == [mine]
    assert found(reader, "parcel", prefix="nobody/") == []
    assert found(reader, "parcel", prefix="") == []


def test_of_what_belongs_to_tasks_only_that_is_found_whose_task_asks(
    view: View, reader: Reader, topics: Written
) -> None:
    for task in ("t1", "t2"):
        topics.put("scratch", "", "a parcel", full=full_key(TENANT, "note", task=task))
    fold(view, topics)

    assert found(reader, "parcel", space="scratch") == []
    assert found(reader, "parcel", space="scratch", prefix=f"{TENANT}/!t1/") == [
        full_key(TENANT, "note", task="t1")
    ]


def test_a_prefix_narrows_a_search_to_a_subject_or_to_keys(
    view: View, reader: Reader, topics: Written
) -> None:
    ada = topics.put("facts", "", "a parcel", full=full_key(TENANT, "a", subject="ada"))
    topics.put("facts", "", "a parcel", full=full_key(TENANT, "a", subject="bob"))
    order = topics.put("facts", "order/1", "a parcel")
    fold(view, topics)

    assert len(found(reader, "parcel")) == 3
    assert found(reader, "parcel", prefix=f"{TENANT}/~ada/") == [ada]
    assert found(reader, "parcel", prefix=f"{TENANT}/-/order/") == [order]


def test_what_is_in_quarantine_or_flagged_is_neither_found_nor_helps_to_find(
    view: View, reader: Reader, topics: Written
) -> None:
    topics.put("facts", "doc/1", "about sparrows", quarantined=True)
    topics.put("facts", "doc/2", "about eagles")
    topics.put("facts", "doc/3", "about herons", flagged="m-1 was retracted")
    fold(view, topics)

    assert found(reader, "sparrows") == found(reader, "herons") == []
    assert found(reader, "eagles") == [full_key(TENANT, "doc/2")]


def test_a_record_is_found_by_the_words_beside_it_in_its_source(
    view: View, reader: Reader, topics: Written
) -> None:
    before = topics.put("facts", "report/9", "The bridge at Ulm was closed.")
    it = topics.put("facts", "report/10", "It opened again after three weeks.")
    after = topics.put("facts", "report/11", "Nobody had been hurt.")
    elsewhere = topics.put("facts", "other/10", "It opened again after three weeks.")
    for number in range(20):
        topics.put("facts", f"n{number}", "something else")
    fold(view, topics)

    assert found(reader, "Ulm") == [before, it]
    by_both = found(reader, "Ulm opened")
    assert by_both.index(it) < by_both.index(elsewhere)
    assert after not in found(reader, "Ulm closed")


def test_neighbours_follow_what_is_changed_and_what_is_removed(
    view: View, reader: Reader, topics: Written
) -> None:
    one = topics.put("facts", "report/1", "about sparrows")
    two = topics.put("facts", "report/2", "about eagles")
    three = topics.put("facts", "report/3", "about herons")
    fold(view, topics)
    assert found(reader, "sparrows") == [one, two]

    topics.put("facts", "report/1", "about owls")
    topics.remove("facts", "report/2")
    fold(view, topics)

    assert found(reader, "sparrows") == found(reader, "eagles") == []
    assert found(reader, "owls") == [one, three]
    assert two not in found(reader, "herons")


def test_what_was_derived_from_one_message_stands_side_by_side(
    view: View, reader: Reader, topics: Written
) -> None:
    a = topics.put("facts", "a", "about sparrows", derived_from=("m-1",))
    b = topics.put("facts", "b", "about eagles", derived_from=("m-1",))
    topics.put("facts", "c", "about herons", derived_from=("m-2",))
    fold(view, topics)

    assert found(reader, "sparrows") == [a, b]


def test_common_words_do_not_hide_what_rare_words_find(
    view: View, reader: Reader, topics: Written
) -> None:
    for number in range(400):
        topics.put("facts", f"n{number}", "the order of a parcel was refunded")
    rare = topics.put("facts", "rare", "the order of a parcel to Ulm was refunded")
    fold(view, topics)

    assert found(reader, "was the order of the parcel to Ulm refunded")[0] == rare
    assert len(found(reader, "the order", k=7)) == 7


def test_words_of_the_query_language_are_words(view: View, reader: Reader, topics: Written) -> None:
    it = topics.put("facts", "a", "either this AND that OR nothing NEAR it")
    fold(view, topics)

    for text in ('AND OR "NEAR(', "own : this", "th* ^that -x", "NOT this"):
        assert found(reader, text) == [it], text


@given(st.text(max_size=80))
@settings(max_examples=100, deadline=None)
def test_no_text_breaks_a_search(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    topics = Written()
    topics.put("facts", "a", {"text": text.encode("utf-8", "replace").decode()})
    path = tmp_path_factory.mktemp("search") / "v.db"
    view, reader = View(path, NAMESPACE, ["facts"]), Reader(path)
    fold(view, topics)

    assert len(reader.search("facts", f"{TENANT}/", text, 5, NOW)) <= 1
    view.close()
    reader.close()


def test_places_are_in_the_order_of_their_numbers() -> None:
    keys = ["a/1", "a/2", "a/10", "a/10/b", "b/1"]

    assert sorted(keys, key=place_of) == keys
    assert place_of("a/01") != place_of("a/1")


def test_the_words_of_a_value_are_its_texts_and_numbers() -> None:
    value = {"x": ["one", {"y": 2.5}], "z": True, "n": None, "i": 7}

    assert text_of("acme/-/order/42", value) == "order/42 one 2.5 7"
