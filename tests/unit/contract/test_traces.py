"""Secrets and personal data are named where their form leaves little doubt, and nothing else is."""

from datetime import datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.contract.memory import Memory, MemoryClass
from handrail.contract.traces import person_in, secret_in, trace_in_key
from handrail.errors.memory import MemoryKeyInvalid

ORDERS = Memory("orders", carries=str, keeps=MemoryClass.FACT)


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blb",
        "use AKIAIOSFODNN7EXAMPLE for it",
        f"token ghp_{'a1' * 18}",
        "xoxb-123456789012-abcdef",
        f"sk-ant-api03-{'x' * 30}",
        f"AIza{'b' * 35}",
        f"sk_live_{'4' * 24}",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmN",
        "postgres://desk:hunter2@db.example/x",
        'the password is "s3cretwords"',
        "api_key: 93jfkd02kfla",
    ],
)
def test_a_secret_is_named(text: str) -> None:
    assert secret_in(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "The password is changed every year",
        "password: required",
        "https://example.org/a:b",
        "sk-learn is a library",
        "the key of the warehouse lies in the office",
        "BEGIN PUBLIC KEY",
    ],
)
def test_what_is_no_secret_passes(text: str) -> None:
    assert secret_in(text) is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("write to ada.lovelace+x@mail.example.org", "an e-mail address"),
        ("call +41 44 668 18 00", "a telephone number"),
        ("pay to CH93 0076 2011 6238 5295 7", "an account number"),
        ("pay to DE89370400440532013000", "an account number"),
        ("card 4111 1111 1111 1111", "the number of a payment card"),
        ("card 5500005555555559", "the number of a payment card"),
        ("card 2223 0031 2200 3222", "the number of a payment card"),
        ("card 3782 822463 10005", "the number of a payment card"),
        ("card 30569309025904", "the number of a payment card"),
    ],
)
def test_personal_data_is_named(text: str, what: str) -> None:
    assert person_in(text) == what


@pytest.mark.parametrize(
    "text",
    [
        "order 4111111111111112 of 2026-05-03",
        "DE89370400440532013001",
        "sha256 0123456789012345678901234567890123456789",
        "1 + 4166818001 = 4166818002",
        "version @ 3.14 at night",
        "offset 4111111111111111111111111",
        "article 4006381333931",
        "article 4006381333900",
        "device 356938035643809",
        "41111111-1111-4111-8abc-0123456789ab",
        "a4111111111111111b4111111111111111c0ffee0",
        "FD32123456789012345678",
    ],
)
def test_what_is_no_personal_data_passes(text: str) -> None:
    assert person_in(text) is None


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("ada@example.org", "an e-mail address"),
        ("a@b", "an e-mail address"),
        ("tel/+491701234567", "a telephone number"),
        ("tel:+49-170-1234567/last", "a telephone number"),
        ("DE89370400440532013000", "an account number"),
        ("iban=DE89370400440532013000", "an account number"),
        ("card/4111-1111-1111-1111", "the number of a payment card"),
        ("card/4111111111111111/paid", "the number of a payment card"),
        ("aws/AKIAIOSFODNN7EXAMPLE", "a key of Amazon Web Services"),
        (f"gh/ghp_{'a1' * 18}", "a token of GitHub"),
    ],
)
def test_a_key_that_says_who_it_is_about_is_refused_and_not_repeated(key: str, what: str) -> None:
    with pytest.raises(MemoryKeyInvalid) as caught:
        ORDERS.check_key(key)

    assert what in str(caught.value)
    assert "name a person with subject=" in str(caught.value)
    assert key not in str(caught.value)
    assert ORDERS.check_form(key) == key  # to look at it and to take it away


NAMES = st.sampled_from(["order", "orders/open", "invoice:2026", "task=a,b", "v1.2-beta", "A+B"])


@given(NAMES, st.integers(0, 10**12 - 1))
def test_a_number_of_an_order_is_a_key(name: str, number: int) -> None:
    for key in (f"{name}/{number}", f"{name}-{number}", f"{number:012}/{name}"):
        assert trace_in_key(key) is None


@given(NAMES, st.integers(0, 10**10 - 1))
def test_a_number_of_an_article_is_a_key_whatever_its_check_digit(name: str, number: int) -> None:
    for digit in range(10):
        assert trace_in_key(f"{name}/400{number // 10:09}{digit}") is None


@given(st.uuids(), st.integers(0, 10**16 - 1))
def test_a_uuid_is_a_key(one: UUID, digits: int) -> None:
    number = f"{digits:016}"
    of_digits = f"{number[:8]}-{number[8:12]}-{number[12:]}{str(one)[18:]}"
    for text in (str(one), str(one).upper(), one.hex, of_digits):
        assert trace_in_key(f"run/{text}") is None


@given(st.binary(min_size=16, max_size=64), st.sampled_from([24, 32, 40, 64, 128]))
def test_a_digest_is_a_key(data: bytes, length: int) -> None:
    # With letters: what consists of digits alone is a number.
    text = "a" + (data.hex() * 8)[: length - 1]
    assert trace_in_key(f"papers/{text}") is None
    assert trace_in_key(f"papers@{text}".replace("@", ":")) is None


@given(st.datetimes(max_value=datetime(2999, 12, 31)))  # noqa: DTZ001
def test_a_time_is_a_key(when: datetime) -> None:
    for text in (
        f"{when:%Y-%m-%d}",
        f"{when:%Y%m%d%H%M%S}",
        f"{when:%Y/%m/%d}",
        when.isoformat(),
        f"{when.isoformat()}+01:00",
        str(round((when - datetime(1970, 1, 1)).total_seconds() * 1000)),  # noqa: DTZ001
    ):
        assert trace_in_key(f"day/{text}") is None, text


def test_a_number_that_passes_for_a_card_has_a_way_to_be_a_key() -> None:
    assert trace_in_key("order/4111111111111111") == "the number of a payment card"
    assert trace_in_key("order/n-4111111111111111") is None  # as HR-MEM-007 says
