"""Makes the published schema of `-o json` from the rows themselves, so that the two cannot differ.

`python -m handrail.cli.output_schema > docs/guide/output.schema.json` writes it.
"""

from typing import Any, get_args

import orjson
from pydantic import TypeAdapter

from handrail.cli.output import OUTPUT_VERSION
from handrail.cli.person_rows import DoubtRow, RequestRow
from handrail.cli.rail_rows import RemoteToolRow, RuleRow, ToolRow, UndoRow
from handrail.cli.remembered_rows import (
    MemoryChangeRow,
    MemoryDiffRow,
    MemoryListRow,
    MemoryManifestRow,
    MemoryReceiptRow,
    MemoryRefusedRow,
    MemoryRow,
    MemorySpaceRow,
    PolicyRow,
)
from handrail.cli.rows import (
    AgentRow,
    ChaosRow,
    CheckRow,
    DeadGroupRow,
    DeadRow,
    EventRow,
    LaneRow,
    PlanRow,
    ProcessRow,
    RecordRow,
    ResultRow,
    Row,
    RunbookRow,
    SentRow,
    SettingRow,
    SettledRow,
    TaskRow,
    TopicRow,
    VersionRow,
)

#: Kind of a document → the rows in its items.
KINDS: dict[str, type] = {
    "agents": AgentRow,
    "chaos": ChaosRow,
    "checks": CheckRow,
    "dead": DeadRow,
    "dead_groups": DeadGroupRow,
    "doubts": DoubtRow,
    "lanes": LaneRow,
    "memory": MemoryRow,
    "memory-changes": MemoryChangeRow,
    "memory-diff": MemoryDiffRow,
    "memory-list": MemoryListRow,
    "memory-manifest": MemoryManifestRow,
    "memory-policy": PolicyRow,
    "memory-receipts": MemoryReceiptRow,
    "memory-refused": MemoryRefusedRow,
    "memory-spaces": MemorySpaceRow,
    "plan": PlanRow,
    "processes": ProcessRow,
    "records": RecordRow,
    "remote-tools": RemoteToolRow,
    "requests": RequestRow,
    "rules": RuleRow,
    "result": ResultRow,
    "runbooks": RunbookRow,
    "sent": SentRow,
    "settings": SettingRow,
    "settled": SettledRow,
    "story": EventRow,
    "tasks": TaskRow,
    "tools": ToolRow,
    "topics": TopicRow,
    "undo": UndoRow,
    "version": VersionRow,
}
assert set(KINDS.values()) == set(get_args(Row))


def output_schema() -> dict[str, Any]:
    """Give the JSON schema of every document that `-o json` writes."""
    rows = {row.__name__: _row_schema(row) for row in KINDS.values()}
    documents = [
        {
            "type": "object",
            "title": kind,
            "properties": {
                "kind": {"const": kind},
                "version": {"const": OUTPUT_VERSION},
                "items": {"type": "array", "items": {"$ref": f"#/$defs/{row.__name__}"}},
            },
            "required": ["kind", "version", "items"],
            "additionalProperties": False,
        }
        for kind, row in KINDS.items()
    ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What handrail COMMAND -o json writes",
        "oneOf": documents,
        "$defs": rows,
    }


def _row_schema(row: type) -> dict[str, Any]:
    schema = TypeAdapter(row).json_schema()
    # Every field is always written, also where its value is null.
    schema["required"] = list(schema["properties"])
    return schema


def schema_text() -> str:
    """Give the schema as the published file holds it."""
    return orjson.dumps(output_schema(), option=orjson.OPT_INDENT_2).decode() + "\n"


if __name__ == "__main__":
    import click

    click.echo(schema_text(), nl=False)
