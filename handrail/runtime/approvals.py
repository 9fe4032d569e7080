"""How a person decides on an act that waits for an approval.

The digest that is sent is made here, from what the request shows: whoever has changed the request
on its way has a decision about another act, which licenses nothing.
"""

from collections.abc import Mapping
from typing import Any

from handrail.contract.json_schema import misfit
from handrail.errors import AnswerRefused
from handrail.rails.binding import Binding
from handrail.runtime.people import checked
from handrail.wire.human import Request


def approval_of(
    request: Request, *, arguments: Mapping[str, Any] | None = None, reason: str = ""
) -> bytes:
    """Give the decision that approves, with changed arguments if any. Raises AnswerRefused."""
    if arguments is not None:
        properties: Any = request.schema.get("properties", {})
        form = {**properties.get("arguments", {}), "$defs": request.schema.get("$defs", {})}
        problem = misfit(form, (), dict(arguments))
        if problem is not None:
            raise AnswerRefused(detail=f"the changed arguments: {problem}", asked=request.text)
    return _decision(request, approve=True, arguments=arguments, reason=reason)


def denial_of(request: Request, reason: str) -> bytes:
    """Give the decision that refuses; the reason is what the handler is told."""
    return _decision(request, approve=False, arguments=None, reason=reason)


def act_of(request: Request) -> Binding:
    """Give what exactly is to be approved. Raises AnswerRefused for a request that says nothing."""
    try:
        return Binding.of(request.act or {})
    except (KeyError, TypeError, ValueError) as error:
        detail = "the request does not say what is to be approved"
        raise AnswerRefused(detail=detail, asked=request.text) from error


def _decision(
    request: Request, *, approve: bool, arguments: Mapping[str, Any] | None, reason: str
) -> bytes:
    value: dict[str, object] = {"approve": approve, "digest": act_of(request).digest}
    if reason:
        value["reason"] = reason
    if arguments is not None:
        value["arguments"] = dict(arguments)
    return checked(request, value)
