"""What is promised when a task is undone, on a real Kafka; more runs in memory."""

import functools
from collections.abc import Callable

import pytest

from handrail.testing import Team
from tests.promises import undo, undo_again
from tests.promises.step_tools import acts  # noqa: F401 - a fixture
from tests.promises.undo import World, world  # noqa: F401 - a fixture
from tests.promises.undo_again import (  # noqa: F401 - a fixture, and tests of this file
    Outside,
    outside,
    test_an_order_for_a_task_that_has_not_ended_is_refused_in_words_whoever_wrote_it,
    test_of_two_undos_that_race_one_acts_and_the_other_finds_it_done,
    test_what_a_canceled_undo_has_begun_is_asked_for_again_under_the_key_of_the_act,
)
from tests.promises.undo_attempts import (  # noqa: F401 - a test of this file
    test_what_an_earlier_try_may_have_done_is_settled_by_no_refusal_of_a_later_one,
)
from tests.promises.undo_moved import (  # noqa: F401 - a fixture, and tests of this file
    harbour,
    test_an_act_of_which_a_person_says_that_it_happened_is_taken_back_after_a_cancel,
    test_an_act_that_failed_elsewhere_as_one_that_may_have_happened_is_put_to_a_person,
    test_an_act_that_goes_on_elsewhere_after_a_cancel_is_in_doubt_until_it_is_told,
    test_an_act_whose_cancel_came_before_its_handler_went_on_is_taken_back,
)
from tests.promises.undo_rights import (  # noqa: F401 - a test of this file
    test_what_a_stranger_gave_back_is_shown_to_a_person_before_an_undo_acts_on_it,
)
from tests.promises.undo_unsure import (  # noqa: F401 - a fixture, and tests of this file
    Shop,
    shop,
    test_an_act_that_may_have_happened_is_put_to_a_person_when_its_task_is_undone,
    test_it_stands_on_the_ledger_when_its_process_dies_right_after_it,
    test_what_is_known_in_the_end_counts_and_is_undone_once,
)


@pytest.fixture
def team_of(broker: str) -> Callable[..., Team]:
    return functools.partial(Team, on="kafka", broker=broker)


async def test_every_act_is_undone_once_when_the_process_dies_after_the_first(
    team_of: Callable[..., Team],
    world: World,  # noqa: F811 - the fixture
) -> None:
    await undo.test_every_act_is_undone_once_when_the_process_dies_in_between(
        team_of, world, "after_outcome_commit/unbook:1"
    )


async def test_what_a_canceled_undo_has_begun_is_never_repeated_without_a_persons_word(
    team_of: Callable[..., Team],
    outside: Outside,  # noqa: F811 - the fixture
) -> None:
    await undo_again.test_what_a_canceled_undo_has_begun_is_never_repeated_without_a_persons_word(
        team_of, outside, "after_act/unhire"
    )
