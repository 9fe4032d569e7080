"""The key for Claude is sent as it is meant, or refused in words that do not hold it."""

import traceback

import pytest

from handrail.errors import HandrailError, ModelKeyRefused
from handrail.lane.failure_class import is_unbilled
from handrail.models.choose import model_from_environment
from handrail.models.claude import ClaudeModel, ClaudeSettings
from handrail.models.port import ModelRequest
from tests.messages_api import KEY, MessagesApi, Status, says, serving

HELLO = ModelRequest(prompt="Hello")


def everything_said(error: BaseException) -> str:
    """Give what a log would print of an error, and its words."""
    return f"{''.join(traceback.format_exception(error))} {error!r}"


async def refusal(api: MessagesApi, key: str | None) -> HandrailError:
    """Ask once with a key and give the error that comes of it."""
    model = ClaudeModel(ClaudeSettings(api_key=key, base_url=api.url))
    with pytest.raises(HandrailError) as raised:
        await model.respond(HELLO)
    await model.close()
    return raised.value


@pytest.mark.parametrize("end", ["\n", "\r\n", "  "])
async def test_a_key_that_ends_in_a_line_break_is_sent_without_it(end: str) -> None:
    async with serving() as api:
        api.script(says("Hello."))
        environment = {"ANTHROPIC_API_KEY": KEY + end, "ANTHROPIC_BASE_URL": api.url}
        model = model_from_environment(environment)

        reply = await model.respond(HELLO)
        await model.close()

    assert reply.text == "Hello."


@pytest.mark.parametrize("name", ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"])
async def test_a_variable_of_the_sdk_is_read_without_its_line_break_too(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.setenv(name, f"{KEY}\n")
    async with serving() as api:
        api.script(says("Hello."))
        model = ClaudeModel(ClaudeSettings(base_url=api.url))

        reply = await model.respond(HELLO)
        await model.close()

    assert reply.text == "Hello."


@pytest.mark.parametrize("key", [f"{KEY}\n{KEY}", f"{KEY}\x00", f"{KEY}ü", f" {KEY}"])
async def test_a_key_that_no_header_can_carry_is_refused_before_anything_is_sent(key: str) -> None:
    async with serving() as api:
        error = await refusal(api, key)

        assert api.requests == []
    assert type(error) is ModelKeyRefused
    assert error.failure_class == "fatal"
    assert is_unbilled(error)
    says = "begins or ends with a blank" if key == f" {KEY}" else "holds a line break"
    assert f"ANTHROPIC_API_KEY {says}" in error.why
    assert KEY not in everything_said(error)


async def test_a_key_that_its_provider_repeats_is_taken_out_of_its_words() -> None:
    async with serving() as api:
        api.script(Status(401, "authentication_error", f"invalid key {KEY}"))

        error = await refusal(api, KEY)

    assert "invalid key [secret ANTHROPIC_API_KEY]" in error.why
    assert KEY not in everything_said(error)
