"""Says what is told of a tool that has failed, by what its effect may have left behind.

Guarantee: whatever a tool raises, handler, model and people hear of a refusal in one of the closed
states; the words of an error that is none, which may hold anything, stand in the log alone.
"""

from typing import Any, Final

import structlog

from handrail.contract.acted import LEAVES_NO_TRACE, after_act
from handrail.contract.failure import Refused, State
from handrail.contract.tool import Tool
from handrail.lane.failure_class import RaisedElsewhere, ToolBroke, classify

log = structlog.get_logger("handrail.rails")

NAME_CHARS_MAX: Final = 100  #: of the class of an error


def tool_failed_in_words(
    tool: Tool[Any, Any], error: Exception, *, task: str, step: str, trace: str
) -> Exception:
    """Give what is recorded of the error, and told to handler, model and people.

    The same wherever the tool has run, in its sandbox too.
    """
    if isinstance(error, Refused):
        return after_act(error, tool.effect)
    log.warning("tool failed", tool=tool.name, task=task, step=step, trace=trace, exc_info=error)
    harmless = tool.effect in LEAVES_NO_TRACE
    state = State.INTERNAL if harmless else State.OUTCOME_UNKNOWN
    acted = "" if harmless else ", and may have acted before"
    detail = f"{tool.name} failed with {_kind(error)}{acted}; its words are in the log"
    return ToolBroke(state, detail, classify(error))


def _kind(error: Exception) -> str:
    """Name the class of an error, unless a tool has written words in place of a name."""
    kind = error.kind if isinstance(error, RaisedElsewhere) else type(error).__name__
    return kind if kind.isidentifier() and len(kind) <= NAME_CHARS_MAX else "an error"
