"""The environment names the model of a process."""

import pytest

from handrail.contract.effect import Effect
from handrail.errors import ModelNotInstalled
from handrail.models.choose import close_model, model_from_environment
from handrail.models.claude import MODEL_DEFAULT, ClaudeModel
from handrail.models.extractive import ExtractiveModel
from handrail.models.port import ModelReply, ModelRequest
from tests.messages_api import KEY, says, serving


class Own:
    """A model of somebody's own."""

    name = "own"
    effect = Effect.PAID

    async def respond(self, request: ModelRequest) -> ModelReply:
        return ModelReply(model=self.name, text=request.prompt)


class Half:
    """What somebody has not finished."""

    name = "half"


class Costly:
    """What cannot be made without an argument."""

    def __init__(self, size: int) -> None:
        self.size = size


@pytest.mark.parametrize("environment", [{}, {"ANTHROPIC_API_KEY": ""}])
async def test_without_a_key_answers_are_selected(environment: dict[str, str]) -> None:
    model = model_from_environment(environment)

    assert isinstance(model, ExtractiveModel)
    await close_model(model)


async def test_with_a_key_claude_answers() -> None:
    model = model_from_environment({"ANTHROPIC_API_KEY": "k"})

    assert isinstance(model, ClaudeModel)
    assert model.name == MODEL_DEFAULT
    await close_model(model)


async def test_the_address_and_the_key_of_the_environment_are_used() -> None:
    async with serving() as api:
        api.script(says("Here I am."))
        model = model_from_environment({"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": api.url})

        reply = await model.respond(ModelRequest(prompt="Where are you?"))
        await close_model(model)

        assert reply.text == "Here I am."


@pytest.mark.parametrize(
    ("environment", "setting", "name"),
    [
        ({"HANDRAIL_MODEL": "claude-opus-5-5"}, None, "claude-opus-5-5"),
        ({}, "claude-haiku-5-5", "claude-haiku-5-5"),
        ({"HANDRAIL_MODEL": "claude-opus-5-5"}, "claude-haiku-5-5", "claude-opus-5-5"),
    ],
)
def test_the_environment_wins_over_the_setting(
    environment: dict[str, str], setting: str | None, name: str
) -> None:
    model = model_from_environment({**environment, "ANTHROPIC_API_KEY": "k"}, model=setting)

    assert model.name == name


def test_a_model_of_your_own_wins_over_a_key() -> None:
    model = model_from_environment({"HANDRAIL_MODEL": f"{__name__}:Own", "ANTHROPIC_API_KEY": "k"})

    assert model.name == "own"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_such_module:Own", "No module named"),
        (f"{__name__}:Missing", "has no attribute"),
        (f"{__name__}:Costly", "size"),
        (f"{__name__}:Half", "Half has no effect, respond"),
        (f"{__name__}:", "has no attribute"),
    ],
)
def test_a_model_that_cannot_be_loaded_says_why(name: str, reason: str) -> None:
    with pytest.raises(ModelNotInstalled) as raised:
        model_from_environment({"HANDRAIL_MODEL": name})

    assert name in raised.value.what
    assert reason in raised.value.why


class Chatty:
    """What says its key where it cannot be made."""

    def __init__(self) -> None:
        raise ValueError(f"invalid key {KEY}")


def test_a_model_of_your_own_that_says_its_key_is_told_without_it() -> None:
    environment = {"HANDRAIL_MODEL": f"{__name__}:Chatty", "ANTHROPIC_API_KEY": KEY}

    with pytest.raises(ModelNotInstalled) as raised:
        model_from_environment(environment)

    assert "invalid key [secret ANTHROPIC_API_KEY]" in raised.value.why
    assert KEY not in str(raised.value)
