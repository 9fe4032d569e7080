"""Who may run beside whom in one process."""

from hypothesis import given
from hypothesis import strategies as st

from handrail.lane.gate import Go, Wait
from handrail.lane.poison import Company
from handrail.lane.turnstile import BARRIER_MS_MIN, FLOW_MS, Turnstile

ANY, IN_TURN, ALONE = Company.ANY, Company.IN_TURN, Company.ALONE


def goes(turnstile: Turnstile, who: str, company: Company, now_ms: int = 0) -> bool:
    return isinstance(turnstile.ask(who, company, now_ms), Go)


def test_suspects_run_one_at_a_time_beside_innocents() -> None:
    turnstile = Turnstile()

    assert goes(turnstile, "a", ANY)
    assert goes(turnstile, "s1", IN_TURN)
    assert not goes(turnstile, "s2", IN_TURN)
    assert goes(turnstile, "b", Company.ON_RECORD)
    turnstile.let_out("s1")
    assert goes(turnstile, "s2", IN_TURN)
    assert turnstile.running_count == 4


def test_who_runs_alone_keeps_all_others_out() -> None:
    turnstile = Turnstile()

    assert goes(turnstile, "s", ALONE)
    assert not goes(turnstile, "a", ANY)
    turnstile.left("s")
    assert goes(turnstile, "a", ANY)


def test_after_its_trial_others_run_beside_it() -> None:
    turnstile = Turnstile()
    turnstile.ask("s", ALONE, 0)

    turnstile.let_out("s")

    assert goes(turnstile, "a", ANY)
    assert not goes(turnstile, "s2", ALONE)


def test_newcomers_are_kept_out_until_it_can_be_alone() -> None:
    turnstile = Turnstile()
    turnstile.ask("a", ANY, 0)

    assert not goes(turnstile, "s", ALONE)
    assert not goes(turnstile, "b", ANY)
    turnstile.left("a")
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

    turnstile.left("s")

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
            turnstile.left(who)
            running.pop(who, None)
        elif what == "let_out" and who in running:
            turnstile.let_out(who)
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
