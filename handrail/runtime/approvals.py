"""How a person decides on an act that waits for an approval.

The digest that is sent is made here, from what the request shows: whoever has changed the request
on its way has a decision about another act, which licenses nothing.
"""

from collections.abc import Mapping
from typing import Any

from handrail.contract.for_task import CALLS_COUNT_MAX, ForTask, free_of
from handrail.contract.json_schema import foreign_misfit
from handrail.errors import AnswerRefused
from handrail.rails.binding import Binding
from handrail.runtime.people import checked
from handrail.wire.human import Request


def approval_of(
    request: Request,
    *,
    arguments: Mapping[str, Any] | None = None,
    reason: str = "",
    for_task: int | None = None,
) -> bytes:
    """Give the decision that approves, with changed arguments if any. Raises AnswerRefused.

    `for_task` is how many further calls like the one that is shown go on without asking.
    """
    if arguments is not None:
        properties: Any = request.schema.get("properties", {})
        beside = {"$defs": request.schema["$defs"]} if "$defs" in request.schema else {}
        problem = foreign_misfit({**properties.get("arguments", {}), **beside}, dict(arguments))
        if problem is not None:
            raise AnswerRefused(detail=f"the changed arguments: {problem}", asked=request.text)
    given = None if for_task is None else _further(request, for_task, changed=arguments is not None)
    return _decision(request, approve=True, arguments=arguments, reason=reason, given=given)


def denial_of(request: Request, reason: str) -> bytes:
    """Give the decision that refuses; the reason is what the handler is told."""
    return _decision(request, approve=False, arguments=None, reason=reason, given=None)


def act_of(request: Request) -> Binding:
    """Give what exactly is to be approved. Raises AnswerRefused for a request that says nothing."""
    try:
        return Binding.of(request.act or {})
    except (KeyError, TypeError, ValueError) as error:
        detail = "the request does not say what is to be approved"
        raise AnswerRefused(detail=detail, asked=request.text) from error


def _further(request: Request, calls: int, *, changed: bool) -> ForTask:
    """Give what an approval for the task lets through, as the request shows it."""
    free = free_of(request.schema)
    if free is None:
        detail = "its agent runs a version that knows no approval for the task"
    elif changed:
        detail = "what was changed is approved once: leave out either the change or --for-task"
    elif not 1 <= calls <= CALLS_COUNT_MAX:
        detail = f"it is for 1 to {CALLS_COUNT_MAX} further calls, not {calls}"
    else:
        return ForTask(calls, free)
    raise AnswerRefused(detail=detail, asked=request.text)


def _decision(
    request: Request,
    *,
    approve: bool,
    arguments: Mapping[str, Any] | None,
    reason: str,
    given: ForTask | None,
) -> bytes:
    value: dict[str, object] = {"approve": approve, "digest": act_of(request).digest}
    if reason:
        value["reason"] = reason
    if arguments is not None:
        value["arguments"] = dict(arguments)
    if given is not None:
        value["for_task"] = given.as_json()
    return checked(request, value)
