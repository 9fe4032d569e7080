"""Who may run beside whom in one process."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from handrail.lane.gate import Go, Wait
from handrail.lane.poison import Company
from handrail.lane.turnstile import ASK_AGAIN_MS, BARRIER_MS_MIN, FLOW_MS, Turnstile

ANY, IN_TURN, ALONE = Company.ANY, Company.IN_TURN, Company.ALONE


def goes(turnstile: Turnstile, who: str, company: Company, now_ms: int = 0) -> bool:
    return isinstance(turnstile.ask(who, company, now_ms), Go)


def test_suspects_run_one_at_a_time_beside_innocents() -> None:
    turnstile = Turnstile()

    assert goes(turnstile, "a", ANY)
    assert goes(turnstile, "s1", IN_TURN)
    assert not goes(turnstile, "s2", IN_TURN)
    assert goes(turnstile, "b", Company.ON_RECORD)
    turnstile.let_out("s1", 0)
    assert goes(turnstile, "s2", IN_TURN)
    assert turnstile.running_count == 4


def test_who_runs_alone_keeps_all_others_out() -> None:
    turnstile = Turnstile()

    assert goes(turnstile, "s", ALONE)
    assert not goes(turnstile, "a", ANY)
    turnstile.left("s", 0)
    assert goes(turnstile, "a", ANY)


def test_after_its_trial_others_run_beside_it() -> None:
    turnstile = Turnstile()
    turnstile.ask("s", ALONE, 0)

    turnstile.let_out("s", 0)

    assert goes(turnstile, "a", ANY)
    assert not goes(turnstile, "s2", ALONE)


def test_newcomers_are_kept_out_until_it_can_be_alone() -> None:
    turnstile = Turnstile()
    turnstile.ask("a", ANY, 0)

    assert not goes(turnstile, "s", ALONE)
    assert not goes(turnstile, "b", ANY)
    turnstile.left("a", 0)
    assert not goes(turnstile, "b", ANY)
    assert goes(turnstile, "s", ALONE)


def test_a_long_step_does_not_stop_the_process_for_its_sake() -> None:
    turnstile = Turnstile()
    turnstile.ask("long", ANY, 0)
    turnstile.ask("s", ALONE, 0)

    assert not goes(turnstile, "a", ANY, BARRIER_MS_MIN - 1)
    assert goes(turnstile, "a", ANY, BARRIER_MS_MIN)
    assert not goes(turnstile, "s", ALONE, BARRIER_MS_MIN + 1)
    assert goes(turnstile, "b", ANY, BARRIER_MS_MIN + 2)

    again_ms = BARRIER_MS_MIN + FLOW_MS
    assert not goes(turnstile, "s", ALONE, again_ms)
    assert not goes(turnstile, "c", ANY, again_ms + 2 * BARRIER_MS_MIN - 1)
    assert goes(turnstile, "c", ANY, again_ms + 2 * BARRIER_MS_MIN)


def test_one_that_gives_up_waiting_lets_the_others_in() -> None:
    turnstile = Turnstile()
    turnstile.ask("a", ANY, 0)
    turnstile.ask("s", ALONE, 0)

    turnstile.left("s", 0)

    assert goes(turnstile, "b", ANY)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 9),
            st.sampled_from(Company),
            st.sampled_from(["ask", "left", "let_out"]),
            st.integers(0, 40_000),
        ),
        max_size=200,
    )
)
def test_nobody_ever_runs_beside_one_that_is_alone_and_suspects_never_run_together(
    events: list[tuple[int, Company, str, int]],
) -> None:
    turnstile, now_ms = Turnstile(), 0
    running: dict[str, Company] = {}
    for number, company, what, gap_ms in events:
        who, now_ms = str(number), now_ms + gap_ms
        if what == "left":
            turnstile.left(who, now_ms)
            running.pop(who, None)
        elif what == "let_out" and who in running:
            turnstile.let_out(who, now_ms)
            running[who] = ANY
        elif what == "ask" and who not in running:
            gate = turnstile.ask(who, company, now_ms)
            if isinstance(gate, Go):
                running[who] = company
            else:
                assert isinstance(gate, Wait)
                assert gate.until_ms > now_ms

        assert turnstile.running_count == len(running)
        assert ALONE not in running.values() or len(running) == 1
        assert list(running.values()).count(IN_TURN) <= 1


def flow(lonely_count: int, handler_ms: int, trial_ms: int, until_ms: int) -> tuple[list[int], int]:
    """Let suspects that run long ask beside innocents that come and go, one at a time.

    Gives when each of those began, and the last suspect. All ask again every 100 ms, the suspects
    first, which is the worst order.
    """
    turnstile, began, last_ms = Turnstile(), list[int](), 0
    waiting = [f"s{number}" for number in range(lonely_count)]
    started: dict[str, int] = {}
    innocent = "a0"
    for now_ms in range(0, until_ms, 100):
        for who, at_ms in list(started.items()):
            if who[0] == "s" and now_ms == at_ms + trial_ms:
                turnstile.let_out(who, now_ms)
            if now_ms >= at_ms + (handler_ms if who[0] == "s" else 100):
                turnstile.left(who, now_ms)
                del started[who]
        for who in list(waiting):
            if goes(turnstile, who, ALONE, now_ms):
                waiting.remove(who)
                started[who] = last_ms = now_ms
        if innocent not in started and goes(turnstile, innocent, ANY, now_ms):
            began.append(now_ms)
            started[innocent] = now_ms
            innocent = f"a{len(began)}"
    assert not waiting, "every suspect has had its trial"
    return began, last_ms


def test_beside_many_that_want_to_be_alone_the_others_get_half_of_the_time() -> None:
    began, last_ms = flow(lonely_count=20, handler_ms=5_000, trial_ms=2_000, until_ms=400_000)

    under_trial = [at_ms for at_ms in began if at_ms < last_ms]
    assert len(under_trial) >= 0.4 * last_ms / 100, "each innocent takes 100 ms"
    assert max(later - one for one, later in itertools.pairwise(began)) <= 10_000
    assert [at_ms for at_ms in began if at_ms >= last_ms + 5_000][:2], "work flows afterwards"


def test_without_anybody_to_be_kept_out_suspects_follow_one_another_at_once() -> None:
    turnstile = Turnstile()

    for number in range(10):
        assert goes(turnstile, f"s{number}", ALONE, number)
        turnstile.left(f"s{number}", number)


def test_time_is_owed_for_how_long_somebody_was_kept_out_not_for_how_long_nobody_asked() -> None:
    turnstile = Turnstile()
    assert goes(turnstile, "s1", ALONE, 0)
    assert not goes(turnstile, "a", ANY, 1_000)
    turnstile.left("s1", 2_000)
    assert goes(turnstile, "a", ANY, 2_000)

    assert not goes(turnstile, "s2", ALONE, 3_999), "as long as it was held up"
    assert not goes(turnstile, "s2", ALONE, 4_000), "and then until it can be alone"
    turnstile.left("a", 4_100)
    turnstile.left("s2", 4_100)

    hour_ms = 3_600_000
    assert goes(turnstile, "s3", ALONE, hour_ms)


def test_an_hour_alone_is_owed_to_nobody_once_nothing_runs() -> None:
    turnstile, hour_ms = Turnstile(), 3_600_000
    assert goes(turnstile, "s1", ALONE, 0)
    assert not goes(turnstile, "a", ANY, 1_000)
    turnstile.left("s1", hour_ms)
    turnstile.left("a", hour_ms)

    assert not goes(turnstile, "s2", ALONE, hour_ms), "whoever was kept out may ask first"
    assert goes(turnstile, "s2", ALONE, hour_ms + ASK_AGAIN_MS + 1)


def test_a_barrier_that_was_in_vain_ended_at_its_time_and_not_when_somebody_asked() -> None:
    turnstile, hour_ms = Turnstile(), 3_600_000
    assert goes(turnstile, "long", ANY, 0)
    assert not goes(turnstile, "s", ALONE, 0)
    assert not goes(turnstile, "a", ANY, 1)

    assert goes(turnstile, "a", ANY, hour_ms)
    turnstile.left("a", hour_ms)
    turnstile.left("long", hour_ms)
    assert goes(turnstile, "s", ALONE, hour_ms)
