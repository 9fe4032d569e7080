"""An invocation that another version of its agent has begun rests until one such opens the lane.

Guarantee: no recorded step is replayed by code whose version says that it cannot.
"""

from handrail.errors.lane import VersionNeeded
from handrail.lane.invocation import Invocation, Why
from handrail.lane.version import version_needed
from handrail.ledger.event import RestWhy
from handrail.runtime.worker.ending import Suspended
from handrail.runtime.worker.ground import LaneGround
from handrail.wire.envelope import Envelope


def rest_for_version(
    ground: LaneGround, invocation: Invocation, envelope: Envelope
) -> Suspended | None:
    """Give how it rests, or None when this version may carry it on."""
    agent = ground.worker.agent
    records = ground.lane.steps.of(invocation.id).records.values()
    needed = version_needed(records, agent.version)
    if needed is None:
        return None
    error = VersionNeeded(agent=agent.name, needed=needed, ours=agent.version)
    until_ms = envelope.deadline_ms or ground.worker.clock.now_ms()
    event = ground.saying.rested(invocation, envelope, RestWhy.VERSION, until_ms, error)
    return Suspended(envelope, Why.VERSION, None, events=(event,))
