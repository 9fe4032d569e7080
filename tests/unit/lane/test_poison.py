"""The handoff that kills its process is found, and no innocent one beside it."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.lane.bounds import BUFFERED_COUNT_MAX
from handrail.lane.gate import Go, Wait
from handrail.lane.invocation import Invocation, Why
from handrail.lane.poison import (
    TRIAL_MS_MAX,
    Company,
    EpochEnd,
    Found,
    Presence,
    Standing,
    judge,
)
from handrail.lane.rests import Rests
from handrail.lane.turnstile import Turnstile
from tests.unit.lane.poison_world import (
    WORLD_MS_MAX,
    Partition,
    Work,
    World,
    alone_and_nearly_condemned,
)

RUNNING, ALONE = Presence.RUNNING, Presence.ALONE


class AloneInItsLaneOnly(Turnstile):
    """A planted mistake: who wants to be alone runs beside whatever else runs."""

    def ask(self, who: str, company: Company, now_ms: int) -> Go | Wait:
        return super().ask(who, Company.ANY if company is Company.ALONE else company, now_ms)


def end_of(found: Found) -> EpochEnd:
    return judge(found).end


def test_how_the_last_life_ended_is_read_from_the_journal() -> None:
    mine, other = "p2", "p1"

    assert end_of(Found(process=mine)) is EpochEnd.NONE
    assert end_of(Found(process=mine, epoch=3, owner=other)) is EpochEnd.UNCLEAN
    assert end_of(Found(process=mine, epoch=3, owner=other, released_epoch=3)) is EpochEnd.CLEAN
    assert end_of(Found(process=mine, epoch=3, owner=other, closed_epoch=3)) is EpochEnd.CLEAN
    assert end_of(Found(process=mine, epoch=3, owner=mine, released_epoch=3)) is EpochEnd.CONTINUED


def test_a_released_that_its_process_has_voided_does_not_make_a_death_clean() -> None:
    found = Found(process="p2", epoch=4, owner="p1", released_epoch=3, closed_epoch=2)

    assert end_of(found) is EpochEnd.UNCLEAN


def test_those_that_ran_are_suspects_and_those_that_rested_are_not() -> None:
    accepted = {"ran": Standing(RUNNING), "rested": Standing()}

    judgement = judge(Found(process="p2", epoch=1, owner="p1", accepted=accepted))

    assert judgement.changed == {"ran": Standing(involved_count=1)}
    assert judgement.standings["ran"].company is Company.IN_TURN
    assert judgement.standings["rested"].company is Company.ANY
    assert judgement.on_record_count == BUFFERED_COUNT_MAX


@pytest.mark.parametrize("end", [EpochEnd.CLEAN, EpochEnd.CONTINUED, EpochEnd.NONE])
@pytest.mark.parametrize("presence", list(Presence))
def test_only_an_unclean_end_counts(end: EpochEnd, presence: Presence) -> None:
    after = Standing(presence, 4, 2).after(end)

    assert (after.involved_count, after.lonely_count) == (4, 2)
    assert after.presence is (presence if end is EpochEnd.CONTINUED else Presence.WAITING)


def test_an_opening_that_is_cut_off_counts_nothing_twice() -> None:
    accepted = {"x": Standing(ALONE, 2, 0)}
    first = judge(Found(process="p2", epoch=1, owner="p1", accepted=accepted))

    second = judge(Found(process="p3", epoch=2, owner="p2", accepted=first.standings))

    assert second.standings == {"x": Standing(Presence.WAITING, 3, 1)}
    assert second.changed == {}


def test_what_dies_alone_three_times_is_quarantined() -> None:
    standing, companies = Standing(), list[Company]()
    for epoch in range(1, 10):
        companies.append(standing.company)
        accepted = {"x": standing.started()}
        judgement = judge(
            Found(process=f"p{epoch + 1}", epoch=epoch, owner=f"p{epoch}", accepted=accepted)
        )
        standing = judgement.standings["x"]
        if judgement.quarantined:
            break

    assert companies == [Company.ANY, Company.IN_TURN, *[Company.ALONE] * 3]


def test_a_survived_trial_clears_the_lonely_deaths() -> None:
    assert Standing(ALONE, 3, 2).survived() == Standing(RUNNING, 3, 0)


def test_a_run_that_comes_to_its_rest_is_no_suspect_any_more() -> None:
    assert Standing(ALONE, 3, 2).rested() == Standing(RUNNING, 1, 0).rested() == Standing()


def test_what_only_goes_on_resting_has_shown_nothing() -> None:
    assert Standing(Presence.WAITING, 3, 2).rested() == Standing(Presence.WAITING, 3, 2)


def rest_of(standing: Standing, why: Why) -> Standing:
    invocation = Invocation("x", b"key", 0, 0, None, None)
    invocation.standing = standing
    Rests().begin(invocation, why, None)
    return invocation.standing


@pytest.mark.parametrize("why", Why)
def test_only_what_its_own_code_has_come_to_clears_a_suspect(why: Why) -> None:
    came = why in {Why.SLEEP, Why.ANSWER, Why.PERSON, Why.RETRY}

    rested = rest_of(Standing(ALONE, 3, 2), why)

    assert rested == (Standing() if came else Standing(Presence.WAITING, 3, 2))


@pytest.mark.parametrize("why", [Why.PAUSED, Why.VERSION, Why.PROVIDER])
def test_what_is_held_up_before_its_code_runs_still_comes_to_its_three_lonely_deaths(
    why: Why,
) -> None:
    standing, deaths = Standing(), 0
    while not standing.is_poison and deaths < 9:
        standing = rest_of(standing.started(), why)  # and then it goes on, and kills
        standing = standing.started().after(EpochEnd.UNCLEAN)
        deaths += 1

    assert deaths == 5, "once unseen, once in turn, and three times alone"


def test_trials_grow_to_a_bound() -> None:
    trials_s = [Standing(involved_count=count).trial_ms // 1_000 for count in range(1, 6)]

    assert trials_s == [1, 2, 4, 8, 16]
    assert Standing(involved_count=10_000).trial_ms == TRIAL_MS_MAX


@given(st.sampled_from(Presence), st.integers(0, 99), st.integers(0, 99))
def test_a_standing_survives_the_journal(presence: Presence, involved: int, lonely: int) -> None:
    standing = Standing(presence, involved, lonely)

    assert Standing.of(standing.facts()) == standing
    assert Standing.of({}) == Standing()


def partitions_of(random: Random, poison_ms: int | None) -> list[Partition]:
    partitions = [
        Partition(
            {
                f"{lane}/{number}": Work(f"{lane}/{number}", random.randrange(100, 20_000, 100))
                for number in range(random.randint(0, 6))
            }
        )
        for lane in range(random.randint(1, 4))
    ]
    if poison_ms is not None:
        random.choice(partitions).works["bad"] = Work("bad", WORLD_MS_MAX, kills_at_ms=poison_ms)
    return partitions


def play(
    seed: int, poison_ms: int | None, kills: int, turnstile: type[Turnstile] = Turnstile
) -> World:
    """Run a world to its end, with kills from outside and rebalances at any time."""
    random = Random(seed)
    world = World(random, partitions_of(random, poison_ms), random.randint(1, 3), turnstile)
    while not world.is_over and world.now_ms < WORLD_MS_MAX:
        world.step()
        if random.random() < 0.02:
            old = random.choice(world.processes)
            if old.partitions:
                world.move(random.choice(old.partitions), old, random.choice(world.processes))
        if kills and random.random() < 0.05:
            victim = random.choice(world.processes)
            if not alone_and_nearly_condemned(victim):
                world.kill(victim)
                kills -= 1
    return world


@settings(deadline=None, max_examples=150)
@given(
    seed=st.integers(0, 2**32),
    poison_ms=st.integers(1, 100).map(lambda tenths: tenths * 100),
    kills=st.integers(0, 30),
)
def test_poison_is_quarantined_and_no_innocent_beside_it_ever_is(
    seed: int, poison_ms: int, kills: int
) -> None:
    world = play(seed, poison_ms, kills)

    assert world.is_over
    assert [work.id for work in world.quarantined] == ["bad"]


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32), kills=st.integers(0, 60))
def test_kills_from_outside_quarantine_nobody(seed: int, kills: int) -> None:
    world = play(seed, None, kills)

    assert world.is_over
    assert world.quarantined == []


def test_poison_that_kills_at_once_is_found_by_its_sixth_death_at_the_latest() -> None:
    deaths = [play(seed, 100, kills=0).poison_deaths for seed in range(100)]

    assert max(deaths) <= 6


def test_without_aloneness_in_the_whole_process_innocents_would_die() -> None:
    worlds = [play(seed, 100, 0, AloneInItsLaneOnly) for seed in range(100)]

    assert any(not work.is_poison for world in worlds for work in world.quarantined)


def test_three_kills_from_outside_at_the_same_lonely_one_do_condemn_it() -> None:
    world = World(Random(1), [Partition({"x": Work("x", 20_000)})], 1)
    while not world.is_over:
        world.step()
        world.kill(next(process for process in world.processes if process.partitions))

    assert [work.id for work in world.quarantined] == ["x"]
