"""With what Claude is asked: the key of the settings, else what the variables of the SDK hold."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from handrail.contract.cleared import as_read

KEY, TOKEN = "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"


@dataclass(frozen=True, slots=True)
class Credential:
    """A key or a token, without the white space at its end; at most one of the two."""

    api_key: str | None = field(default=None, repr=False)
    auth_token: str | None = field(default=None, repr=False)

    @property
    def secrets(self) -> dict[str, str]:
        """What nobody may read, by the variable that holds it."""
        held = {KEY: self.api_key, TOKEN: self.auth_token}
        return {name: value for name, value in held.items() if value}


def credential(api_key: str | None, environment: Mapping[str, str] = os.environ) -> Credential:
    """Give what is meant; none where another way of the SDK, such as a profile, is to be used.

    anthropic 2.12 reads the same variables in the same order, and sends them as they stand.
    """
    if key := as_read(api_key or environment.get(KEY, "")):
        return Credential(api_key=key)
    return Credential(auth_token=as_read(environment.get(TOKEN, "")) or None)
