"""How long a lane waits before it opens anew."""

from handrail.runtime.worker.reopening import ANOTHER_AFTER_S, DELAY_S_MAX, DELAY_S_MIN, Reopening


def test_it_waits_longer_after_each_trouble_up_to_a_bound() -> None:
    reopening = Reopening()

    delays_s = [reopening.delay_s(0.0) for _ in range(8)]

    assert delays_s == sorted(delays_s)
    assert (delays_s[0], delays_s[1], delays_s[-1]) == (DELAY_S_MIN, 2 * DELAY_S_MIN, DELAY_S_MAX)


def test_a_trouble_after_it_has_worked_for_a_while_is_met_at_once() -> None:
    reopening = Reopening()
    for _ in range(8):
        reopening.delay_s(0.0)

    assert reopening.delay_s(ANOTHER_AFTER_S) == DELAY_S_MIN
    assert reopening.delay_s(0.0) == 2 * DELAY_S_MIN
