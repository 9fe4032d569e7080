"""Checks a handler against the topics of its agent, when the agent is declared.

Guarantee: a handler that passes reads what its inbox carries and gives back only what the topics
it writes to carry; a mismatch is told with the names of both and its cure.
"""

# ruff: noqa: ANN401 - an annotation as a value may be anything that Python lets it be.

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from handrail.contract.annotation import annotations_of, members, shown
from handrail.contract.context import Context
from handrail.contract.handoff import Handoff
from handrail.contract.parts import Parts
from handrail.contract.topic import Topic
from handrail.errors.contract import AgentInvalid

_ANYTHING = (Any, object)
_PARAMETER_COUNTS = (1, 2)  #: the message, and perhaps a context


@dataclass(frozen=True, slots=True)
class HandlerShape:
    """What the annotations of a handler say about it."""

    gathers: bool  #: takes `Parts` instead of one message
    wants_context: bool
    fans_out: bool  #: may give back a list
    sends_one: bool  #: may give back a message that is not in a list


def check_handler(
    agent: str,
    handler: Callable[..., Any],
    reads: Topic[Any, Any],
    writes: Sequence[Topic[Any, Any]],
) -> HandlerShape:
    """Check a handler; raises AgentInvalid."""

    def refuse(detail: str, cure: str) -> AgentInvalid:
        return AgentInvalid(agent=agent, detail=detail, cure=cure)

    if not inspect.iscoroutinefunction(handler):
        raise refuse("its handler is not an async function", "write `async def`")
    hints = annotations_of(handler, refuse)
    parameters = list(inspect.signature(handler).parameters.values())
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if len(parameters) not in _PARAMETER_COUNTS or any(
        p.kind not in positional for p in parameters
    ):
        raise refuse(
            "its handler takes other parameters than a message and perhaps a context",
            "write `(message: M)` or `(message: M, ctx: Context)`, or Parts[M] for the message",
        )
    for name in [*(p.name for p in parameters), "return"]:
        if name not in hints:
            what = "does not say what it gives back" if name == "return" else f"leaves {name} open"
            raise refuse(f"its handler {what}", "annotate every parameter and the result")
    wants_context = len(parameters) == max(_PARAMETER_COUNTS)
    if wants_context and hints[parameters[1].name] is not Context:
        raise refuse(
            f"its second parameter is a {shown(hints[parameters[1].name])}",
            f"write `{parameters[1].name}: Context`, from handrail import Context",
        )
    gathers = _check_message(refuse, hints[parameters[0].name], reads)
    if reads.reply is not None:
        _check_answer(refuse, hints["return"], reads)
        return HandlerShape(gathers, wants_context, fans_out=False, sends_one=True)
    _check_result(refuse, hints["return"], writes)
    sent = [one for one in members(hints["return"]) if not _is_nothing(one)]
    lists = [one for one in sent if _is_list(one)]
    return HandlerShape(gathers, wants_context, bool(lists), len(lists) < len(sent))


Refuse = Callable[[str, str], AgentInvalid]


def _check_message(refuse: Refuse, annotation: Any, reads: Topic[Any, Any]) -> bool:
    gathers = (get_origin(annotation) or annotation) is Parts
    arguments = get_args(annotation)
    wanted = members(arguments[0] if arguments else Any) if gathers else members(annotation)
    for model in reads.models.values():
        if not any(_takes(one, model.python_type) for one in wanted):
            carried = " | ".join(shown(c) for c in reads.carries)
            asked = " | ".join(shown(one) for one in wanted)
            raise refuse(
                f"topic {reads.name} carries {carried}, its handler takes {asked}",
                f"write {f'Parts[{carried}]' if gathers else carried} as the type of its first"
                f" parameter, or carries={asked} in the topic",
            )
    return gathers


def _check_result(refuse: Refuse, annotation: Any, writes: Sequence[Topic[Any, Any]]) -> None:
    for outer in members(annotation):
        if _is_nothing(outer):
            continue
        is_list = _is_list(outer)
        arguments = get_args(outer)
        for one in members(arguments[0] if arguments else Any) if is_list else (outer,):
            _check_sent(refuse, one, writes)


def _check_answer(refuse: Refuse, annotation: Any, reads: Topic[Any, Any]) -> None:
    for one in members(annotation):
        if one in _ANYTHING or _takes(reads.replies, one):
            continue
        raise refuse(
            f"it gives back {shown(one)}, and a question on {reads.name} is answered with"
            f" {shown(reads.replies)}",
            f"give back {shown(reads.replies)}, or write replies={shown(one)} in the topic",
        )


def _is_nothing(annotation: Any) -> bool:
    return annotation is None or annotation is type(None)


def _is_list(annotation: Any) -> bool:
    return (get_origin(annotation) or annotation) in (list, tuple, Sequence)


def _check_sent(refuse: Refuse, annotation: Any, writes: Sequence[Topic[Any, Any]]) -> None:
    handed = annotation
    if (get_origin(annotation) or annotation) is Handoff:
        arguments = get_args(annotation)
        handed = arguments[0] if arguments else Any
    for one in members(handed):
        if one in _ANYTHING or any(_carries(topic, one) for topic in writes):
            continue
        if not writes:
            raise refuse(
                f"it gives back {shown(one)} and writes to no topic",
                "name the topic in `writes=` of @agent, or annotate `-> None`",
            )
        names = " and ".join(
            f"{t.name} ({' | '.join(shown(c) for c in t.carries)})" for t in writes
        )
        raise refuse(
            f"it gives back {shown(one)}, which {names} does not carry",
            f"add the topic of {shown(one)} to `writes=` of @agent, or give back what is carried",
        )


def _takes(annotation: Any, carried: Any) -> bool:
    if annotation in _ANYTHING or annotation == carried:
        return True
    if get_origin(annotation) is not None:
        return False
    plain = get_origin(carried) or carried
    return (
        isinstance(annotation, type) and isinstance(plain, type) and issubclass(plain, annotation)
    )


def _carries(topic: Topic[Any, Any], given: Any) -> bool:
    if topic.is_open:
        return True
    return any(_takes(carried, given) for carried in topic.carries)
