"""A secret leaves words however it is written, and goes only where a header can hold it."""

import base64

import pytest

from handrail.contract.cleared import as_read, cleared_values, cleared_words, unsendable

KEY = "sk-4d1f8e0a"


@pytest.mark.parametrize("end", ["", "\n", "\r\n", " \n", "\t"])
def test_the_white_space_at_the_end_of_a_secret_is_no_part_of_it(end: str) -> None:
    assert as_read(KEY + end) == KEY


@pytest.mark.parametrize("key", ["", f"{KEY}\n", f"a\n{KEY}", f" {KEY}", "a\x00b", "kü", "a\x7fb"])
def test_what_no_header_can_carry_is_named_without_a_part_of_it(key: str) -> None:
    told = unsendable(key)

    assert told is not None
    assert KEY not in told


@pytest.mark.parametrize("key", [KEY, "k", "with blanks in it", "~!@#$%^&*()"])
def test_what_a_header_can_carry_is_let_through(key: str) -> None:
    assert unsendable(key) is None


def test_what_stands_in_a_header_is_taken_out_of_an_error_though_nobody_knows_it() -> None:
    said = """Illegal header value b'Bearer sk-of-another' and Basic dXNlcjpwYXNz, so it ends"""

    told = cleared_words(said, {"key": KEY})

    assert told == "Illegal header value b'Bearer [secret]' and Basic [secret], so it ends"


def test_every_text_name_and_number_of_a_value_is_cleared() -> None:
    number = "48151623"
    value = {
        "a": [f"x {KEY}", 1, None, True],
        KEY: base64.b64encode(KEY.encode()).decode(),
        "n": 48151623,
    }

    told = cleared_values(value, {"key": KEY, "pin": number})

    assert KEY not in str(told)
    assert number not in str(told)
    assert told["a"] == ["x [secret key]", 1, None, True]


def test_a_value_without_a_secret_is_left_as_it_is() -> None:
    value = {"a": ["x", 1.5]}

    assert cleared_values(value, {"key": KEY}) is value
    assert cleared_values(value, {}) is value
