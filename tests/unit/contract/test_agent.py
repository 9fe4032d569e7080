"""An agent that could be declared fits its topics; any other is refused with both names."""

# Handlers that are refused have no need of a body, some not even of types.
# mypy: disable-error-code="empty-body,no-untyped-def"

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from handrail import Context, Handoff, Parts, Topic, agent, results
from handrail.contract.agent import Agent
from handrail.errors import AgentInvalid, NotSendable

if TYPE_CHECKING:
    from decimal import Decimal


class Ask(BaseModel):
    text: str


class Finding(BaseModel):
    claim: str


asks = Topic("asks", carries=Ask)
findings = Topic("findings", carries=Finding)
drafts = Topic("drafts", carries=(Ask, Finding))
notes = Topic("notes", carries=Finding)
counts = Topic("counts", carries=int)


async def test_a_decorated_function_stays_callable() -> None:
    @agent(reads=asks, writes=findings)
    async def reader(ask: Ask) -> Finding:
        """Read. Then say."""
        return Finding(claim=ask.text)

    assert await reader(Ask(text="x")) == Finding(claim="x")
    assert (reader.name, reader.reads, reader.writes) == ("reader", asks, (findings,))
    assert (reader.gathers, reader.wants_context, reader.fans_out) == (False, False, False)
    assert reader.source_file == __file__
    assert reader.purpose == "Read. Then say."
    assert repr(reader) == "<agent reader: reads asks, writes findings>"


def test_the_shape_of_a_handler_is_read_from_its_annotations() -> None:
    @agent(reads=findings, writes=(drafts, results), name="chief-writer", within_s=60, version="2")
    async def writer(parts: Parts[Finding], ctx: Context) -> list[Finding] | None:
        return None

    assert (writer.gathers, writer.wants_context, writer.fans_out) == (True, True, True)
    assert (writer.name, writer.within_s, writer.version) == ("chief-writer", 60, "2")


def test_a_handler_may_take_more_and_give_less_than_its_topics_carry() -> None:
    class Longer(Finding):
        page: int

    @agent(reads=asks, writes=drafts)
    async def one(ask: Ask | Finding) -> Longer | None:
        return None

    @agent(reads=drafts, writes=drafts)
    async def two(ask: BaseModel) -> list[Ask | Handoff[Finding]]:
        return []

    assert (one.fans_out, one.sends_one) == (False, True)
    assert (two.fans_out, two.sends_one) == (True, False)


async def wrong_message(ask: Finding) -> Finding: ...
async def wrong_result(ask: Ask) -> Ask: ...
async def wrong_item(ask: Ask) -> list[Ask]: ...
async def wrong_handoff(ask: Ask) -> Handoff[int]: ...
async def wrong_parts(parts: Parts[Finding]) -> Finding: ...
async def wrong_second(ask: Ask, ctx: str) -> Finding: ...
async def too_many(ask: Ask, ctx: Context, more: int) -> Finding: ...
async def by_name(*, ask: Ask) -> Finding: ...
async def nothing() -> Finding: ...
async def no_types(ask) -> Finding: ...
async def no_result(ask: Ask): ...
async def hidden(ask: Ask) -> "Decimal": ...
def not_async(ask: Ask) -> Finding: ...


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (wrong_message, "topic asks carries Ask, its handler takes Finding"),
        (wrong_result, r"gives back Ask, which findings \(Finding\) does not carry"),
        (wrong_item, "gives back Ask, which"),
        (wrong_handoff, "gives back int, which"),
        (wrong_parts, "topic asks carries Ask, its handler takes Finding"),
        (wrong_second, "second parameter is a str"),
        (too_many, "other parameters"),
        (by_name, "other parameters"),
        (nothing, "other parameters"),
        (no_types, "leaves ask open"),
        (no_result, "does not say what it gives back"),
        (hidden, "'Decimal', which is not there when the program runs"),
        (not_async, "not an async function"),
    ],
)
def test_a_handler_that_does_not_fit_is_refused_in_words(
    handler: Callable[..., Coroutine[Any, Any, Any]], said: str
) -> None:
    with pytest.raises(AgentInvalid, match=said) as raised:
        Agent(handler, reads=asks, writes=(findings,))

    assert raised.value.do
    assert raised.value.facts["agent"] == handler.__name__


def test_a_union_inbox_needs_a_handler_for_each_of_its_types() -> None:
    async def half(ask: Ask) -> None: ...

    with pytest.raises(AgentInvalid, match=r"topic drafts carries Ask \| Finding, its"):
        Agent(half, reads=drafts)


def test_an_agent_that_writes_nowhere_gives_nothing_back() -> None:
    with pytest.raises(AgentInvalid, match="gives back Finding and writes to no topic"):
        Agent(wrong_message, reads=findings)


async def fits(ask: Ask) -> None: ...
async def gathers(parts: Parts[Ask]) -> None: ...


@pytest.mark.parametrize(
    ("handler", "options", "said"),
    [
        (fits, {"name": "Planner"}, "name is not allowed"),
        (fits, {"name": "keeper"}, "keeps this name"),
        (fits, {"name": "x" * 65}, "name is not allowed"),
        (fits, {"within_s": 5}, "takes one message"),
        (gathers, {"within_s": 0}, "out of bounds"),
        (gathers, {"within_s": float("nan")}, "out of bounds"),
        (fits, {"version": ""}, "its version is"),
        (fits, {"retries": 3}, "knows no retries"),
    ],
)
def test_facts_of_an_agent_are_bounded(handler: Any, options: Any, said: str) -> None:
    with pytest.raises(AgentInvalid, match=said):
        Agent(handler, reads=asks, options=options)


@pytest.mark.parametrize(
    ("reads", "writes", "said"),
    [
        (results, (), "no topic that agents read"),
        ("asks", (), "no topic that agents read"),
        (asks, ("findings",), "something that is no topic"),
        (asks, (findings, findings), "names a topic twice"),
    ],
)
def test_topics_of_an_agent_are_topics(reads: Any, writes: Any, said: str) -> None:
    with pytest.raises(AgentInvalid, match=said):
        Agent(fits, reads=reads, writes=writes)


def test_a_gathering_agent_reads_a_topic_without_a_key_of_its_own() -> None:
    keyed = Topic("keyed", carries=Ask, key=lambda a: a.text)

    with pytest.raises(AgentInvalid, match="part what belongs together"):
        Agent(gathers, reads=keyed)


@agent(reads=asks, writes=(findings, drafts, counts, results))
async def busy(ask: Ask) -> Handoff[Any] | Ask | int | None:
    return None


@pytest.mark.parametrize(
    ("returned", "topic"),
    [
        (Ask(text="x"), drafts),
        (5, counts),
        ("text", results),
        (Handoff(findings, Finding(claim="x")), findings),
        (Handoff(results, [1]), results),
    ],
)
def test_a_returned_message_goes_to_the_one_topic_that_carries_it(
    returned: object, topic: Topic[Any, Any]
) -> None:
    found, message = busy.topic_for(returned)

    assert found == topic
    assert message == (returned.message if isinstance(returned, Handoff) else returned)


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (Finding(claim="x"), "Finding cannot be sent on topic findings or drafts"),
        (Handoff(notes, Finding(claim="x")), "on topic notes"),
        (Handoff(counts, "x"), "on topic counts"),  # type: ignore[misc]
        (object(), "object cannot be sent"),
    ],
)
def test_a_returned_message_without_one_topic_is_refused(returned: object, said: str) -> None:
    with pytest.raises(NotSendable, match=said):
        busy.topic_for(returned)


def test_an_agent_that_answers_gives_back_what_its_topic_replies_and_nothing_else() -> None:
    asked = Topic("asked", carries=Ask, replies=list[int])

    @agent(reads=asked)
    async def counter(ask: Ask) -> list[int]:
        return [len(ask.text)]

    assert (counter.answers, counter.fans_out, counter.writes) == (True, False, ())
    with pytest.raises(AgentInvalid, match=r"gives back str, and a question on asked is answered"):

        @agent(reads=asked)  # type: ignore[arg-type]
        async def wordy(ask: Ask) -> str: ...

    with pytest.raises(AgentInvalid, match="writes to topics, and asked has replies="):

        @agent(reads=asked, writes=findings)  # type: ignore[arg-type]
        async def busy(ask: Ask) -> list[int]: ...

    with pytest.raises(AgentInvalid, match="gathers, and asked has replies="):

        @agent(reads=asked)
        async def gathering(parts: Parts[Ask]) -> list[int]: ...
