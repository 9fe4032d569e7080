"""The guide's table of headers and the code list the same headers."""

import re
from pathlib import Path

from handrail.wire import codec
from handrail.wire.answer import ASKED_ANEW, SENT_BACK_BY
from handrail.wire.dead_letter import Reason
from handrail.wire.priority import REFERENCE_IS_NEW
from tests.unit.wire.test_dead_letter import LISTED

GUIDE = (Path(__file__).resolve().parents[3] / "docs/guide/wire.md").read_text()


def rows(section: str) -> list[list[str]]:
    text = GUIDE.split(f"## {section}\n")[1].split("\n## ")[0]
    lines = [line for line in text.split("\n") if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_guide_lists_every_header_once_and_no_other() -> None:
    listed = [row[0].strip("` |") for row in rows("Every header")]

    beside = {"chunk", "chunks", "dlq.claim", "dlq.key-claim", "dlq.headers-left-out"}
    beside |= {REFERENCE_IS_NEW[0], ASKED_ANEW, SENT_BACK_BY}
    assert sorted(listed) == sorted(codec.KNOWN_HEADERS | set(LISTED) | beside)


def test_every_row_says_who_sets_it_who_checks_it_and_what_absence_means() -> None:
    assert all(len(row) == 5 and all(row) for row in rows("Every header"))


def test_absence_of_a_required_header_is_said_to_be_refused() -> None:
    required = {name for attribute, name in codec.TEXT_HEADERS if attribute in codec.REQUIRED}

    refused = {row[0].strip("` |") for row in rows("Every header") if row[4].startswith("`decode`")}

    assert refused == required


def test_the_guide_lists_every_reason_to_die() -> None:
    listed = [row[0].strip("` |") for row in rows("Why a message dies")]

    assert listed == [reason.value for reason in Reason]
    assert re.search(r"over 900 KiB", GUIDE)
