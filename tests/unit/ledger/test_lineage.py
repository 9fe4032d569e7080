"""The tree of a task shows what came of what, and how each handoff ended."""

from handrail.ledger.event import Event, PartKind
from handrail.ledger.lineage import Node, NodeState, lineage
from tests.unit.ledger.told import Story


def drawn(nodes: list[Node], depth: int = 0) -> list[str]:
    lines: list[str] = []
    for node in nodes:
        lines.append(f"{'  ' * depth}{node.id} {node.kind} {node.state}")
        lines += drawn(node.children, depth + 1)
    return lines


def research() -> list[Event]:
    s = Story()
    return [
        s.submitted(),
        s.accepted(),
        s.finished("s1", "p0@questions", "p1@questions", opened_fan_out="f1"),
        s.dead("p1", "m1@findings/marker", topic="questions", agent="researcher", absorbed=True),
        s.finished("p0", "d0@findings", topic="questions", agent="researcher", waited_ms=7),
        s.part("d0", 0, 2),
        s.part("m1", 1, 2, what=PartKind.LOST, sentence="It raised."),
        s.finished("g1", "r1@results/result", topic="findings", agent="writer", gathered="f1"),
    ]


def test_a_gather_hangs_under_the_invocation_that_opened_its_fan_out() -> None:
    assert drawn(lineage(research())) == [
        "s1 submission finished",
        "  p0 handoff finished",
        "    d0 handoff gathered",
        "  p1 handoff dead",
        "    m1 marker gathered",
        "  g1 gather finished",
        "    r1 result written",
    ]


def test_each_node_says_who_did_it_how_long_it_took_and_why_it_died() -> None:
    (root,) = lineage(research())

    p0, p1, _ = root.children
    assert (p0.agent, p0.waited_ms, p0.words) == ("researcher", 7, "")
    assert p0.started_ms is not None
    assert p0.ended_ms is not None
    assert p1.words == "attempts: It raised."
    assert p1.children[0].words == "It raised."


def test_what_nobody_has_ended_yet_is_open() -> None:
    assert drawn(lineage(research()[:3])) == [
        "s1 submission finished",
        "  p0 handoff open",
        "  p1 handoff open",
    ]


def test_a_redriven_handoff_is_open_again() -> None:
    s = Story()

    (root,) = lineage([s.accepted(), s.dead(), s.redriven("s1")])

    assert (root.state, root.ended_ms) == (NodeState.OPEN, None)


def test_a_task_whose_beginning_is_gone_has_the_rest_as_roots() -> None:
    s = Story()

    roots = lineage([s.finished("h1", "h2@q", topic="q"), s.finished("x1", topic="q")])

    assert [root.id for root in roots] == ["h1", "x1"]


def test_a_record_that_names_itself_as_its_own_child_is_drawn_once() -> None:
    s = Story()

    assert drawn(lineage([s.finished("h1", "h1@q")])) == ["h1 handoff finished"]
