"""Whole schedules of faults on a simulated Kafka, and the mistakes that they would find."""

import pytest

from tests.simulation import seeds
from tests.simulation.conftest import SCHEDULES_COUNT
from tests.simulation.plants import PLANTS

PLANTED_COUNT_MAX = 3_000  #: within so many schedules each planted fault is found
SAME_COUNT = 200
HARMS = ("kill", "freeze", "cut off", "no coordinator", "stop", "join", "compact", "lag")
TROUBLES = ("cancel", "fall")
MORE = ("high priority", "little time", "an outcome is lost")


def test_no_schedule_loses_doubles_tears_or_reorders_anything(schedules: seeds.Run) -> None:
    tally = schedules.tally()

    assert not tally.findings, "\n".join(map(str, tally.findings))
    assert tally.schedules_count == SCHEDULES_COUNT
    assert all(tally.befell[one] > SCHEDULES_COUNT / 100 for one in (*HARMS, *TROUBLES, *MORE)), (
        tally
    )


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_mistake_is_found(plant: str) -> None:
    tally = seeds.run(0, PLANTED_COUNT_MAX, processes=1, plant=plant, findings_max=1)

    assert tally.findings, f"no schedule of {PLANTED_COUNT_MAX} has seen that {plant}"


def test_a_seed_goes_the_same_way_in_every_run_whatever_ran_before_it() -> None:
    alone = seeds.run(0, SAME_COUNT, processes=1)
    shared = seeds.run(0, SAME_COUNT, processes=4)

    assert alone.fingerprint == shared.fingerprint
    assert alone.schedules_count == shared.schedules_count == SAME_COUNT


def test_a_seed_gives_the_same_story_in_every_run() -> None:
    first = [seeds.story(seed) for seed in range(5)]
    second = [seeds.story(seed) for seed in range(5)]

    assert first == second
    assert all("nothing is wrong" in story for story in first)


def test_a_story_shows_what_is_wrong() -> None:
    plant = "the offset is committed before its transaction"
    (finding, *_) = seeds.run(0, 10, processes=1, plant=plant).findings

    story = seeds.story(finding.seed, plant)

    assert [f"WRONG: {problem}" in story for problem in finding.problems]
