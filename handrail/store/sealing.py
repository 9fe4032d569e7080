"""Seals bytes with a key, so that whoever destroys the key has destroyed every copy of them.

AES-256-GCM with a 96-bit nonce for each value: a random one, or one that follows from the value and
from the occasion on which it is sealed, so that what is done once more gives the same text. Nobody
without the key can tell whether texts of two occasions hold the same. A sealed text is bound to the
place that it was made for: moved elsewhere, or changed by a bit, it does not open. It names its key
by a digest, which tells nothing of the key and stays when that is destroyed.
"""

import base64
import binascii
import hashlib
import hmac
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
#: First in a sealed text; another way of sealing gets another one. The name of the key follows.
FORM: Final = "s2."
FORM_WITHOUT_NAME: Final = "s1."  #: what was sealed so is read, and written no more
NAME_CHARS: Final = 16  #: 64 bits: two keys of one subject never share a name


def key_name(key: bytes) -> str:
    """Name a key, for whoever has to tell it from others and may not know it."""
    return hashlib.sha256(b"name of a key\0" + key).hexdigest()[:NAME_CHARS]


def named_key(text: object) -> str | None:
    """Give the name of the key that a text was sealed with; None when it names none."""
    if not isinstance(text, str) or not text.startswith(FORM):
        return None
    name, dot, _ = text.removeprefix(FORM).partition(".")
    return name if dot and len(name) == NAME_CHARS else None


def seal(key: bytes, plain: bytes, bound_to: str, occasion: str | None = None) -> str:
    """Give a text that only this key opens, and only as what it is bound to.

    On the same occasion the same gives the same text; without one it never does.
    """
    nonce = os.urandom(NONCE_BYTES)
    if occasion is not None:
        nonce = _nonce(key, plain, occasion, bound_to)
    sealed = nonce + AESGCM(key).encrypt(nonce, plain, bound_to.encode())
    return f"{FORM}{key_name(key)}.{base64.urlsafe_b64encode(sealed).decode()}"


def _nonce(key: bytes, plain: bytes, *facts: str) -> bytes:
    # Another value or place has another nonce, as surely as a random one: a nonce that comes twice
    # for two values would open both.
    own_key = hmac.digest(key, b"key of nonces", "sha256")
    parts = [*(one.encode() for one in facts), plain]
    told = b"".join(len(part).to_bytes(8) + part for part in parts)
    return hmac.digest(own_key, told, "sha256")[:NONCE_BYTES]


def unseal(key: bytes, text: str, bound_to: str) -> bytes | None:
    """Give what was sealed; None when this is no such text, or not for this key and place."""
    form = FORM_WITHOUT_NAME if named_key(text) is None else f"{FORM}{key_name(key)}."
    if not text.startswith(form):
        return None
    try:
        sealed = base64.urlsafe_b64decode(text.removeprefix(form))
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to.encode())
    except (binascii.Error, InvalidTag, ValueError):
        return None
