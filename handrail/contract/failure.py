"""The closed set of ways in which an act of an agent can fail, in words a person can act on."""

from enum import StrEnum

from handrail.contract.retry_after import bounded_s


class RetryClass(StrEnum):
    """What may be done with a request that failed."""

    NEVER = "never"
    SAME_REQUEST = "same_request"
    WITH_CHANGES = "with_changes"
    AFTER_DELAY = "after_delay"
    AFTER_APPROVAL = "after_approval"
    AFTER_PROBE = "after_probe"


class State(StrEnum):
    """How an act failed; nothing else is ever reported."""

    INVALID_INPUT = "invalid_input"
    PRECONDITION_FAILED = "precondition_failed"
    CONFLICT = "conflict"
    NOT_FOUND = "not_found"
    UNAUTHENTICATED = "unauthenticated"
    DENIED_BY_POLICY = "denied_by_policy"
    TAINTED_INPUT = "tainted_input"
    NEEDS_APPROVAL = "needs_approval"
    APPROVAL_REJECTED = "approval_rejected"
    APPROVAL_EXPIRED = "approval_expired"
    RATE_LIMITED = "rate_limited"
    QUOTA_EXCEEDED = "quota_exceeded"
    BUDGET_EXHAUSTED = "budget_exhausted"
    DEPENDENCY_UNAVAILABLE = "dependency_unavailable"
    TIMEOUT_NO_EFFECT = "timeout_no_effect"
    OUTCOME_UNKNOWN = "outcome_unknown"
    PARTIAL = "partial"
    UNDONE = "undone"
    UNDO_FAILED = "undo_failed"
    OUTPUT_INVALID = "output_invalid"
    SANDBOX_UNAVAILABLE = "sandbox_unavailable"
    CANCELLED = "cancelled"
    INTERNAL = "internal"

    @property
    def retry_class(self) -> RetryClass:
        """What may be done with the request now."""
        return _FACTS[self][0]

    @property
    def headline(self) -> str:
        """The state in a few words."""
        return _FACTS[self][1]

    @property
    def remedy(self) -> str:
        """What to do about it, when nobody says anything better."""
        return _FACTS[self][2]


_FACTS: dict[State, tuple[RetryClass, str, str]] = {
    State.INVALID_INPUT: (
        RetryClass.WITH_CHANGES,
        "The input is not valid",
        "Correct the arguments that are named and call again.",
    ),
    State.PRECONDITION_FAILED: (
        RetryClass.WITH_CHANGES,
        "Something that must come first is missing",
        "Do what is named first, then call again.",
    ),
    State.CONFLICT: (
        RetryClass.WITH_CHANGES,
        "Somebody else changed it meanwhile",
        "Read the present state, decide again and call again.",
    ),
    State.NOT_FOUND: (
        RetryClass.WITH_CHANGES,
        "There is no such thing",
        "Check the name or the number that was asked for.",
    ),
    State.UNAUTHENTICATED: (
        RetryClass.NEVER,
        "The other side does not accept our credentials",
        "Let an operator renew the secret of this tool.",
    ),
    State.DENIED_BY_POLICY: (
        RetryClass.NEVER,
        "A policy forbids it",
        "Ask the owner of the policy that is named.",
    ),
    State.TAINTED_INPUT: (
        RetryClass.AFTER_APPROVAL,
        "The arguments come from a source that is not trusted",
        "Let a person look at the arguments and approve them.",
    ),
    State.NEEDS_APPROVAL: (
        RetryClass.AFTER_APPROVAL,
        "A person has to approve it first",
        "Wait for the decision.",
    ),
    State.APPROVAL_REJECTED: (
        RetryClass.NEVER,
        "A person rejected it",
        "Go on without it; the reason given says why.",
    ),
    State.APPROVAL_EXPIRED: (
        RetryClass.AFTER_APPROVAL,
        "Nobody decided in time",
        "Ask again if it is still wanted.",
    ),
    State.RATE_LIMITED: (
        RetryClass.AFTER_DELAY,
        "Too many requests in a short time",
        "Call again after the time that is named.",
    ),
    State.QUOTA_EXCEEDED: (
        RetryClass.AFTER_DELAY,
        "The quota for this period is used up",
        "Wait for the next period, or have the quota raised.",
    ),
    State.BUDGET_EXHAUSTED: (
        RetryClass.AFTER_APPROVAL,
        "The budget of the task is used up",
        "Let a person raise the budget.",
    ),
    State.DEPENDENCY_UNAVAILABLE: (
        RetryClass.SAME_REQUEST,
        "The other side cannot be reached",
        "The same request may be sent again later.",
    ),
    State.TIMEOUT_NO_EFFECT: (
        RetryClass.SAME_REQUEST,
        "It took too long, and nothing happened",
        "The same request may be sent again.",
    ),
    State.OUTCOME_UNKNOWN: (
        RetryClass.AFTER_PROBE,
        "Nobody can know yet whether it happened",
        "Find out at the other side first; never send it again blindly.",
    ),
    State.PARTIAL: (
        RetryClass.AFTER_PROBE,
        "Only a part of it happened",
        "Look at what is named as done, then do only the rest.",
    ),
    State.UNDONE: (
        RetryClass.NEVER,
        "It happened and was undone again",
        "Nothing is left to do.",
    ),
    State.UNDO_FAILED: (
        RetryClass.NEVER,
        "It happened and could not be undone",
        "A person has to put right what is listed.",
    ),
    State.OUTPUT_INVALID: (
        RetryClass.SAME_REQUEST,
        "The answer is not what was promised",
        "Ask again; if it stays so, let the owner correct the tool or the model's instructions.",
    ),
    State.SANDBOX_UNAVAILABLE: (
        RetryClass.NEVER,
        "This machine cannot confine the tool as it requires",
        "Run the agent where the sandbox level that is named holds.",
    ),
    State.CANCELLED: (
        RetryClass.NEVER,
        "The task was cancelled",
        "Nothing is left to do.",
    ),
    State.INTERNAL: (
        RetryClass.NEVER,
        "The engine or the tool has a defect",
        "Let an operator look at the log under the trace that is named.",
    ),
}


class Refused(Exception):
    """An act did not take place as asked, or its outcome is not known; `state` says which.

    A handler may catch it and go on. Uncaught, the handoff fails. Title, remedy and what may be
    done with the request are those of the state unless the one who refuses knows better. A tool
    raises it to fail in declared words.
    """

    def __init__(
        self,
        state: State,
        detail: str = "",
        *,
        title: str | None = None,
        remedy: str | None = None,
        retry_after_s: float | None = None,
        retry: RetryClass | None = None,
    ) -> None:
        """Refuse in one of the 23 states; `detail` says what happened this time.

        `retry_after_s` may be what somebody else has said: more than anybody waits is cut, and
        what is no time to wait is left out.
        """
        self.state = State(state)
        self.title = title or self.state.headline
        self.detail = detail or self.title
        self.remedy = remedy or self.state.remedy
        self.retry_after_s = bounded_s(retry_after_s)
        self.retry = RetryClass(retry or self.state.retry_class)
        super().__init__(state, detail)

    def __str__(self) -> str:
        """Everything on one line."""
        return f"{self.state}: {self.detail.rstrip('.')}. {self.remedy}"
