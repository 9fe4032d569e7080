"""Secrets and personal data are named where their form leaves little doubt, and nothing else is."""

import pytest

from handrail.memory.traces import person_in, secret_in


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
    ],
)
def test_what_is_no_personal_data_passes(text: str) -> None:
    assert person_in(text) is None
