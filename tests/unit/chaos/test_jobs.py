"""The jobs of the chaos team follow from the seed, and stay within what a team may have."""

import itertools

from handrail.chaos.jobs import (
    CUT_HOPS,
    ENDS,
    HOPS_MAX,
    HOPS_MIN,
    PARTS_MAX,
    PARTS_MIN,
    TOOLS,
    UNSAFE,
    Mixture,
    planned,
)

MANY = range(400)


def hops_of(body: dict[str, object]) -> int:
    hops = body["hops"]
    assert isinstance(hops, list)
    mids = hops[1:]
    return ENDS + sum(CUT_HOPS if hop["parts"] else 1 for hop in mids)


def test_the_same_seed_and_number_draw_the_same_job() -> None:
    mixture = Mixture(unsafe=0.1)

    assert [planned(7, n, mixture) for n in MANY] == [planned(7, n, mixture) for n in MANY]
    assert planned(7, 1, mixture).body != planned(8, 1, mixture).body


def test_every_job_has_three_to_eight_hops_and_is_never_cut_up_twice_in_a_row() -> None:
    jobs = [planned(1, number, Mixture()) for number in MANY]

    assert {hops_of(dict(job.body)) for job in jobs} == set(range(HOPS_MIN, HOPS_MAX + 1))
    for job in jobs:
        parts = [hop["parts"] for hop in job.body["hops"]]
        assert parts[0] == 0, "where it is opened, there is nothing to be cut up"
        assert all(not (one and after) for one, after in itertools.pairwise(parts))
        assert all(PARTS_MIN <= one <= PARTS_MAX for one in parts if one)
        assert job.parts == sum(parts)


def test_all_effect_classes_are_drawn_and_the_unsafe_one_with_its_share() -> None:
    jobs = [planned(1, number, Mixture(unsafe=0.05, poison=0, person=0)) for number in range(4000)]
    steps = [name for job in jobs for hop in job.body["hops"] for name in hop["steps"]]

    assert set(steps) == {*TOOLS, UNSAFE}
    assert 0.03 < steps.count(UNSAFE) / len(jobs) < 0.07
    assert steps.count(UNSAFE) == sum(job.kind == "unsafe" for job in jobs)


def test_urgent_jobs_are_drawn_with_their_share_and_change_no_step() -> None:
    none = [planned(1, number, Mixture(urgent=0)) for number in MANY]
    some = [planned(1, number, Mixture(urgent=0.3)) for number in MANY]

    assert not any(job.urgent for job in none)
    assert 0.2 < sum(job.urgent for job in some) / len(MANY) < 0.4
    assert [job.body for job in none] == [job.body for job in some]


def test_some_jobs_die_once_at_one_station_that_is_no_part_and_change_no_step() -> None:
    none = [planned(1, number, Mixture(dead=0)) for number in range(2000)]
    some = [planned(1, number, Mixture(dead=0.1, poison=0.1)) for number in range(2000)]

    assert not any(job.dies or any(hop["dies"] for hop in job.body["hops"]) for job in none)
    assert 0.06 < sum(job.dies for job in some) / len(some) < 0.12
    for job in some:
        fated = [hop for hop in job.body["hops"] if hop["dies"]]
        assert len(fated) == job.dies
        assert not any(hop["parts"] for hop in fated)
        assert not (job.dies and job.body["poison"]), "one death is enough to be told from another"
    steps = [[hop["steps"] for hop in job.body["hops"]] for job in none]
    again = [planned(1, number, Mixture(dead=0.1)) for number in range(2000)]
    assert [[hop["steps"] for hop in job.body["hops"]] for job in again] == steps


def test_some_stations_ask_another_agent_and_some_sleep() -> None:
    hops = [hop for n in range(2000) for hop in planned(1, n, Mixture()).body["hops"]]

    assert 0.08 < sum(hop["asks"] for hop in hops) / len(hops) < 0.12
    assert 0.08 < sum(hop["rests_s"] > 0 for hop in hops) / len(hops) < 0.12


def test_poison_and_questions_are_drawn_with_their_shares() -> None:
    none, some = Mixture(poison=0, person=0), Mixture(poison=0.1, person=0.1)

    assert {planned(1, number, none).kind for number in MANY} <= {"ordinary", "unsafe"}
    assert {planned(1, number, some).kind for number in MANY} >= {"poison", "asks"}
