"""What follows from a tool's contract, so that nobody writes it twice: page, what it lacks.

Pure: the same contract gives the same words on any machine.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from handrail.contract.canonical import plain
from handrail.contract.confinement import Level
from handrail.contract.effect import Effect
from handrail.contract.terms import Example, Reach, ToolTerms
from handrail.contract.tool import Tool

_ACTS = frozenset({Effect.IDEMPOTENT, Effect.QUERYABLE, Effect.UNSAFE})

#: Words of a schema of which one at least stands in whatever can be checked.
_SPEAKING = frozenset({"type", "enum", "const", "$ref", "oneOf", "allOf"})

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
    found = [words for name, words in wanted.items() if not _is_said(terms, name)]
    if _is_unsure(tool):
        found.append("gives=, whose words it gives back: until it says so, anybody's (untrusted)")
    if _says_nothing(output_schema(tool)):
        found.append("-> Model, a result that can be checked")
    if _is_unheld(terms):
        found.append("sandbox=, without which nothing holds its egress=")
    if tool.effect is Effect.UNSAFE and not terms.declared & {"approval", "undo"}:
        found.append("approval= or undo=, since it can neither be repeated nor asked about")
    return found


def _is_said(terms: ToolTerms, name: str) -> bool:
    """Say whether a term is declared; examples that only fail show nobody what it gives."""
    shown = name != "examples" or any(one.fails is None for one in terms.examples)
    return name in terms.declared and shown


def _is_unheld(terms: ToolTerms) -> bool:
    """Say whether a list of whom it may reach is a wish: a body that is not confined goes on."""
    return bool(terms.egress) and terms.sandbox is Level.NONE


def _says_nothing(schema: Mapping[str, Any]) -> bool:
    """Say whether a schema, or a part of which it consists, takes whatever comes, or nothing."""
    kinds = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if "anyOf" in schema:
        return not kinds or any(_says_nothing(one) for one in kinds)
    if schema.get("type") == "array":
        each = schema.get("prefixItems") or [schema.get("items", {})]
        return any(_says_nothing(one) for one in each)
    if schema.get("type") == "object" and "properties" not in schema:
        # A dict whose keys have a pattern; pydantic lets no other key in, and does not say so.
        named = [*schema.get("patternProperties", {}).values()]
        if any(_says_nothing(one) for one in named):
            return True
        more = schema.get("additionalProperties", not named)
        return more is True or (more is not False and _says_nothing(more))
    return schema.get("type") == "null" or not schema.keys() & _SPEAKING


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
        ("taken back by", _undo_in_words(terms)),
        ("confined", terms.sandbox.value),
        ("may reach", _reached_in_words(terms)),
        ("may fail as", ", ".join(sorted(tool.failures)) or no_failures),
        ("owner", terms.owner or "not said"),
        ("version", tool.version),
    ]
    lines = [f"# {tool.name}", "", tool.description, "", "| what | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in (*facts, *_more_facts(terms))]
    for name, schema in (("Arguments", tool.args_schema), ("Result", output_schema(tool))):
        lines += ["", f"## {name}", "```json", json.dumps(schema, indent=2, sort_keys=True), "```"]
    if terms.examples:
        lines += ["", "## Examples", *(f"- {_example_in_words(one)}" for one in terms.examples)]
    if left := missing(tool):
        lines += ["", "## Missing", *(f"- {words}" for words in left)]
    return "\n".join(lines) + "\n"


def _more_facts(terms: ToolTerms) -> Iterator[tuple[str, str]]:
    """Give what few tools declare, of those that do."""
    if terms.limit is not None:
        at_once = terms.limit.per_tenant
        said = [f"{at_once} at once for a tenant"] if at_once is not None else []
        yield "at most", ", ".join([*said, *([terms.limit.rate] if terms.limit.rate else [])])
    if terms.cost is not None:
        yield "costs at most", f"{terms.cost.amount:g} of the budget's currency"
    if terms.secrets:
        yield "is given", ", ".join(terms.secrets)
    if terms.idempotency is not None:
        yield "one act by", ", ".join(terms.idempotency.names)
    if terms.inert:
        yield "only kept for people", ", ".join(terms.inert)


def _undo_in_words(terms: ToolTerms) -> str:
    within = "" if terms.undo_within_s is None else f", within {terms.undo_within_s:g} s"
    return f"{terms.undo}{within}" if terms.undo else "nothing"


def _reached_in_words(terms: ToolTerms) -> str:
    listed = ", ".join(terms.egress) or "nobody"
    return f"{listed}: held by nothing without sandbox=" if _is_unheld(terms) else listed


def _example_in_words(example: Example) -> str:
    given = json.dumps(plain(example.arguments), ensure_ascii=False, sort_keys=True)
    if example.fails is not None:
        return f"`{given}` fails as {example.fails}"
    return f"`{given}` gives `{json.dumps(plain(example.result), ensure_ascii=False)}`"


def approval_in_words(terms: ToolTerms) -> str:
    """Say which calls need an approval, by whom, and how soon."""
    approval = terms.approval
    if approval is None:
        return "none"
    when = "every call" if approval.when is None else f"when {approval.when}"
    free = f", for the task with any {', '.join(approval.free)}" if approval.free else ""
    return f"{when}, by {approval.by}, within {approval.expires_s:g} s{free}"
