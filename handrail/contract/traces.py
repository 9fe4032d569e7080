"""Finds in a text or a key what memory must not hold: secrets, and data about persons.

Patterns err on the side of letting through: a secret or a number is named only where its form
leaves little doubt, so that nothing true is refused for looking like one.
"""

import re
from typing import Final

_SECRETS: Final = (
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("a key of Amazon Web Services", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("a token of GitHub", re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bgithub_pat_\w{22,}\b")),
    ("a token of Slack", re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}\b")),
    ("a key of a model provider", re.compile(r"\bsk-[A-Za-z0-9_-]{20,}")),
    ("a key of Google", re.compile(r"\bAIza[0-9A-Za-z_-]{35}\b")),
    ("a key of Stripe", re.compile(r"\b[rs]k_live_[0-9A-Za-z]{16,}\b")),
    ("a signed token", re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}")),
    ("a password in an address", re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]+:[^\s/@]+@")),
    (
        "a password",
        re.compile(
            r"(?i)\b(?:password|passwd|passwort|api[_-]?key|secret[_-]?key|access[_-]?token)\b"
            r"[\"']?\s{0,3}(?:[:=]|\bis\b|\bist\b)\s{0,3}[\"']?(?=\S*\d)(?=\S*[A-Za-z])\S{8,}"
        ),
    ),
)
_ADDRESS: Final = re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,5}\.[A-Za-z]{2,24}\b")
_PHONE: Final = re.compile(r"(?<![\w+])\+[1-9]\d{0,2}(?:[ ()/-]{0,2}\d){7,13}(?!\w)")
_IBAN: Final = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_CARD: Final = re.compile(
    r"(?<![\d.,-])[2-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d{2,7}(?![\d.,-]?\d)"
    r"|(?<![\d.,-])3\d{3}[ -]?\d{6}[ -]?\d{4,5}(?![\d.,-]?\d)"
)
#: Who issues cards, by how their numbers begin, and how many digits these have. Numbers of
#: articles, of telephones and of orders are as long and pass the same check one time in ten.
_ISSUERS: Final = (
    (re.compile(r"4"), (16, 19)),
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),
    (re.compile(r"3[47]"), (15,)),
    (re.compile(r"30[0-5]|3[68]"), (14,)),
    (re.compile(r"35(?:2[89]|[3-8])|6011|64[4-9]|65"), (16,)),
    (re.compile(r"62"), (16, 19)),
)
#: What is made by a machine and may hold any digits: UUIDs and digests.
_OPAQUE: Final = re.compile(
    r"(?i)\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b|\b(?=\d*[a-f])[0-9a-f]{24,}\b"
)
#: Country → how many signs its account numbers have; other countries are not looked for.
_IBAN_LENGTHS: Final = {
    one[:2]: int(one[2:])
    for one in (
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28"
        " EE20 EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26"
        " IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30"
        " NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23"
        " TN24 TR26 UA29 VA22 VG24 XK20"
    ).split()
}
_LUHN, _NINE, _IBAN_MODULUS = 10, 9, 97


def secret_in(text: str) -> str | None:
    """Name the kind of the first secret in a text; None when there is none."""
    return next((what for what, pattern in _SECRETS if pattern.search(text)), None)


def person_in(text: str) -> str | None:
    """Name the kind of the first personal data in a text; None when there is none."""
    if _ADDRESS.search(text):
        return "an e-mail address"
    if _PHONE.search(text):
        return "a telephone number"
    if any(_is_iban(found.group()) for found in _IBAN.finditer(text)):
        return "an account number"
    if any(_is_card(found.group()) for found in _CARD.finditer(_OPAQUE.sub("…", text))):
        return "the number of a payment card"
    return None


def trace_in_key(key: str) -> str | None:
    """Name what of a person, or what secret, stands in a key; None when there is none.

    Each part of its path is looked at by itself, so that numbers which only follow one another
    are not taken for one.
    """
    parts = key.split("/")
    found = (secret_in(part) or person_in(part) for part in parts)
    return "an e-mail address" if "@" in key else next(filter(None, found), None)


def _is_iban(text: str) -> bool:
    plain = text.replace(" ", "")
    if len(plain) != _IBAN_LENGTHS.get(plain[:2]):
        return False
    turned = plain[4:] + plain[:4]
    digits = "".join(str(int(sign, 36)) for sign in turned)
    return int(digits) % _IBAN_MODULUS == 1


def _is_card(text: str) -> bool:
    digits = [int(sign) for sign in text if sign.isdigit()]
    number = "".join(map(str, digits))
    if not any(begins.match(number) and len(number) in long for begins, long in _ISSUERS):
        return False
    doubled = [2 * digit for digit in digits[-2::-2]]
    total = sum(digits[-1::-2]) + sum(n - _NINE if n > _NINE else n for n in doubled)
    return total % _LUHN == 0
