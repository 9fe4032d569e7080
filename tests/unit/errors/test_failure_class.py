"""Every error says on purpose what trying again can do about it."""

import pytest

from handrail.errors import FailureClass, HandrailError, every_error

FATAL, TRANSIENT = FailureClass.FATAL, FailureClass.TRANSIENT
THROTTLED, OUTAGE = FailureClass.THROTTLED, FailureClass.OUTAGE

#: Trying again helps against nothing in the engine, except against these.
PASSING = {
    "HandrailError": TRANSIENT,
    "BrokerBusy": TRANSIENT,
    "BrokerNeverReady": TRANSIENT,
    "BrokerUnreachable": OUTAGE,
    "CommitDoubtful": TRANSIENT,
    "Conflict": TRANSIENT,
    "ErasureUnfinished": TRANSIENT,
    "Halted": OUTAGE,
    "HandlerCancelled": TRANSIENT,
    "JarsUnreachable": TRANSIENT,
    "LocalBrokerAway": OUTAGE,
    "TopicAway": OUTAGE,
    "KeeperSilent": TRANSIENT,
    "McpServerAway": TRANSIENT,
    "MembershipRefused": TRANSIENT,
    "ModelFailed": TRANSIENT,
    "ModelOverloaded": THROTTLED,
    "ModelStreamCut": TRANSIENT,
    "ModelTimedOut": TRANSIENT,
    "ModelUnreachable": OUTAGE,
    "NeedsMerge": TRANSIENT,
    "ProducerFenced": TRANSIENT,
    "SandboxBroken": TRANSIENT,
    "StaleView": TRANSIENT,
    "StillRunning": TRANSIENT,
    "StoreUnusable": TRANSIENT,
    "VersionNeeded": OUTAGE,
    "WaitingForPerson": TRANSIENT,
}

OURS = [error for error in every_error() if error.__module__.startswith("handrail.")]


def declares(error: type, root: type = HandrailError) -> bool:
    """True when the error, or a family below the root, names the class itself."""
    above = error.__mro__[: error.__mro__.index(root)]
    return error is root or any("failure_class" in vars(cls) for cls in above)


@pytest.mark.parametrize("error", OURS, ids=lambda error: error.__name__)
def test_every_error_says_what_trying_again_can_do(error: type[HandrailError]) -> None:
    assert declares(error), f"give {error.__name__} a `failure_class`, or derive it from a family"
    assert error.failure_class is PASSING.get(error.__name__, FATAL)


def test_the_table_names_no_error_that_is_gone() -> None:
    assert set(PASSING) <= {error.__name__ for error in OURS}


def test_an_error_that_only_inherits_from_the_root_is_found() -> None:
    class Root:
        failure_class = TRANSIENT

    class Careless(Root):
        pass

    assert not declares(Careless, Root)
