"""How long a provider asks to be left alone is understood in every form that HTTP has for it."""

from typing import Any

import pytest

from handrail.contract.failure import Refused, State
from handrail.contract.retry_after import WAIT_S_MAX, retry_after_s, wait_asked_s

AT_S = 784_111_777  #: 06 Nov 1994, 08:49:37 GMT
DATES = (
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "Sun Nov  6 08:49:37 1994",
)


@pytest.mark.parametrize("header", DATES)
def test_a_date_in_each_of_its_three_forms_is_the_time_until_then(header: str) -> None:
    assert retry_after_s(header, (AT_S - 90) * 1_000) == 90.0


@pytest.mark.parametrize("header", DATES)
def test_a_date_in_the_past_means_now(header: str) -> None:
    assert retry_after_s(header, (AT_S + 90) * 1_000) == 0.0


@pytest.mark.parametrize(("header", "seconds"), [("120", 120.0), (" 2 ", 2.0), ("-5", 0.0)])
def test_seconds_are_seconds_and_never_less_than_none(header: str, seconds: float) -> None:
    assert retry_after_s(header, AT_S * 1_000) == seconds


@pytest.mark.parametrize(
    "header", [None, "", "soon", "inf", "nan", "Sun, 99 Foo 1994", "Sun, 06 Nov 99999 08:49:37 GMT"]
)
def test_what_says_nothing_asks_for_no_wait(header: str | None) -> None:
    assert retry_after_s(header, AT_S * 1_000) == 0.0


@pytest.mark.parametrize("date", DATES)
@pytest.mark.parametrize("made", ["Sun, 06 Nov 1994 08:48:07 GMT", "Sun Nov  6 08:48:07 1994"])
def test_a_date_is_so_far_away_as_the_answer_says_whatever_our_clock_shows(
    date: str, made: str
) -> None:
    assert wait_asked_s({"retry-after": date, "date": made}.get) == 90.0


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry-after": "7", "date": DATES[0]}, 7.0),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": 7}, 7.0),
        ({"retry-after": DATES[0]}, None),
        ({"retry-after": DATES[0], "date": "yesterday"}, None),
        ({"retry-after": DATES[0], "date": "Mon, 07 Nov 1994 08:49:37 GMT"}, None),
        ({"retry-after": "soon", "date": DATES[0]}, None),
        ({"retry-after": "0"}, None),
        ({"retry-after": None}, None),
        ({"retry-after": ["7"]}, None),
        ({}, None),
    ],
)
def test_an_answer_asks_for_a_wait_only_where_it_is_known_how_long(
    headers: dict[str, object], wait_s: float | None
) -> None:
    assert wait_asked_s(headers.get) == wait_s


@pytest.mark.parametrize("header", ["1e308", "99999999999999999999", "1" + "0" * 300])
def test_a_wait_that_nobody_waits_for_is_cut(header: str) -> None:
    assert retry_after_s(header, AT_S * 1_000) == WAIT_S_MAX


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [
        (7, 7.0),
        (10**30, WAIT_S_MAX),
        (10**400, WAIT_S_MAX),
        (-(10**400), None),
        (float("inf"), None),
        (float("nan"), None),
        (-1, None),
        ("soon", None),
        (None, None),
    ],
)
def test_a_refusal_asks_for_no_longer_wait_than_can_be_recorded(
    said: Any, wait_s: float | None
) -> None:
    assert Refused(State.RATE_LIMITED, retry_after_s=said).retry_after_s == wait_s
