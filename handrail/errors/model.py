"""What can go wrong between the engine and a language model."""

from typing import ClassVar

from handrail.errors.root import FailureClass, HandrailError


class ModelNeeded(HandrailError):
    """This call needs a language model, and none is configured.

    Why: {reason}
    Do: export ANTHROPIC_API_KEY=...    Claude answers every kind of call
    export HANDRAIL_MODEL=my_models:MyModel    or a model of your own: one class
    """

    code: ClassVar[str] = "HR-MODEL-001"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class ModelKeyRefused(HandrailError):
    """The key for {model} was refused.

    Why: {reason}
    Do: export ANTHROPIC_API_KEY=...    a key that is valid for this model and not used up
    handrail doctor    says which key and address are in use, never showing the key
    """

    code: ClassVar[str] = "HR-MODEL-002"
    exit_code: ClassVar[int] = 4
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class ModelOverloaded(HandrailError):
    """{model} has no capacity for us now: status {status} after {attempts} attempts.

    Why: {reason}
    Do: wait    the limit of your account or the provider's load passes by itself
    handrail dead list    a handoff that met this can be seen there
    """

    code: ClassVar[str] = "HR-MODEL-003"
    failure_class: ClassVar[FailureClass] = FailureClass.THROTTLED


class ModelStreamCut(HandrailError):
    """The answer of {model} broke off before its end; nothing of it is used.

    Why: {reason}
    Do: handrail dead list    a handoff that met this can be seen there
    handrail doctor    checks the network between here and the provider
    """

    code: ClassVar[str] = "HR-MODEL-004"
    failure_class: ClassVar[FailureClass] = FailureClass.TRANSIENT


class ModelTimedOut(HandrailError):
    """{model} gave no whole answer within {timeout_s} s.

    Why: {reason}
    Do: handrail dead list    a handoff that met this can be seen there
    """

    code: ClassVar[str] = "HR-MODEL-005"
    exit_code: ClassVar[int] = 6
    failure_class: ClassVar[FailureClass] = FailureClass.TRANSIENT


class ModelUnreachable(HandrailError):
    """Cannot reach the provider of {model} at {address}.

    Why: {reason}
    Do: handrail doctor    checks the network between here and the provider
    export ANTHROPIC_BASE_URL=...    when a gateway stands between you and the provider
    """

    code: ClassVar[str] = "HR-MODEL-006"
    failure_class: ClassVar[FailureClass] = FailureClass.OUTAGE


class ModelRequestRefused(HandrailError):
    """The provider of {model} refused the request as wrong: status {status}.

    Why: {reason}
    Do: export HANDRAIL_MODEL=...    when the reason is the model's name
    shorten the prompt or the sources    when the reason is their length
    """

    code: ClassVar[str] = "HR-MODEL-007"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class ModelDeclined(HandrailError):
    """{model} will not answer this.

    Why: {reason}
    Do: read the prompt as a stranger would    and say in it what the answer is for
    """

    code: ClassVar[str] = "HR-MODEL-008"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class ModelNotInstalled(HandrailError):
    """The model {model} is configured, but the code that speaks to it cannot be loaded.

    Why: {reason}
    Do: {cure}
    """

    code: ClassVar[str] = "HR-MODEL-009"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class ModelFailed(HandrailError):
    """The provider of {model} failed on its side: status {status} after {attempts} attempts.

    Why: {reason}
    Do: wait    the provider's own status page says more
    handrail dead list    a handoff that met this can be seen there
    """

    code: ClassVar[str] = "HR-MODEL-010"
    failure_class: ClassVar[FailureClass] = FailureClass.TRANSIENT


class ModelContextFull(HandrailError):
    """What was put before {model} does not fit into its context window: status {status}.

    Why: {reason}
    Do: shorten what is recalled    ctx.recall(..., budget_tokens=...), or tokens_max= of a part
    shorten sources= or the prompt    what is left out of a request costs nothing either
    handrail dead redrive LETTER    once that is changed: the call is made anew
    """

    code: ClassVar[str] = "HR-MODEL-011"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL
