"""What the ledger says of an error that a handler has raised."""

import pytest

from handrail.runtime.worker.saying import in_full, in_short


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("order"), "KeyError: 'order'"),
        (KeyError(), "KeyError"),
        (ValueError("no such order"), "no such order"),
    ],
)
def test_a_key_that_is_missing_is_told_with_its_kind_since_it_says_its_key_alone(
    error: Exception, said: str
) -> None:
    assert in_short(error) == said
    assert in_full(error) == ("" if said == "KeyError" else said)
