"""What the example says about other acts than calls of tools, as the engine asks about them."""

from dataclasses import replace

from handrail.rails import acts
from handrail.rails.policy import Access
from handrail.testing.policy import Case
from handrail.wire.envelope import Envelope


def of(person: str | None, tenant: str = "default") -> Envelope:
    return Envelope(
        id="h-1",
        type="str.v1",
        source="x",
        time_ms=1,
        task_id="t-1",
        tenant=tenant,
        asked_by=person,
    )


def send(person: str | None, topic: str = "drafts", *, agent: str = "writer") -> Access:
    return acts.handoff(of(person), agent, topic)


def remember(
    person: str, right: str, space: str, *, agent: str = "reviewer", tenant: str = "default"
) -> Access:
    return acts.memory(of(person, tenant), agent, right, space, "a key")


def decide(by: str, tool: str = "refund") -> Access:
    return acts.decision(by, tool, agent="clerk", tenant="default", asked_by="ann")


def settle(by: str, reason: str = "attempts", *, discard: bool = False) -> Access:
    return acts.redrive(by, "clerk", "default", reason, discard=discard)


def settle_without(fact: str) -> Access:
    """Give the same for what is poison, as nobody asks: one of its facts is left out."""
    asked = settle("ben", "poison")
    given = {name: value for name, value in asked.context["arguments"].items() if name != fact}
    return replace(asked, context={**asked.context, "arguments": given})


ONLY_THE_REVIEWER, STAYS = "only-the-reviewer-writes-decisions", "what-kills-stays"

ACT_CASES = [
    Case(acts.submission(of("ann"), "intake")),
    Case(acts.submission(of(None), "intake"), "default"),
    Case(acts.submission(of("ann"), "drafts"), "default"),
    Case(acts.submission(of("cleo"), "intake"), "default"),
    Case(send("ann")),
    Case(send("eve", "results", agent="publisher")),
    Case(send("fay"), "default"),
    Case(send(None), "default"),
    Case(remember("ann", "read", "facts")),
    Case(remember("ann", "write", "facts", agent="writer")),
    Case(remember("ann", "write", "decisions")),
    Case(remember("ann", "write", "decisions", agent="writer"), ONLY_THE_REVIEWER),
    Case(remember("fay", "write", "decisions", agent="writer"), ONLY_THE_REVIEWER),
    Case(remember("ann", "read", "decisions", agent="writer")),
    Case(remember("fay", "read", "facts"), "default"),
    Case(remember("fay", "write", "decisions"), "default"),
    Case(remember("ann", "read", "facts", tenant="acme"), "default"),
    Case(decide("fay")),
    Case(decide("fay (role:finance)")),
    Case(decide("fay", "publish_brief")),
    Case(decide("ann", "publish_brief")),
    Case(decide("ann"), "default"),
    Case(decide("ben", "publish_brief"), "default"),
    Case(decide("eve"), "default"),
    Case(settle("ben")),
    Case(settle("ben", "poison"), STAYS, by="nobody"),
    Case(settle("ben", "poison", discard=True)),
    Case(settle_without("discard")),
    Case(settle_without("reason")),
    Case(settle("ann"), "default"),
    Case(settle("fay", "attempts"), "default"),
    Case(settle("fay", "poison"), STAYS),
    Case(settle("fay", discard=True), "default"),
    Case(settle("eve", "poison", discard=True), "default"),
    Case(settle("anonymous"), "default"),
    # What no agent asks for, so that a rule whose action was lost is noticed.
    Case(replace(decide("ann", "publish_brief"), action="dead_letter.redrive"), "default"),
    Case(replace(settle("ben", "poison"), action="handoff.send", kind="Topic")),
]
