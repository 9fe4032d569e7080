"""Parts hold every part of a fan-out once: as a message, or as missing."""

from handrail import Handoff, Parts, Topic
from handrail.contract.parts import Missing


def test_parts_are_the_messages_in_order_and_know_what_is_missing() -> None:
    parts = Parts(["a", "c"], missing=[Missing(1, "attempts", "handrail.x.dead/0/7")])

    assert list(parts) == ["a", "c"]
    assert parts[0] == "a"
    assert parts[1:] == ("c",)
    assert (len(parts), parts.total, parts.numbers) == (2, 3, (0, 2))
    assert [m.reason for m in parts.missing] == ["attempts"]
    assert bool(Parts([])) is False


def test_missing_parts_are_listed_by_number() -> None:
    parts = Parts[str]([], missing=[Missing(2, "empty"), Missing(0, "late")])

    assert [m.part for m in parts.missing] == [0, 2]


def test_parts_and_handoffs_are_compared_by_what_they_hold() -> None:
    topic = Topic("names", carries=str)

    assert Parts(["a"]) == Parts(["a"]) != Parts(["b"])
    assert hash(Parts(["a"])) == hash(Parts(["a"]))
    assert Parts(["a"]) != ["a"]
    assert Handoff(topic, "a") == Handoff(topic, "a") != Handoff(topic, "b")
    assert Handoff(topic, "a") != "a"
    assert repr(Handoff(topic, "a")) == "Handoff(Topic('names', carries=str.v1), 'a')"
    assert repr(Parts(["a"])) == "Parts(['a'], missing=[])"
