"""A topic as a type: which messages it carries, under which names, keyed by what.

Guarantees: what `encode` writes, `decode` of the same topic accepts; a message of a type, version
or shape that the topic does not carry raises, and is never guessed at; unknown fields never
reject a message.
"""

# ruff: noqa: ANN401 - an annotation as a value may be anything that Python lets it be.

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Generic, Self, TypeGuard, cast, overload

from pydantic import ValidationError
from typing_extensions import TypeVar

from handrail.contract.explain import invalid_in_words
from handrail.contract.message_model import MessageModel, json_of, models_of
from handrail.errors.contract import KeyInvalid, NotSendable, TopicInvalid
from handrail.errors.wire import BodyNotJson, MessageInvalid, TypeUnknown
from handrail.wire.codec import check_body, decode_body
from handrail.wire.label import Integrity
from handrail.wire.limits import KEY_BYTES_MAX, TOPIC_CHARS_MAX
from handrail.wire.priority import Priority, with_priority

__all__ = ["RESERVED", "MessageModel", "OpenTopic", "Topic", "is_topic", "results"]

M = TypeVar("M")
R = TypeVar("R", default=None)
Q = TypeVar("Q")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")

_NAME = re.compile(r"[a-z][a-z0-9-]*(_[a-z0-9-]+)*")
RESERVED = frozenset(
    {"results", "tasks", "ledger", "human", "control", "blobs", "memory", "dead", "answers"}
)


class Topic(Generic[M, R]):
    """One conversation: a name and the messages that may stand on it.

    `carries` is a type, or a tuple of types. `key` gives the record key of a message; without it
    the engine chooses (the task, or the part of a fan-out). With `replies` its messages are
    questions, and this is the type of the answer: whatever reads it gives its answer back to
    whoever asked by `ctx.ask`. With `priorities` it has a second full inbox, so that tasks of
    high priority do not wait behind the others. Two topics of one name, with the same types and as
    many inboxes, are equal. Raises TopicInvalid with its cure.
    """

    @overload
    def __init__(
        self: "Topic[Q, None]",
        name: str,
        *,
        carries: type[Q],
        key: Callable[[Q], str] | None = None,
        replies: None = None,
        purpose: str = "",
        priorities: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self: "Topic[Q, A]",
        name: str,
        *,
        carries: type[Q],
        key: Callable[[Q], str] | None = None,
        replies: type[A],
        purpose: str = "",
        priorities: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self: "Topic[A | B, None]",
        name: str,
        *,
        carries: tuple[type[A], type[B]],
        key: Callable[[A | B], str] | None = None,
        replies: None = None,
        purpose: str = "",
        priorities: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self: "Topic[A | B | C, None]",
        name: str,
        *,
        carries: tuple[type[A], type[B], type[C]],
        key: Callable[[A | B | C], str] | None = None,
        replies: None = None,
        purpose: str = "",
        priorities: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self: "Topic[A | B | C | D, None]",
        name: str,
        *,
        carries: tuple[type[A], type[B], type[C], type[D]],
        key: Callable[[A | B | C | D], str] | None = None,
        replies: None = None,
        purpose: str = "",
        priorities: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self: "Topic[Q, None]",
        name: str,
        *,
        carries: tuple[type[Q], ...],
        key: Callable[[Q], str] | None = None,
        replies: None = None,
        purpose: str = "",
        priorities: bool = False,
    ) -> None: ...

    def __init__(
        self,
        name: str,
        *,
        carries: Any,
        key: Callable[[Any], str] | None = None,
        replies: Any = None,
        purpose: str = "",
        priorities: bool = False,
    ) -> None:
        """Declare a topic; nothing is created on a broker."""
        _check_name(name)
        self.name = name
        self.carries: tuple[Any, ...] = carries if isinstance(carries, tuple) else (carries,)
        self.key = key
        self.replies = replies
        self.purpose = purpose
        self.priorities = priorities
        self.models = models_of(name, self.carries)
        #: In what form an answer travels; None when messages of this topic are no questions.
        self.reply: Topic[Any, Any] | None = (
            None if replies is None else Topic(name, carries=replies)
        )

    @property
    def is_open(self) -> bool:
        """Say whether any type may stand on the topic, as on `results`."""
        return False

    #: How far what is submitted on it can be trusted, whoever submits it.
    integrity: Integrity = Integrity.USER

    def submitted_as(self, integrity: Integrity) -> Self:
        """Say how far what is submitted on it can be trusted, such as mail of anybody; give it."""
        self.integrity = integrity
        return self

    @property
    def inboxes(self) -> tuple[str, ...]:
        """Name its inbox, and the second one if it has one; without the namespace."""
        priorities = Priority if self.priorities else (Priority.NORMAL,)
        return tuple(with_priority(self.name, one) for one in priorities)

    def model_of(self, message: object) -> MessageModel:
        """Give the model under which a message is sent; raises NotSendable."""
        for python_type in type(message).__mro__:
            for model in self.models.values():
                # A bool is an int to Python and none in JSON.
                if model.plain_type is python_type and (type(message), python_type) != (bool, int):
                    return model
        raise NotSendable(
            given=type(message).__name__, topic=self.name, known=", ".join(self.models)
        )

    def type_of(self, message: M) -> str:
        """Give the name of a message's type on the wire, such as `greeting.v1`."""
        return self.model_of(message).type_name

    def encode(self, message: M) -> bytes:
        """Give the JSON of a message.

        Raises NotSendable, TooLarge, TooDeep, or MessageInvalid for what JSON cannot hold: half a
        character, or a NaN where a number is needed. In an optional field a NaN becomes null.
        """
        model = self.model_of(message)
        try:
            body = json_of(model, message)
        except Exception as error:  # a serializer of the model's own may raise anything
            raise MessageInvalid(
                topic=self.name, type=model.type_name, detail=f"it has no JSON form: {error}"
            ) from error
        check_body(body)
        if b"null" in body:
            self._validate(model, body)
        return body

    def decode(self, type_name: str | None, body: bytes | None) -> M:
        """Read a message; without a type name each declared type is tried in order.

        Raises BodyNotJson, TooLarge, TooDeep, TypeUnknown or MessageInvalid, which says in words
        what is wrong and where.
        """
        checked = check_body(body)
        if type_name is not None:
            return cast("M", self._validate(self._model_named(type_name), checked))
        first_failure: MessageInvalid | None = None
        for model in self.models.values():
            try:
                return cast("M", self._validate(model, checked))
            except MessageInvalid as error:
                first_failure = first_failure or error
        assert first_failure is not None, "a topic carries at least one type"
        raise first_failure

    def key_of(self, message: M) -> str | None:
        """Give the record key that the topic's own rule names; None when the engine chooses.

        Raises KeyInvalid when the rule gives no usable text.
        """
        if self.key is None:
            return None
        try:
            key: Any = self.key(message)
        except Exception as error:
            raise KeyInvalid(
                topic=self.name, detail=f"the rule raised {error!r}", limit=KEY_BYTES_MAX
            ) from error
        if not isinstance(key, str) or not 0 < len(key.encode(errors="replace")) <= KEY_BYTES_MAX:
            raise KeyInvalid(topic=self.name, detail=f"it is {key!r:.80}", limit=KEY_BYTES_MAX)
        return key

    def _model_named(self, type_name: str) -> MessageModel:
        model = self.models.get(type_name)
        if model is None:
            known = ", ".join(self.models)
            raise TypeUnknown(topic=self.name, type=repr(type_name[:80]), known=known)
        return model

    def _validate(self, model: MessageModel, body: bytes) -> object:
        try:
            return model.adapter.validate_json(body, strict=True, extra=_extra(model))
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False, include_input=False)
            if problems[0]["type"] == "json_invalid":
                raise BodyNotJson(detail=problems[0]["msg"]) from error
            raise MessageInvalid(
                topic=self.name, type=model.type_name, detail=invalid_in_words(error)
            ) from error
        except Exception as error:
            # A validator of the model's own may raise anything; no message may stop an agent.
            raise MessageInvalid(
                topic=self.name,
                type=model.type_name,
                detail=f"a check of the model itself raised {type(error).__name__}",
            ) from error

    def __eq__(self, other: object) -> bool:
        """Two topics are equal when name, types and inboxes are."""
        if not isinstance(other, Topic):
            return NotImplemented
        same = self.name == other.name and self.carries == other.carries
        alike = self.replies == other.replies and self.priorities == other.priorities
        return same and alike

    def __hash__(self) -> int:
        """Topics of one name share a hash."""
        return hash(self.name)

    def __repr__(self) -> str:
        """Show the name and what is carried."""
        return f"Topic({self.name!r}, carries={', '.join(self.models) or 'anything'})"


class OpenTopic(Topic[Any, None]):
    """A topic on which any type may stand; its messages are read as plain values."""

    def __init__(self, name: str, *, purpose: str) -> None:
        """Declare an open topic; only the engine does."""
        self.name = name
        self.carries = ()
        self.key = None
        self.replies = None
        self.reply = None
        self.purpose = purpose
        self.priorities = False
        self.models = {}

    @property
    def is_open(self) -> bool:
        """Say that any type may stand here."""
        return True

    def model_of(self, message: object) -> MessageModel:
        """Give a model for the very type of the message; raises NotSendable when it has none."""
        python_type: Any = type(message)
        try:
            return _model_of_its_own(self.name, python_type)
        except TopicInvalid as error:
            raise NotSendable(
                given=type(message).__name__,
                topic=self.name,
                known="pydantic models and JSON types",
            ) from error

    def decode(self, type_name: str | None, body: bytes | None) -> Any:  # noqa: ARG002 - any
        """Read a message as plain values, whatever type it names; raises like `decode_body`."""
        return decode_body(body)


# A model holds a serializer that pydantic makes anew each time, which costs more than its use.
@lru_cache(maxsize=256)
def _model_of_its_own(topic: str, python_type: type[Any]) -> MessageModel:
    (model,) = models_of(topic, (python_type,)).values()
    return model


def is_topic(value: object) -> TypeGuard[Topic[Any, Any]]:
    """Say whether a value is a Topic."""
    return isinstance(value, Topic)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > TOPIC_CHARS_MAX:
        raise TopicInvalid(
            topic=name[:120],
            detail="its name is not allowed",
            cure="start with a small letter and go on with small letters, digits, - and single _,"
            f" {TOPIC_CHARS_MAX} characters at most",
        )
    if name in RESERVED:
        raise TopicInvalid(
            topic=name,
            detail="the engine keeps this name for itself",
            cure="use another name"
            if name != "results"
            else "from handrail import results    every team has this topic",
        )


def _extra(model: MessageModel) -> Any:
    # A model that forbids unknown fields would break every reader on the day a field is added.
    config = getattr(model.python_type, "model_config", {})
    return "ignore" if config.get("extra") == "forbid" else None


#: What the whole task gives back to whoever asked; every team has it, any type may stand on it.
results = OpenTopic("results", purpose="What a task gives back to whoever asked.")
