"""A secret leaves words however it is written, and goes only where a header can hold it."""

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from handrail.contract.cleared import as_read, cleared, cleared_values, cleared_words, unsendable

KEY = "sk-4d1f8e0a"
KEY_WITH_SIGNS = 'k"<&\\\n\xfc/4711'


@pytest.mark.parametrize("end", ["", "\n", "\r\n", " \n", "\t"])
def test_the_white_space_at_the_end_of_a_secret_is_no_part_of_it(end: str) -> None:
    assert as_read(KEY + end) == KEY


@pytest.mark.parametrize("key", ["", f"{KEY}\n", f"a\n{KEY}", f" {KEY}", "a\x00b", "kü", "a\x7fb"])
def test_what_no_header_can_carry_is_named_without_a_part_of_it(key: str) -> None:
    told = unsendable(key)

    assert told is not None
    assert KEY not in told


def test_a_blank_before_a_key_is_told_as_a_blank() -> None:
    assert unsendable(f"  {KEY}") == "begins or ends with a blank, which no HTTP header keeps"
    assert "line break" in str(unsendable(f"\n{KEY}"))
    assert unsendable("  ") == "is empty"


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


@pytest.mark.parametrize("secret", ['p"4711', "p\\\\4711", "p\n4711", "Gr\xfcn#9kq"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_secret_is_found_in_json_that_is_a_text_of_a_value(secret: str, ascii_only: bool) -> None:
    inner = json.dumps({"password": secret, "n": 1}, ensure_ascii=ascii_only)

    told = cleared_values({"content": [{"type": "text", "text": inner}]}, {"psp": secret})

    assert told["content"][0]["text"] == '{"password": "[secret psp]", "n": 1}'


@pytest.mark.parametrize(
    ("secret", "written"),
    [
        ("Gr\xfcn#9kq", r"Gr\u00fcn#9kq"),
        ("Gr\xfcn#9kq", r"Gr\u00FCn#9kq"),
        ("\\u00fcx9kq", r"\\u00fcx9kq"),
        ("a/b+c4711", r"a\/b+c4711"),
        ("a&b=c<4711", r"a\u0026b=c\u003c4711"),
        ("a&b=c4711", r"a\u0026b\u003dc4711"),
    ],
)
def test_a_secret_is_found_as_other_languages_write_json(secret: str, written: str) -> None:
    assert json.loads(f'"{written}"') == secret
    assert cleared(f"key {written}.", {"psp": secret}) == "key [secret psp]."


class Counted(str):
    """A secret that counts how often its forms are made."""

    __slots__ = ()
    times = 0

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Give its bytes, as URL and base64 write them."""
        Counted.times += 1
        return super().encode(encoding, errors)


def test_the_forms_of_secrets_are_made_once_for_all_texts_of_a_value() -> None:
    secret = Counted("made-once-4711")

    for _ in range(2):
        told = cleared_values({"about": secret, "enum": ["a"] * 1_000}, {"psp": secret})

        assert told == {"about": "[secret psp]", "enum": ["a"] * 1_000}
    assert Counted.times == 1


@pytest.mark.parametrize(
    "said",
    [
        "invalid bearer token",
        "Basic authentication is off",
        "BEARER AUTHENTICATION",
        "Bearer token-based authentication",
        'WWW-Authenticate: Bearer resource_metadata="https://a.example/b"',
        "basic authorization/authentication.",
    ],
)
def test_a_word_behind_a_scheme_is_left(said: str) -> None:
    assert cleared_words(said, {"key": KEY}) == said


@pytest.mark.parametrize(
    "token", ["abcdefg1", "dXNlcjpwYXNz", "ghp_abcdefgh", "eyJhbGciOi.eyJzdWIi.sig", "abcdefgh=="]
)
def test_what_looks_like_a_token_behind_a_scheme_is_taken_out(token: str) -> None:
    assert cleared_words(f"a bearer {token}, and so", {}) == "a bearer [secret], and so"


def nested(secret: str, depth: int, *, ascii_only: bool) -> str:
    """A secret in JSON that is a text of JSON, so many times."""
    text = secret
    for _ in range(depth):
        text = json.dumps({"said": text}, ensure_ascii=ascii_only)
    return text


@pytest.mark.parametrize("depth", [1, 2, 3, 5, 8])
@pytest.mark.parametrize(
    "secret", ['p"4711', "p\\4711", "p\n4711", "Gr\xfcn#9kq", '"4711"', "\\4711", "k\U0001f5114711"]
)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_secret_is_found_however_many_levels_of_json_are_around_it(
    secret: str, depth: int, ascii_only: bool
) -> None:
    told = cleared(nested(secret, depth, ascii_only=ascii_only), {"psp": secret})

    assert "4711" not in told
    assert "9kq" not in told
    assert "[secret psp]" in told


@pytest.mark.parametrize(
    "written",
    [
        json.dumps({"url": f"https://a.example/?key={quote(KEY_WITH_SIGNS, safe='')}"}),
        quote(quote(quote(KEY_WITH_SIGNS))),
        quote(json.dumps({"key": KEY_WITH_SIGNS})),
        repr(json.dumps({"key": KEY_WITH_SIGNS})),
        repr(json.dumps({"key": KEY_WITH_SIGNS}).encode()),
        html.escape(html.escape(KEY_WITH_SIGNS)),
        json.dumps({"body": html.escape(json.dumps(KEY_WITH_SIGNS))}),
        ascii({"key": KEY_WITH_SIGNS}),
        base64.b64encode(json.dumps({"key": KEY_WITH_SIGNS}).encode()).decode(),
    ],
)
def test_a_secret_is_found_as_one_writer_writes_what_another_has_written(written: str) -> None:
    told = cleared(f"it says {written} and ends", {"psp": KEY_WITH_SIGNS})

    assert "[secret psp]" in told
    assert "4711" not in told


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("ahead", ["", "u:", "me:"])
@pytest.mark.parametrize("secret", [KEY, KEY_WITH_SIGNS])
def test_a_secret_is_found_in_base64_of_base64_and_in_hex(secret: str, ahead: str) -> None:
    basic = f"Basic {in_base64(f'{ahead}{secret}:')}"
    by_url = base64.urlsafe_b64encode(f"{ahead}{secret}".encode()).decode()
    as_hex = f"{ahead}{json.dumps(secret)}".encode().hex()

    for made in (in_base64(f"{ahead}{basic}"), in_base64(by_url), basic.encode().hex(), as_hex):
        for written in (made, made.upper() if made in (as_hex, basic.encode().hex()) else made):
            assert "[secret psp]" in cleared(f"it says {written} and ends", {"psp": secret})


@pytest.mark.parametrize(
    "hostile", ["\\", '\\"', '"\\', "%25", "%5C", "&amp;", "%26amp%3B", "\\u0026", "p\\", 'p\\"']
)
@pytest.mark.parametrize(
    "secret", ['p"4711', '"4711', "\\4711", '%&<\\"4711', "%25%25&amp;4711", "\\%5c4711"]
)
def test_no_text_takes_so_long_to_clear_that_anybody_waits(secret: str, hostile: str) -> None:
    # Where each place of it is a new beginning that runs to its end, this takes hours.
    text = hostile * 300_000

    assert cleared(text, {"psp": secret}) == text


def of_go(text: str) -> str:
    """Write JSON as Go does."""
    written = json.dumps(text, ensure_ascii=False)
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


WRITERS = (
    lambda text: json.dumps({"a": text}),
    lambda text: json.dumps([text], ensure_ascii=False),
    lambda text: json.dumps(text).replace("/", "\\/"),
    of_go,
    ascii,
    lambda text: repr(text.encode()),
    lambda text: f"?a={quote(text, safe='')}",
    quote_plus,
    html.escape,
)


@given(
    st.text("ab19\"\\/\n\t <>&'%+=?#\xfc\u20ac\U0001f600.-_~:@", min_size=4, max_size=14),
    st.lists(st.sampled_from(WRITERS), max_size=5),
)
@example("~%9+", [quote_plus])
@example("a<b&", [html.escape, of_go])
@example(" a+b", [quote_plus, quote_plus])
@example("pa%25ss", [quote_plus])
@example("pa%25%2525ss", [quote_plus, html.escape, quote_plus])
@example("a&amp;b", [html.escape])
@example("a&amp;amp;b", [html.escape, quote_plus])
@example("a\\%5cb", [])
@example("\\%5cab", [quote_plus, quote_plus])
def test_a_secret_is_found_whoever_has_written_it_in_whatever_order(
    secret: str, writers: list[Callable[[str], str]]
) -> None:
    written = secret
    for writer in writers:
        written = writer(written)

    assert "[secret psp]" in cleared(f"it is {written} and ends", {"psp": secret})
