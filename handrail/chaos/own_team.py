"""Lays a team's own project out for chaos: a copy, with stand-ins, on a broker of its own.

Never touched: the folder itself, the cluster that its settings name, its namespace, and whatever
its effectful tools and its models would reach.
"""

import shutil
import sys
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any, cast

import orjson

from handrail.bus.settings import Settings
from handrail.chaos.loader import Load
from handrail.chaos.sample import sample
from handrail.chaos.stage import PARTITIONS, Stage
from handrail.chaos.stand_in import MODEL_VARIABLE_VALUE, RUN_FOR_REAL
from handrail.contract.topic import Topic
from handrail.errors import HandrailError
from handrail.errors.chaos import NoSampleTask
from handrail.runtime.discovery import load_team
from handrail.wire.priority import Priority

NAMESPACE = "chaos"
LEFT_OUT = ("__pycache__", "node_modules", "venv", "build", "dist", ".*")
SAMPLES = 16  #: different messages that are made up
URGENT_EVERY = 3  #: tasks one is of high priority, where the intake has a second inbox for it


def own_team(folder: Path, settings: Settings, intake: str, loads: Sequence[Load]) -> Stage:
    """Copy a project to a folder. Raises what is wrong with its files."""
    ignored = shutil.ignore_patterns(*LEFT_OUT)
    shutil.copytree(settings.project_dir, folder, ignore=ignored, dirs_exist_ok=True)
    (folder / "handrail.toml").write_text(_settings(settings, intake), encoding="utf-8")
    loaded = load_team(folder)
    outside = [name for name, tool in loaded.tools.items() if tool.effect not in RUN_FOR_REAL]
    return Stage(
        project=folder,
        namespace=NAMESPACE,
        intake=intake,
        loaded=loaded,
        loads=loads,
        environment={
            "ANTHROPIC_API_KEY": "",
            "HANDRAIL_MODEL": MODEL_VARIABLE_VALUE,
            "HANDRAIL_SUBJECT_KEYS": "",
        },
        program=(sys.executable, "-m", "handrail.chaos.member"),
        steps=tuple(outside),
    )


def own_loads(intake: Topic[Any, Any], bodies: Sequence[bytes], count: int) -> list[Load]:
    """Give so many tasks, made of these messages in turn; some urgent, if the intake parts them."""
    return [
        Load(
            f"chaos-{number}",
            body,
            priority=Priority.HIGH
            if intake.priorities and number % URGENT_EVERY == 0
            else Priority.NORMAL,
        )
        for number, body in enumerate(islice(cycle(bodies), count))
    ]


def made_up_tasks(intake: Topic[Any, Any], seed: int) -> list[bytes]:
    """Make messages up that the intake takes. Raises NoSampleTask when none can be found."""
    schema = next(iter(intake.models.values())).adapter.json_schema()
    found = [orjson.dumps(sample(schema, f"{seed}/{number}")) for number in range(SAMPLES)]
    return [_checked(intake, one, "it was made up from the model's schema") for one in found]


def given_tasks(intake: Topic[Any, Any], file: Path) -> list[bytes]:
    """Read a file that holds one message, or a list of them. Raises NoSampleTask."""
    try:
        held = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise NoSampleTask(intake=intake.name, reason=f"{file}: {error}") from error
    each = cast("list[object]", held) if isinstance(held, list) else [cast("object", held)]
    if not each:
        raise NoSampleTask(intake=intake.name, reason=f"{file} holds an empty list")
    return [_checked(intake, orjson.dumps(one), f"it is from {file}") for one in each]


def _checked(intake: Topic[Any, Any], body: bytes, origin: str) -> bytes:
    try:
        intake.decode(None, body)
    except HandrailError as error:
        reason = f"{body.decode()[:200]} ({origin}): {error.why or error.what}"
        raise NoSampleTask(intake=intake.name, reason=reason) from error
    return body


def _settings(settings: Settings, intake: str) -> str:
    lines = [
        f'namespace = "{NAMESPACE}"',
        f'intake = "{intake}"',
        f"partitions = {PARTITIONS}",
        f"task_deadline_s = {settings.task_deadline_s}",
        f"drain_s = {settings.drain_s}",
        f"fan_out_parts_max = {settings.fan_out_parts_max}",
        "[documents]",
        *(
            f"{orjson.dumps(name).decode()} = {orjson.dumps(str(path.resolve())).decode()}"
            for name, path in settings.documents.items()
        ),
    ]
    return "\n".join(lines) + "\n"
