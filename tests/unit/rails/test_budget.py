"""The budget of a task: never over at admission, nothing made by handing on, the same again."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.rails.budget import Account, micros_of, read_budget, share, together, written

AMOUNTS = st.integers(0, 10**9)
ACTS = st.lists(st.tuples(st.sampled_from(["reserve", "commit", "release", "raise"]), AMOUNTS))


@given(AMOUNTS, ACTS)
def test_it_is_never_over_at_admission(limit: int, acts: list[tuple[str, int]]) -> None:
    account, open_acts = Account(limit), list[int]()
    for act, amount in acts:
        match act:
            case "reserve" if account.fits(amount):
                account = account.reserve(amount)
                open_acts.append(amount)
            case "reserve":
                with pytest.raises(ValueError, match="cannot be reserved"):
                    account.reserve(amount)
            case "raise":
                account = account.raised(amount)
            case _ if open_acts:
                one = open_acts.pop()
                account = account.commit(one) if act == "commit" else account.release(one)
            case _:
                with pytest.raises(ValueError, match="not reserved"):
                    account.release(amount + 1)
        assert account.limit is not None
        assert account.spent + account.reserved <= account.limit
        assert account.reserved == sum(open_acts)


@given(st.lists(AMOUNTS, max_size=6), st.randoms())
def test_the_same_acts_give_the_same_balance_in_any_order(costs: list[int], draw: object) -> None:
    limit = sum(costs) + 1
    balances: set[Account] = set()
    for _ in range(3):
        account, order = Account(limit), list(costs)
        draw.shuffle(order)  # type: ignore[attr-defined]  # hypothesis' own Random
        for cost in order:
            account = account.reserve(cost)
        for cost in reversed(order):
            account = account.commit(cost)
        balances.add(account)

    assert balances == {Account(limit, sum(costs), 0)}


@given(AMOUNTS, st.integers(1, 256))
def test_what_is_split_is_the_whole_again(micros: int, count: int) -> None:
    parts = [share(written(micros), index, count) for index in range(count)]

    assert read_budget(together(parts)) == micros


@given(AMOUNTS)
def test_a_budget_travels_unchanged(micros: int) -> None:
    assert read_budget(written(micros)) == micros


def test_no_budget_bounds_nothing_and_garbage_is_nothing_to_spend() -> None:
    assert (Account().left, Account().fits(10**12)) == (None, True)
    assert (read_budget(None), share(None, 0, 2), together([None, None])) == (None, None, None)
    for garbage in ("", "much", "-1", "NaN", "Infinity", "1e400"):
        assert read_budget(garbage) == (0 if garbage != "1e400" else 10**15)
    assert micros_of(0.02) == 20_000


@pytest.mark.parametrize("text", ["1e999990", "1e999999", "1e9999999999", "9" * 5_000])
def test_an_amount_that_nobody_has_is_the_most_there_is_at_once(text: str) -> None:
    begun_s = time.process_time()

    assert read_budget(text) == 10**15
    assert time.process_time() - begun_s < 1


def test_most_of_it_used_is_said() -> None:
    account = Account(100)

    assert not account.reserve(79).warns
    assert account.reserve(80).warns
    assert not Account().warns
