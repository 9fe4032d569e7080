"""The real Kafka that the tests of this folder share, one for the whole run."""

from collections.abc import Iterator

import pytest

from handrail.testing.broker import broker_for_tests


@pytest.fixture(scope="session")
def broker() -> Iterator[str]:
    """The bootstrap address of a Kafka that answers; it ends with the run."""
    with broker_for_tests() as bootstrap:
        yield bootstrap
