"""Finds in a text what memory must not hold: secrets, and data about persons.

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
_CARD: Final = re.compile(r"(?<![\d.,-])[3-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d{1,7}(?![\d.,-]?\d)")
_CARD_DIGITS: Final = range(13, 20)
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
    if any(_is_card(found.group()) for found in _CARD.finditer(text)):
        return "the number of a payment card"
    return None


def _is_iban(text: str) -> bool:
    plain = text.replace(" ", "")
    turned = plain[4:] + plain[:4]
    digits = "".join(str(int(sign, 36)) for sign in turned)
    return int(digits) % _IBAN_MODULUS == 1


def _is_card(text: str) -> bool:
    digits = [int(sign) for sign in text if sign.isdigit()]
    if len(digits) not in _CARD_DIGITS:
        return False
    doubled = [2 * digit for digit in digits[-2::-2]]
    total = sum(digits[-1::-2]) + sum(n - _NINE if n > _NINE else n for n in doubled)
    return total % _LUHN == 0
