"""A header whose name is no text stops nobody on a broker in memory; Kafka has the same tests."""

from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises.ground import Ground
from tests.promises.header_names import (
    test_a_handoff_with_such_a_header_is_refused_for_its_own_task_alone,
    test_ranges_and_tails_give_the_record_with_its_name_escaped,
    test_the_record_is_refused_in_words_and_all_around_it_are_carried_out,
    test_the_registrar_and_the_projection_count_an_event_whatever_its_headers_are_called,
)

__all__ = [
    "test_a_handoff_with_such_a_header_is_refused_for_its_own_task_alone",
    "test_ranges_and_tails_give_the_record_with_its_name_escaped",
    "test_the_record_is_refused_in_words_and_all_around_it_are_carried_out",
    "test_the_registrar_and_the_projection_count_an_event_whatever_its_headers_are_called",
]


@pytest.fixture
def team_of() -> Callable[..., Team]:
    return Team


@pytest.fixture
def ground() -> Ground:
    return Ground.in_memory()
