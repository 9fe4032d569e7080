"""A schema is left to the API only when the API loses nothing of it."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, Optional

import anthropic
import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter

from handrail.models.answer import Selected
from handrail.models.claude_schema import enforceable
from tests.messages_api_rules import problem


class Color(StrEnum):
    RED = "red"


class Plain(BaseModel):
    text: str
    count: int | None = None
    color: Color = Color.RED
    kind: Literal["a", "b"] = "a"
    day: date
    price: Decimal


class Nested(BaseModel):
    parts: list[Plain]
    either: Plain | str


class Node(BaseModel):
    children: list["Node"]


class Sealed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Free(BaseModel):
    anything: Any


class Mapped(BaseModel):
    counts: Optional[dict[str, int]]  # noqa: UP045 - the older spelling must work too


@pytest.mark.parametrize("kind", [Plain, Nested, Selected, list[Plain], Literal["x", "y"], Sealed])
def test_what_the_api_can_enforce_is_left_to_it(kind: Any) -> None:
    schema = TypeAdapter(kind).json_schema()

    assert enforceable(schema)
    body = {
        "model": "claude-x", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}],
        "output_config": {"format": {"schema": anthropic.transform_schema(schema)}},
    }  # fmt: skip
    headers = {"x-api-key": "k", "anthropic-version": "2026-10-21"}
    assert problem(headers, body, "k") is None


@pytest.mark.parametrize("kind", [Node, Free, Mapped, dict[str, int], tuple[int, str], list[Any]])
def test_what_the_api_would_lose_is_not_left_to_it(kind: Any) -> None:
    assert not enforceable(TypeAdapter(kind).json_schema())
