"""One type of message: its name and version on the wire, and how it is written as JSON."""

# ruff: noqa: ANN401 - an annotation as a value may be anything that Python lets it be.

import re
import types
from dataclasses import dataclass
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, PydanticUserError, TypeAdapter

from handrail.errors.contract import TopicInvalid

_TYPE = re.compile(r"([a-z][a-z0-9_]*)\.v([1-9][0-9]{0,8})")
_BUILT_IN: tuple[type, ...] = (str, int, float, bool, list, dict)


@dataclass(frozen=True, slots=True)
class MessageModel:
    """One type of message that a topic carries."""

    name: str  #: snake case, without version
    major: int
    python_type: Any
    adapter: TypeAdapter[Any]

    @property
    def plain_type(self) -> Any:
        """The class of the messages: `list` for `list[str]`."""
        return get_origin(self.python_type) or self.python_type

    @property
    def type_name(self) -> str:
        """The name on the wire, such as `greeting.v1`."""
        return f"{self.name}.v{self.major}"


def models_of(topic: str, carries: tuple[Any, ...]) -> dict[str, MessageModel]:
    """Give the models of what a topic carries, by type name; raises TopicInvalid."""
    if not carries:
        raise TopicInvalid(topic=topic, detail="it carries nothing", cure="name a type in carries=")
    models: dict[str, MessageModel] = {}
    for python_type in carries:
        model = _model(topic, python_type)
        if model.type_name in models:
            raise TopicInvalid(
                topic=topic,
                detail=f"two of its types are called {model.type_name}",
                cure="rename one, or give it `schema_version: ClassVar[int] = 2`",
            )
        models[model.type_name] = model
    return models


def _model(topic: str, python_type: Any) -> MessageModel:
    if isinstance(python_type, types.UnionType) or get_origin(python_type) is Union:
        names = ", ".join(getattr(t, "__name__", str(t)) for t in get_args(python_type))
        raise TopicInvalid(
            topic=topic, detail="it carries a union", cure=f"write carries=({names}), a tuple"
        )
    origin: Any = get_origin(python_type) or python_type
    is_model = _is_message_class(origin)
    if not is_model and origin not in _BUILT_IN:
        raise TopicInvalid(
            topic=topic,
            detail=f"{python_type!r} is neither a pydantic model nor a JSON type",
            cure="derive the message from pydantic.BaseModel; str, int, float, bool, list and dict"
            " may be carried as they are",
        )
    major = getattr(origin, "schema_version", 1) if is_model else 1
    own_name = getattr(origin, "schema_name", None) if is_model else None
    name = own_name or snake_case(re.sub(r"\[.*", "", origin.__name__))
    type_name = f"{name}.v{major}"
    if type(major) is not int or split_type(type_name) is None:
        raise TopicInvalid(
            topic=topic,
            detail=f"{python_type!r} would be called {type_name!r} on the wire",
            cure="use an ASCII class name and `schema_version: ClassVar[int]` of 1 or more",
        )
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(python_type)
    except PydanticUserError as error:
        raise TopicInvalid(topic=topic, detail=str(error), cure="correct the model") from error
    return MessageModel(name, major, python_type, adapter)


def _is_message_class(python_type: object) -> bool:
    return (
        isinstance(python_type, type)
        and issubclass(python_type, BaseModel)
        and python_type is not BaseModel
    )


def json_of(model: MessageModel, message: object) -> bytes:
    """Give the JSON of a message, unchecked; raises whatever a serializer of its own raises."""
    if isinstance(message, BaseModel):
        # By alias and without computed fields, since that is what decoding accepts; a subclass
        # keeps its additional fields, which readers of the declared type may ignore.
        return message.model_dump_json(by_alias=True, round_trip=True, warnings="none").encode()
    return model.adapter.dump_json(message, by_alias=True, round_trip=True, warnings="none")


def split_type(type_name: str) -> tuple[str, int] | None:
    """Split `greeting.v1` into name and major version; None when it has another form."""
    match = _TYPE.fullmatch(type_name)
    return (match[1], int(match[2])) if match else None


def snake_case(name: str) -> str:
    """Give the name of a class as it stands in a type name: `HTTPRequest2` is `http_request2`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return spaced.lower()
