"""The tree of one task: which handoff came of which, who carried it out, and how it ended.

Built from the task's events alone. A gather hangs under the invocation that opened its fan-out,
beside the parts that it was made of.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from handrail.ledger.event import (
    OPEN_KINDS,
    Accepted,
    DeadLettered,
    Dropped,
    DropReason,
    Event,
    Finished,
    MarkerPassed,
    PartGathered,
    PartKind,
    QuestionAsked,
    Redriven,
    Rejected,
    Submitted,
    Wrote,
)
from handrail.ledger.happened import AtLane


class NodeState(StrEnum):
    """Where a handoff stands."""

    OPEN = "open"  #: nobody has ended it yet
    FINISHED = "finished"
    DEAD = "dead"
    GATHERED = "gathered"  #: it has become a part of a gather
    PASSED = "passed"  #: a marker that went through
    DROPPED = "dropped"
    WRITTEN = "written"  #: to a topic that no agent reads, `results` among them


@dataclass(slots=True)
class Node:
    """One handoff of a task with what came of it, in the order in which it was written."""

    id: str
    topic: str
    kind: str  #: submission, gather, or the word of its `Wrote`
    state: NodeState = NodeState.OPEN
    agent: str = ""
    process: str = ""
    started_ms: int | None = None
    ended_ms: int | None = None
    waited_ms: int | None = None
    words: str = ""  #: why it died, was refused or is lost
    children: list["Node"] = field(default_factory=list["Node"])


class _Tree:
    """Grows by events; a node is made by whoever first names it."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.parents: dict[str, str] = {}
        self.openers: dict[str, str] = {}  #: fan-out → the invocation that opened it

    def node(self, identity: str, topic: str, kind: str) -> Node:
        return self.nodes.setdefault(identity, Node(identity, topic, kind))

    def wrote(self, parent: str, records: Iterable[Wrote]) -> None:
        for record in records:
            child = self.node(record.id, record.topic, record.kind.value)
            if record.kind not in OPEN_KINDS:
                child.state = NodeState.WRITTEN
            self.hang(child, parent)

    def hang(self, child: Node, parent: str) -> None:
        if child.id in self.parents or child.id == parent or parent not in self.nodes:
            return
        self.parents[child.id] = parent
        self.nodes[parent].children.append(child)

    def ended(self, identity: str, event: AtLane, state: NodeState, words: str = "") -> Node:
        node = self.node(identity, event.topic, "handoff")
        node.state, node.agent, node.process = state, event.agent, event.process
        node.ended_ms, node.words = event.time_ms, words
        return node


def lineage(events: Iterable[Event]) -> list[Node]:
    """Give the roots of a task's tree: its submissions, and whatever has lost its beginning."""
    tree = _Tree()
    for event in events:
        _grow(tree, event)
    return [node for node in tree.nodes.values() if node.id not in tree.parents]


def _grow(tree: _Tree, event: Event) -> None:
    match event:
        case Submitted():
            tree.node(event.ce_id, event.topic, "submission")
        case Accepted():
            node = tree.node(event.ce_id, event.topic, "submission")
            node.agent, node.process = event.agent, event.process
        case Rejected():
            words = f"{event.reason}: {event.sentence}"
            tree.node(event.ce_id, event.topic, "submission")
            tree.ended(event.ce_id, event, NodeState.DEAD, words)
        case Finished() | DeadLettered():
            _ended_invocation(tree, event)
        case PartGathered():
            _gathered(tree, event)
        case MarkerPassed():
            tree.ended(event.ce_id, event, NodeState.PASSED)
            tree.wrote(event.ce_id, event.wrote)
        case Dropped(reason=DropReason.REPEAT):
            pass
        case Dropped():
            tree.ended(event.ce_id, event, NodeState.DROPPED, event.reason.value)
            tree.wrote(event.ce_id, event.wrote)
        case QuestionAsked():
            tree.node(event.invocation, event.topic, "handoff")
            tree.wrote(event.invocation, event.wrote)
        case Redriven():
            node = tree.node(event.invocation, event.topic, "handoff")
            node.state, node.ended_ms = NodeState.OPEN, None
        case _:
            pass  # what people do is told beside the tree


def _ended_invocation(tree: _Tree, event: Finished | DeadLettered) -> None:
    state, words = NodeState.FINISHED, ""
    if isinstance(event, DeadLettered):
        state, words = NodeState.DEAD, f"{event.reason}: {event.sentence}"
    node = tree.ended(event.invocation, event, state, words)
    node.started_ms, node.waited_ms = event.started_ms, event.waited_ms
    if isinstance(event, Finished) and event.opened_fan_out is not None:
        tree.openers[event.opened_fan_out] = event.invocation
    tree.wrote(event.invocation, event.wrote)


def _gathered(tree: _Tree, event: PartGathered) -> None:
    words = event.sentence if event.what is PartKind.LOST else ""
    tree.ended(event.ce_id, event, NodeState.GATHERED, words)
    gather = tree.node(event.gather, event.topic, "gather")
    opener = tree.openers.get(event.fan_out)
    if opener is not None:
        tree.hang(gather, opener)
