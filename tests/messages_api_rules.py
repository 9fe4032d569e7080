"""What the Messages API refuses, as far as this project can get it wrong.

Each rule was read from the API's reference, version 2026-10-21, and from anthropic 2.12.0.
"""

from typing import Any

API_VERSION = "2026-10-21"
CACHE_MARKS_MAX = 4


def problem(headers: dict[str, str], body: dict[str, Any], key: str) -> tuple[int, str, str] | None:
    """Give status, type and message of the error that the API would answer with; else None."""
    # anthropic 2.12.0 sends a key as a bearer token; the header of its own is taken as well.
    if key not in (headers.get("x-api-key"), headers.get("authorization", "").partition(" ")[2]):
        return 401, "authentication_error", "invalid credentials"
    if headers.get("anthropic-version") != API_VERSION:
        return 400, "invalid_request_error", "anthropic-version: unknown"
    for name in ("model", "max_tokens", "messages"):
        if not body.get(name):
            return 400, "invalid_request_error", f"{name}: Field required"
    if not str(body["model"]).startswith("claude-"):
        return 404, "not_found_error", f"model: {body['model']}"
    if len(_marks(body)) > CACHE_MARKS_MAX:
        return 400, "invalid_request_error", "too many cache_control blocks"
    wrong = _empty_block(body) or _unpaired_call(body["messages"]) or _open_schema(_schema_of(body))
    return (400, "invalid_request_error", wrong) if wrong else None


def blocks_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Give every block of the request in the order of the cache: tools, system, messages."""
    found = list(body.get("tools") or [])
    found += body["system"] if isinstance(body.get("system"), list) else []
    for message in body["messages"]:
        content = message["content"]
        found += content if isinstance(content, list) else [{"type": "text", "text": content}]
    return found


def _marks(body: dict[str, Any]) -> list[dict[str, Any]]:
    marked = [block for block in blocks_of(body) if block.get("cache_control")]
    return marked + ([body] if body.get("cache_control") else [])


def _empty_block(body: dict[str, Any]) -> str | None:
    for message in body["messages"]:
        if not message["content"]:
            return "messages: content must be non-empty"
    for block in blocks_of(body):
        if block.get("type") == "text" and not block["text"].strip():
            return "messages: text content blocks must be non-empty"
        if block.get("type") == "document" and not block["source"]["data"].strip():
            return "messages: document source must be non-empty"
        if block.get("type") == "tool_use" and not isinstance(block["input"], dict):
            return "messages: tool_use.input: Input should be a valid dictionary"
    return None


def _unpaired_call(messages: list[dict[str, Any]]) -> str | None:
    for said, answer in zip(messages, [*messages[1:], {"content": []}], strict=True):
        calls = _ids(said, "tool_use", "id") if said["role"] == "assistant" else []
        results = _ids(answer, "tool_result", "tool_use_id")
        if said["role"] == "assistant" and calls != results:
            return "`tool_use` ids without `tool_result` blocks immediately after, or the reverse"
    # A turn that had paused is given back as it was, and goes on; it ends in what a server does.
    last = messages[-1]
    if last["role"] == "assistant" and last["content"][-1]["type"] != "server_tool_use":
        return "This model does not support assistant message prefill."
    return None


def _ids(message: dict[str, Any], kind: str, name: str) -> list[str]:
    content = message["content"]
    return [block[name] for block in content if isinstance(block, dict) and block["type"] == kind]


def _schema_of(body: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = ((body.get("output_config") or {}).get("format") or {}).get("schema")
    return schema or {}


def _open_schema(schema: dict[str, Any]) -> str | None:
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        return "output_config.format.schema: 'additionalProperties' must be false"
    parts = [*(schema.get("$defs") or {}).values(), *(schema.get("properties") or {}).values()]
    parts += [schema["items"]] if "items" in schema else []
    parts += schema.get("anyOf", [])
    return next(filter(None, map(_open_schema, parts)), None)
