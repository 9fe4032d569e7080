"""A topic carries what it declares, under names that outlive a rename of the class's module."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    Json,
    computed_field,
    create_model,
    field_validator,
)

from handrail import Topic, results
from handrail.contract.message_model import snake_case
from handrail.errors import (
    BodyNotJson,
    KeyInvalid,
    MessageInvalid,
    NotSendable,
    TooDeep,
    TooLarge,
    TopicInvalid,
    TypeUnknown,
    WireError,
)


class Colour(Enum):
    RED = "red"


class Finding(BaseModel):
    claim: str
    quotes: list[str] = []


class FindingOfOld(BaseModel):
    schema_name: ClassVar[str] = "finding"
    schema_version: ClassVar[int] = 2
    text: str


class Rich(BaseModel):
    model_config = ConfigDict(extra="forbid")
    at: datetime
    price: Decimal
    who: UUID
    colour: Colour
    pair: tuple[int, str]
    raw: Json[dict[str, int]]
    odd_name: int = Field(alias="oddName")
    ratio: float | None = None

    @computed_field  # type: ignore[prop-decorator]  # the form that pydantic documents
    @property
    def doubled(self) -> int:
        return self.odd_name * 2


findings = Topic("findings", carries=Finding)
mixed = Topic("mixed", carries=(Finding, FindingOfOld, str, int))
words = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.builds(Finding, claim=words, quotes=st.lists(words, max_size=4)))
def test_a_message_comes_back_as_it_was_sent(message: Finding) -> None:
    assert findings.decode(findings.type_of(message), findings.encode(message)) == message


def test_rich_fields_come_back_as_they_were_sent() -> None:
    topic = Topic("rich", carries=Rich)
    message = Rich(
        at=datetime(2026, 1, 1, tzinfo=UTC),
        price=Decimal("0.10"),
        who=UUID(int=1),
        colour=Colour.RED,
        pair=(1, "a"),
        raw='{"a": 1}',
        oddName=3,
    )

    body = topic.encode(message)

    assert topic.decode("rich.v1", body) == message
    assert "doubled" not in json.loads(body)


@pytest.mark.parametrize(
    ("message", "type_name", "body"),
    [
        (Finding(claim="x"), "finding.v1", b'{"claim":"x","quotes":[]}'),
        (FindingOfOld(text="x"), "finding.v2", b'{"text":"x"}'),
        ("Ada", "str.v1", b'"Ada"'),
        (7, "int.v1", b"7"),
    ],
)
def test_each_type_of_a_union_travels_under_its_own_name(
    message: Any, type_name: str, body: bytes
) -> None:
    assert mixed.type_of(message) == type_name
    assert mixed.encode(message) == body
    assert mixed.decode(type_name, body) == message


@pytest.mark.parametrize(
    ("carries", "message"),
    [
        (str, ""),
        (int, 10**30),
        (float, 1.5),
        (bool, True),
        (list[int], [1, 2]),
        (dict, {"a": None}),
    ],
)
def test_json_types_are_carried_as_they_are(carries: Any, message: Any) -> None:
    topic = Topic("plain", carries=carries)

    assert topic.decode(topic.type_of(message), topic.encode(message)) == message


@pytest.mark.parametrize(
    "type_name", ["finding.v3", "finding", "other.v1", "", "finding.v01", "x" * 999]
)
def test_a_type_or_version_that_is_not_carried_is_refused(type_name: str) -> None:
    with pytest.raises(TypeUnknown, match="findings") as raised:
        findings.decode(type_name, b'{"claim":"x"}')

    assert raised.value.reason == "schema"
    assert "it carries finding.v1" in raised.value.why
    assert raised.value.do[0].startswith("handrail topics inspect findings ")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{}", "claim: field required"),
        (b'{"claim": 5}', "claim: input should be a valid string"),
        (b'{"claim":"x","quotes":["a",1]}', "quotes, item 2: input should be a valid string"),
        (b"[]", "the message as a whole: input should be an object"),
        (b'{"quotes":[1,2,3,4,5,6]}', "and 2 more"),
    ],
)
def test_a_mistyped_message_is_refused_with_the_path_in_words(body: bytes, words: str) -> None:
    with pytest.raises(MessageInvalid) as raised:
        findings.decode("finding.v1", body)

    assert words in raised.value.what
    assert raised.value.reason == "validation"


def test_a_refusal_does_not_repeat_what_the_message_said() -> None:
    with pytest.raises(MessageInvalid) as raised:
        Topic("ages", carries=int).decode("int.v1", b'"my secret"')

    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("body", [b'"5"', b"5.0", b"true", b"null"])
def test_nothing_is_converted_silently(body: bytes) -> None:
    with pytest.raises(MessageInvalid):
        Topic("counts", carries=int).decode("int.v1", body)


def test_unknown_fields_never_reject_even_where_the_model_forbids_them() -> None:
    class Strict(BaseModel):
        model_config = ConfigDict(extra="forbid")
        text: str

    topic = Topic("strict", carries=Strict)

    assert topic.decode("strict.v1", b'{"text":"x","new":1}') == Strict(text="x")


@given(st.binary(max_size=50) | st.sampled_from([b"\xff", b'"\xff"', b"[" * 200, b"{}", b"NaN"]))
def test_any_bytes_give_a_message_or_a_wire_error(body: bytes) -> None:
    for type_name in ("finding.v1", None):
        try:
            found = mixed.decode(type_name, body)
        except WireError:
            continue
        assert isinstance(found, Finding | FindingOfOld | str | int)


@pytest.mark.parametrize("body", [None, b"", b"\xff", b'{"claim":', b'"\xff"'])
def test_what_is_no_json_is_told_from_what_is_mistyped(body: bytes | None) -> None:
    with pytest.raises(BodyNotJson):
        findings.decode(None, body)


def test_depth_and_size_are_bounded_on_both_ways() -> None:
    deep: list[Any] = []
    for _ in range(70):
        deep = [deep]
    lists = Topic("lists", carries=list)

    with pytest.raises(TooDeep):
        lists.encode(deep)
    with pytest.raises(TooDeep):
        lists.decode("list.v1", b"[" * 70 + b"]" * 70)
    with pytest.raises(TooLarge):
        findings.encode(Finding(claim="x" * 1_000_000))


def test_a_plain_record_is_taken_as_the_first_type_that_fits() -> None:
    assert mixed.decode(None, b'{"text":"x"}') == FindingOfOld(text="x")
    assert mixed.decode(None, b'"x"') == "x"


def test_a_plain_record_that_fits_no_type_says_what_the_first_one_misses() -> None:
    with pytest.raises(MessageInvalid, match="claim: field required"):
        mixed.decode(None, b"{}")


@pytest.mark.parametrize("message", ["half \ud800", float("nan"), 10**30 + 0.5])
def test_what_json_cannot_hold_is_refused_before_it_is_sent(message: Any) -> None:
    topic = Topic("plain", carries=(str, float))
    if message == 10**30 + 0.5:
        assert topic.decode("float.v1", topic.encode(message)) == message
        return

    with pytest.raises(MessageInvalid):
        topic.encode(message)


class Fragile(BaseModel):
    text: str

    @field_validator("text")
    @classmethod
    def _first(cls, text: str) -> str:
        return {"a": "b"}[text]


def test_a_check_of_the_model_itself_that_fails_stops_no_agent() -> None:
    with pytest.raises(MessageInvalid, match="raised KeyError"):
        Topic("fragile", carries=Fragile).decode("fragile.v1", b'{"text":"x"}')


def test_a_message_of_another_type_is_refused_with_what_is_carried() -> None:
    with pytest.raises(NotSendable, match=r"int cannot be sent on topic findings") as raised:
        findings.encode(5)  # type: ignore[arg-type]  # what a caller without type checker does

    assert "finding.v1" in raised.value.why
    with pytest.raises(NotSendable):
        Topic("counts", carries=int).encode(True)


def test_a_subclass_travels_whole_under_the_declared_name() -> None:
    class Longer(Finding):
        page: int = 3

    assert findings.type_of(Longer(claim="x")) == "finding.v1"
    assert b'"page":3' in findings.encode(Longer(claim="x"))


def test_a_topic_may_name_its_key() -> None:
    keyed = Topic("keyed", carries=Finding, key=lambda f: f.claim)

    assert keyed.key_of(Finding(claim="a")) == "a"
    assert findings.key_of(Finding(claim="a")) is None
    for claim in ("", "x" * 2_000):
        with pytest.raises(KeyInvalid):
            keyed.key_of(Finding(claim=claim))


def test_a_key_rule_that_raises_is_told_as_such() -> None:
    keyed = Topic("keyed", carries=Finding, key=lambda f: f.quotes[0])

    with pytest.raises(KeyInvalid, match="IndexError"):
        keyed.key_of(Finding(claim="a"))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Names",
        "1st",
        "a.b",
        "a b",
        "_a",
        "a__b",
        "a_",
        "ä",
        "x" * 101,
        "results",
        "dead",
        "a/b",
    ],
)
def test_a_name_that_cannot_be_a_topic_is_refused_with_a_cure(name: str) -> None:
    with pytest.raises(TopicInvalid) as raised:
        Topic(name, carries=str)

    assert raised.value.do


class Finding2(BaseModel):
    schema_name: ClassVar[str] = "finding"


class Versioned(BaseModel):
    schema_version: ClassVar[int] = 0


Foreign = create_model("Straße")


@pytest.mark.parametrize(
    "carries",
    [(), bytes, object, BaseModel, str | int, (Finding, Finding2), Versioned, Foreign, set, 5],
)
def test_what_has_no_name_or_form_on_the_wire_is_refused_with_a_cure(carries: Any) -> None:
    with pytest.raises(TopicInvalid) as raised:
        Topic("topic", carries=carries)

    assert raised.value.do


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("Greeting", "greeting"),
        ("ResearchFinding", "research_finding"),
        ("HTTPRequest", "http_request"),
        ("Page2Text", "page2_text"),
        ("str", "str"),
    ],
)
def test_class_names_become_snake_case(name: str, snake: str) -> None:
    assert snake_case(name) == snake


def test_results_takes_any_message_and_is_read_as_plain_values() -> None:
    assert results.type_of(Finding(claim="x")) == "finding.v1"
    assert results.encode("x") == b'"x"'
    assert results.decode("finding.v1", b'{"claim":"x"}') == {"claim": "x"}
    with pytest.raises(NotSendable):
        results.encode(object())


def test_two_declarations_of_one_topic_are_equal() -> None:
    assert Topic("findings", carries=Finding) == findings
    assert Topic("findings", carries=str) != findings
    assert len({findings, Topic("findings", carries=Finding)}) == 1
