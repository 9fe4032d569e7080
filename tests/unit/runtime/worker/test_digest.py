"""The digest of a call: the same on any machine, different for different arguments."""

import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass as checked_dataclass

from handrail.contract.quoting import WHOLE_CHARS_MAX
from handrail.contract.terms import QUOTED_COUNT_MAX
from handrail.runtime.worker.digest import (
    CALL_CHARS_MAX,
    call_in_full,
    call_in_words,
    digest_of,
)


class Order(BaseModel):
    number: int
    tags: set[str] = set()


@dataclass
class Place:
    name: str


class Parcel(BaseModel):
    model_config = ConfigDict(extra="allow")

    to: str
    kind: str = Field("box", alias="as")


@checked_dataclass(config=ConfigDict(extra="allow"))
class Crate:
    to: str


COPY = {"copy": "eve"}


class Handle:
    """Something without a JSON form."""


def test_the_order_of_names_and_of_sets_makes_no_difference() -> None:
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    assert digest_of({"x", "y", "z"}) == digest_of({"z", "y", "x"})
    assert digest_of(Order(number=1, tags={"b", "a"})) == digest_of(
        Order(number=1, tags={"a", "b"})
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": 2}),
        (("a", "b"), ("b", "a")),
        ({"a": "1"}, {"a": 1}),
        (Order(number=1), Order(number=2)),
        (Place("a"), Place("b")),
        (2**70, 2**70 + 1),
        ("\ud800", "\ud801"),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)),
    ],
)
def test_other_arguments_have_another_digest(one: object, other: object) -> None:
    assert digest_of(one) == digest_of(one)
    assert digest_of(one) != digest_of(other)


def test_of_what_has_no_json_form_only_the_type_counts() -> None:
    assert digest_of(Handle()) == digest_of(Handle())
    assert digest_of(Handle()) != digest_of(object())


def test_what_is_given_beside_the_fields_counts_and_is_seen_by_whoever_decides() -> None:
    for kind in (Parcel, Crate):
        plain, more = (TypeAdapter(kind).validate_python({"to": "b", **one}) for one in ({}, COPY))

        assert digest_of({"it": plain}) != digest_of({"it": more})
        assert '"copy":"eve"' in call_in_full("send", {"it": more})


def test_what_is_called_like_a_field_hides_none() -> None:
    it = Parcel.model_validate({"to": "b", "as": "box", "kind": "bomb", "kind+": "can"})

    shown = call_in_full("send", {"it": it})

    assert shown == 'send(it={"kind":"box","kind+":"can","kind++":"bomb","to":"b"})'


def test_another_process_gives_the_same_digest() -> None:
    code = (
        "from handrail.runtime.worker.digest import digest_of;"
        "print(digest_of({'tags': {'a', 'b', 'c', 'd'}, 'n': 1.5}))"
    )
    given = {
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        ).stdout.strip()
        for _ in range(2)
    }

    assert given == {digest_of({"tags": {"a", "b", "c", "d"}, "n": 1.5})}


def test_a_call_is_shown_on_one_line_of_bounded_length() -> None:
    assert call_in_words("pay", {"to": "Ada", "sum": 5}) == 'pay(to="Ada", sum=5)'
    assert call_in_words("pay", ["a\nb"]) == 'pay("a\\nb")'
    assert len(call_in_words("pay", ["x" * 10_000])) == 120


def test_whoever_decides_sees_each_argument_however_long_another_one_is() -> None:
    told = call_in_full("send", {"body": "x" * 50_000, "to": "eve@evil.example", "copies": 3})

    assert len(told) <= WHOLE_CHARS_MAX
    assert told.startswith('send(body="xxx')
    assert told.endswith('more characters), to="eve@evil.example", copies=3)')


def test_a_call_that_fits_is_not_cut_and_many_long_arguments_are_all_begun() -> None:
    many = {f"line{number}": "y" * 900 for number in range(20)}

    assert call_in_full("say", {"words": "z" * 3_000, "to": "ann"}).count("z") == 3_000
    assert all(f'{name}="yyy' in call_in_full("say", many) for name in many)


def test_as_many_arguments_as_may_be_are_all_begun_whatever_their_names() -> None:
    many = {
        f"note {number:02} {'x' * 90}": "\u202e" * 900 for number in range(QUOTED_COUNT_MAX - 1)
    }

    told = call_in_full("pay", {**many, "to": "eve@evil.example"})

    assert len(told) <= CALL_CHARS_MAX
    assert told.endswith(', to="eve@evil.example")')
    assert all(f'"note {number:02} ' in told for number in range(QUOTED_COUNT_MAX - 1))


def test_nothing_in_a_call_that_is_decided_on_is_hidden_or_passes_for_another_argument() -> None:
    odd = {"to": "ann\u202e\u3164\u200b  x", 'n=1, to="ann", x': 2, "k\u2028": "\u2028"}

    assert call_in_full("pay", odd) == (
        'pay(to="ann\\u202e\\u3164\\u200b  x", "n=1, to=\\"ann\\", x"=2, "k\\u2028"="\\u2028")'
    )
    assert call_in_words("pay", {"to": "ann\u202e"}) == 'pay(to="ann\\u202e")'
