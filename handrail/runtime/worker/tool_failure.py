"""Says what is told of a tool that has failed, by what its effect may have left behind."""

from typing import Any

from handrail.contract.acted import after_act
from handrail.contract.failure import Refused
from handrail.contract.tool import Tool


def tool_failed_in_words(tool: Tool[Any, Any], error: Exception) -> Exception:
    """Give what is recorded of the error, and told to handler, model and people."""
    return after_act(error, tool.effect) if isinstance(error, Refused) else error
