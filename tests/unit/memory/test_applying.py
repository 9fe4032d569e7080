"""What cannot conflict gives the same in whatever order it comes."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.memory.applying import NUMBER_MAX, DoesNotFitError, applied
from handrail.wire.memory import Op

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


def folded(op: Op, items: Any) -> Any:
    value: object = None
    for item in items:
        value = applied(op, value, item)
    return value


@given(st.lists(JSON, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_a_set_is_the_same_whatever_the_order_of_its_items(items: list[Any], choice: Any) -> None:
    mixed = [*items, *items]
    choice.shuffle(mixed)

    assert folded(Op.ADD, mixed) == folded(Op.ADD, items)


@given(st.lists(st.integers(-1_000, 1_000), min_size=1, max_size=20))
def test_a_sum_is_the_same_whatever_the_order(numbers: list[int]) -> None:
    assert folded(Op.INCREMENT, numbers) == folded(Op.INCREMENT, numbers[::-1]) == sum(numbers)


@given(st.lists(JSON, min_size=1, max_size=8))
def test_what_is_appended_is_all_there_in_the_order_of_arrival(items: list[Any]) -> None:
    assert folded(Op.APPEND, items) == items


@given(st.dictionaries(st.text(max_size=4), JSON, min_size=1, max_size=5))
def test_different_fields_are_merged_whatever_the_order(fields: dict[str, Any]) -> None:
    parts = [{name: value} for name, value in fields.items()]

    for order in itertools.islice(itertools.permutations(parts), 24):
        assert folded(Op.MERGE, order) == fields


@pytest.mark.parametrize(
    ("op", "present", "item"),
    [
        (Op.ADD, {"a": 1}, 1),
        (Op.APPEND, "text", 1),
        (Op.INCREMENT, 1.5, 1),
        (Op.INCREMENT, True, 1),
        (Op.INCREMENT, 1, "1"),
        (Op.INCREMENT, NUMBER_MAX, 1),
        (Op.MERGE, [1], {"a": 1}),
        (Op.MERGE, {"a": 1}, 7),
    ],
)
def test_what_does_not_fit_is_said(op: Op, present: object, item: object) -> None:
    with pytest.raises(DoesNotFitError, match=r"\w"):
        applied(op, present, item)
