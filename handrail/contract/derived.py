"""What follows from a tool's contract, so that nobody writes it twice: page, what it lacks.

Pure: the same contract gives the same words on any machine.
"""

import json
from typing import Any

from handrail.contract.effect import Effect
from handrail.contract.terms import Reach, ToolTerms
from handrail.contract.tool import Tool

_ACTS = frozenset({Effect.IDEMPOTENT, Effect.QUERYABLE, Effect.UNSAFE})

#: What a complete contract says, and in which words it is asked for.
_WANTED = {
    "effect": "effect=, what a crash in the middle leaves behind",
    "failures": "failures=, the states in which it may fail",
    "owner": "owner=, who answers for it",
    "examples": "examples=, one call with what it gives",
}
_WANTED_OF_ACTS = {
    "reach": "reach=, how far its effect goes",
    "permission": "permission=, the right that it takes",
}


def missing(tool: Tool[..., Any]) -> list[str]:
    """Say what a contract leaves out that people need to judge it; empty for a complete one."""
    terms = tool.terms
    wanted = {**_WANTED, **(_WANTED_OF_ACTS if tool.effect in _ACTS else {})}
    found = [words for name, words in wanted.items() if name not in terms.declared]
    if _is_unsure(tool):
        found.append("gives=, whose words it gives back: until it says so, anybody's (untrusted)")
    if tool.contract.signature.return_annotation is None:
        found.append("-> Model, a result that can be checked")
    if tool.effect is Effect.UNSAFE and not terms.declared & {"approval", "undo"}:
        found.append("approval= or undo=, since it can neither be repeated nor asked about")
    return found


def _is_unsure(tool: Tool[..., Any]) -> bool:
    """Say whether only its developer knows if strangers write what it gives back."""
    house = tool.terms.reach is Reach.TENANT and tool.effect is not Effect.PURE
    return house and "gives" not in tool.terms.declared


def output_schema(tool: Tool[..., Any]) -> dict[str, Any]:
    """Give the JSON schema of its result."""
    return tool.contract.returns.json_schema(mode="serialization")


def retry_in_words(tool: Tool[..., Any]) -> str:
    """Say how often a call is tried, and after what."""
    retry = tool.terms.retry
    if retry is None:
        never = tool.effect is Effect.UNSAFE
        return "no, unless nothing has happened yet" if never else "as its effect allows"
    return f"at most {retry.max} times, after {', '.join(sorted(retry.on))}"


def page(tool: Tool[..., Any]) -> str:
    """Give the page that people read about a tool, in Markdown."""
    terms, gives = tool.terms, tool.gives
    no_failures = "nothing of its own" if "failures" in terms.declared else "not said"
    facts = [
        ("effect", tool.effect.value),
        ("reaches", terms.reach.value),
        (
            "gives",
            "what follows from its arguments" if gives is None else f"{gives.integrity} words",
        ),
        ("time", f"{tool.timeout_s:g} s"),
        ("tried again", retry_in_words(tool)),
        ("approval", approval_in_words(terms)),
        ("permission", terms.permission or "none"),
        ("taken back by", terms.undo or "nothing"),
        ("confined", terms.sandbox.value),
        ("may reach", ", ".join(terms.egress) or "nobody"),
        ("may fail as", ", ".join(sorted(tool.failures)) or no_failures),
        ("owner", terms.owner or "not said"),
        ("version", tool.version),
    ]
    lines = [f"# {tool.name}", "", tool.description, "", "| what | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in facts]
    for name, schema in (("Arguments", tool.args_schema), ("Result", output_schema(tool))):
        lines += ["", f"## {name}", "```json", json.dumps(schema, indent=2, sort_keys=True), "```"]
    if left := missing(tool):
        lines += ["", "## Missing", *(f"- {words}" for words in left)]
    return "\n".join(lines) + "\n"


def approval_in_words(terms: ToolTerms) -> str:
    """Say which calls need an approval, by whom, and how soon."""
    approval = terms.approval
    if approval is None:
        return "none"
    when = "every call" if approval.when is None else f"when {approval.when}"
    free = f", for the task with any {', '.join(approval.free)}" if approval.free else ""
    return f"{when}, by {approval.by}, within {approval.expires_s:g} s{free}"
