"""Whether what follows from a task keeps its priority, and lies on the inbox of that one."""

from collections.abc import Iterator, Mapping, Sequence

from handrail.contract.team import TeamDescription
from handrail.wire.priority import Priority, priority_in, priority_of, without_priority
from tests.simulation.team import Order


class PriorityBook:
    """Takes in what was written to the inboxes of a team."""

    def __init__(self, team: TeamDescription, orders: Sequence[Order]) -> None:
        """Know which orders are urgent, and which topics part what is."""
        self._urgent = {f"task-{order.number}" for order in orders if order.urgent}
        self._parted = {agent.reads.name for agent in team.agents if agent.reads.priorities}

    def take(self, inbox: str, id_: str, headers: Mapping[str, bytes]) -> Iterator[str]:
        """Say what is wrong with one message; the inbox is named without the namespace."""
        task = headers.get("ce_taskid", b"").decode()
        wanted = Priority.HIGH if task in self._urgent else Priority.NORMAL
        if priority_of(headers.get("ce_priority", b"").decode()) is not wanted:
            yield f"{id_} on {inbox} is not of {wanted} priority, as {task} is"
        here = wanted if without_priority(inbox) in self._parted else Priority.NORMAL
        if priority_in(inbox) is not here:
            yield f"{id_} of {task}, of {wanted} priority, lies on {inbox}"
