"""What came of a message is followed on every way: handoffs, gathers, answers; acts are told."""

from handrail.ledger.consequences import Aftermath, Consequences
from handrail.ledger.event import Event, PartKind, QuestionAsked, Wrote, WroteKind
from handrail.ledger.happened import Acted
from handrail.ledger.undo_event import ActDone, ActUndone
from tests.unit.ledger.told import TASK, Story


def followed(events: list[Event], *messages: str, handlers: tuple[str, ...] = ()) -> Consequences:
    told = Aftermath()
    for event in events:
        told.hear(event)
    return told.consequences(messages, handlers)


def done(act: str, text: str = "refund(42)", cannot: str = "") -> ActDone:
    return ActDone(
        task_id=TASK,
        tenant="default",
        time_ms=1,
        act=act,
        agent="clerk",
        tool="refund",
        text=text,
        undo="charge",
        arguments="{}",
        result="null",
        cannot=cannot,
    )


def gathered() -> list[Event]:
    s = Story()
    return [
        s.finished("s1", "p0@questions", "p1@questions", opened_fan_out="f1"),
        s.finished("p0", "d0@findings", topic="questions"),
        s.finished("p1", "d1@findings", topic="questions"),
        s.part("d0", 0, 2),
        s.part("d1", 1, 2),
        s.finished("g1", "r1@results/result", topic="findings", gathered="f1"),
    ]


def test_a_part_goes_on_in_its_gather_and_the_other_parts_do_not_come_of_it() -> None:
    found = followed(gathered(), "p0")

    assert found.messages == ("p0", "d0", "g1")
    assert [one.id for one in found.left] == ["r1"]


def test_a_part_that_brought_nothing_is_in_no_gather() -> None:
    s = Story()
    events: list[Event] = [
        s.finished("p0", "m0@findings/marker", topic="questions"),
        s.part("m0", 0, 2, what=PartKind.EMPTY),
        s.finished("g1", "r1@results/result", topic="findings", gathered="f1"),
    ]

    assert followed(events, "p0").messages == ("p0", "m0")


def test_an_answer_goes_on_in_whoever_asked_also_when_it_was_handed_on_first() -> None:
    s = Story()
    question = QuestionAsked(
        **s._lane("planner", "intake"),
        invocation="s1",
        step="1",
        wrote=(Wrote("q1", "ask", WroteKind.QUESTION),),
    )
    events: list[Event] = [
        question,
        s.finished("q1", "h1@further", topic="ask"),
        s.finished("h1", "a1@planner.answers/answer", topic="further"),
        s.finished("s1", "n1@next", "o1@shop/output"),
        s.finished("n1", topic="next"),
    ]

    found = followed(events, "h1")

    assert set(found.messages) == {"h1", "s1", "n1", "q1"}
    assert [one.id for one in found.left] == ["o1"]


def test_of_a_handler_that_has_only_heard_of_it_what_it_handed_on_counts_not_itself() -> None:
    found = followed(gathered(), handlers=("p0",))

    assert found.messages == ("d0", "g1")


def test_acts_are_told_with_their_call_where_they_can_be_undone_and_not_when_they_are() -> None:
    s = Story()
    acted = (Acted("1", "refund"), Acted("2", "mail"), Acted("3", "ring", perhaps=True))
    events: list[Event] = [
        done("s1/0/1"),
        s.finished("s1", acted=acted),
    ]
    undone = ActUndone(
        task_id=TASK, tenant="default", time_ms=2, act="s1/0/1", undo_task="t", by=""
    )

    before, after = followed(events, "s1").acts, followed([*events, undone], "s1").acts

    assert [(one.text, one.undoable, one.perhaps) for one in before] == [
        ("refund(42)", True, False),
        ("mail", False, False),
        ("ring", False, True),
    ]
    assert [one.text for one in after] == ["mail", "ring"]
    assert followed(events, "another").acts == ()


def test_acts_of_what_died_or_has_not_ended_are_told_too() -> None:
    s = Story()

    assert [one.text for one in followed([done("s1/0/1")], "s1").acts] == ["refund(42)"]
    assert [
        one.text for one in followed([s.dead("s1", acted=(Acted("1", "mail"),))], "s1").acts
    ] == ["mail"]
