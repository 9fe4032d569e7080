"""What is kept of an act binds its undo as the whole would."""

from typing import Any

import pytest

from handrail import Effect, tool
from handrail.contract.undo import bound, kept_of, takes_of, undo_arguments


@tool(effect=Effect.UNSAFE)
async def by_number(number: str, hotel: str) -> None:
    """Take it back by what it was called with and what it gave."""


@tool(effect=Effect.UNSAFE)
async def by_all(result: Any, hotel: str) -> None:
    """Take it back by everything that it gave."""


@pytest.mark.parametrize("undo", [by_number, by_all])
@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        ({"hotel": "ritz", "nights": 2}, {"number": "1", "pdf": "x"}),
        ({"hotel": "ritz"}, {"hotel": "other", "result": "own", "number": "2"}),
        ({"hotel": "ritz", "result": "given"}, {"number": "3"}),
        ({"hotel": "ritz"}, "plain"),
        ({"hotel": "ritz"}, None),
    ],
)
def test_what_is_kept_binds_the_undo_as_the_whole_would(
    undo: Any,
    arguments: dict[str, Any],
    result: object,
) -> None:
    kept = kept_of(takes_of(undo), arguments, result)

    assert undo_arguments(undo, *kept) == undo_arguments(undo, arguments, result)


def test_what_the_undo_does_not_take_is_not_kept() -> None:
    kept = kept_of(takes_of(by_number), {"hotel": "a", "n": 1}, {"number": "1", "pdf": "x"})

    assert kept == ({"hotel": "a"}, {"number": "1"})


def test_what_an_undo_is_called_with_is_bound_by_name_or_all_of_it_where_nobody_knows() -> None:
    given, got = {"hotel": "ritz"}, {"number": "7", "hotel": "other"}

    assert bound(given, got, ["number", "hotel"]) == {"number": "7", "hotel": "ritz"}
    assert bound(given, got, ["result"]) == {"result": got}
    assert bound(given, got, None) == {"result": got, "number": "7", "hotel": "ritz"}
