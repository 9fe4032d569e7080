"""Seals bytes with a key, so that whoever destroys the key has destroyed every copy of them.

AES-256-GCM with a random 96-bit nonce for each value. A sealed text is bound to the place that it
was made for: moved elsewhere, or changed by a bit, it does not open.
"""

import base64
import binascii
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
FORM: Final = "s1."  #: first in a sealed text; another way of sealing gets another one


def seal(key: bytes, plain: bytes, bound_to: str) -> str:
    """Give a text that only this key opens, and only as what it is bound to."""
    nonce = os.urandom(NONCE_BYTES)
    sealed = nonce + AESGCM(key).encrypt(nonce, plain, bound_to.encode())
    return FORM + base64.urlsafe_b64encode(sealed).decode()


def unseal(key: bytes, text: str, bound_to: str) -> bytes | None:
    """Give what was sealed; None when this is no such text, or not for this key and place."""
    if not text.startswith(FORM):
        return None
    try:
        sealed = base64.urlsafe_b64decode(text.removeprefix(FORM))
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to.encode())
    except (binascii.Error, InvalidTag, ValueError):
        return None
