"""A report says how often each harm was found, out of how many chances, and what that bounds."""

from handrail.chaos.checker.check import check
from handrail.chaos.checker.report import Figure, report
from handrail.chaos.checker.violation import HARMS, Harm, Violation
from tests.unit.chaos.checker.days import busy_day
from tests.unit.chaos.checker.runs import Shop


async def test_a_clean_day_is_reported_with_its_chances_and_its_faults() -> None:
    async with Shop() as shop:
        await busy_day(shop)
        history = shop.history()

    found = report(history, check(history))

    assert found.is_clean
    assert all(figure.count == 0 for figure in found.by_harm.values())
    # In the shop nobody joins or leaves in order.
    assert [harm for harm, figure in found.by_harm.items() if not figure.n] == [Harm.MOVED]
    assert (found.in_doubt.count, found.wasted.count, found.late_acts.count) == (3, 7, 0)
    assert found.faults == {"kill": 14}
    untold = found.by_harm[Harm.UNTOLD]
    assert untold.slowest_s is not None
    assert untold.slowest_s < 1
    assert untold.time_in_words.endswith("s, 10 s may be")
    words = found.in_words()
    assert words[0] == (
        "lost: 0 of 24 acknowledged tasks, which bounds the rate at 3 in 24 (0.12), with 95 %"
        " confidence"
    )
    assert words[-1] == "under faults: 14 kill"


def test_violations_count_by_what_they_mean() -> None:
    doubled = Violation("I5", "twice", means=Harm.DOUBLED)
    others = [Violation("I5", "again"), Violation("I1", "gone"), Violation("I7", "otherwise")]

    assert [one.harm for one in [doubled, *others]] == [
        Harm.DOUBLED,
        Harm.REPEATED,
        Harm.LOST,
        Harm.OTHER,
    ]
    assert set(HARMS.values()) <= set(Harm)


def test_a_figure_with_findings_says_how_many_and_one_without_chances_says_so() -> None:
    assert Figure("lost", 2, 50, "tasks").in_words == "lost: 2 of 50 tasks"
    assert "none" in Figure("lost", 0, 0, "tasks").in_words
