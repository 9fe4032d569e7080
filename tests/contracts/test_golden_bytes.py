"""Every kind of record has exactly the bytes that running clusters hold.

A golden file shows a record line by line as Python writes bytes. A difference means that a new
engine and an old one would no longer understand each other's records.
"""

from pathlib import Path

import pytest

from handrail.wire.claim import Claim
from handrail.wire.codec import decode_envelope
from handrail.wire.dead_letter import DeadLetter
from handrail.wire.marker import Marker
from handrail.wire.record import Outgoing, Record
from tests.contracts import kinds

FOLDER = Path(__file__).parent / "golden"


def shown(record: Outgoing) -> str:
    lines = [f"topic {record.topic}", f"partition {record.partition}", f"key {record.key!r}"]
    lines += [f"header {name} {value!r}" for name, value in record.headers]
    return "\n".join([*lines, f"value {record.value!r}", ""])


def explained(name: str, written: str, golden: str) -> str:
    old, new = golden.split("\n"), written.split("\n")
    differences = [f"- {line}" for line in old if line not in new]
    differences += [f"+ {line}" for line in new if line not in old]
    return "\n".join(
        [
            f"The bytes of a {name} have changed, or their order:",
            *differences,
            "Agents that are running now read and write the old bytes. If they can read the new",
            f"ones and we the old ones, write the new text into golden/{name}.txt:",
            written,
            "If not, keep the old form, or give the new one a type or header of its own.",
        ]
    )


@pytest.mark.parametrize("name", kinds.KINDS)
def test_a_record_has_the_bytes_it_always_had(name: str) -> None:
    written = shown(kinds.KINDS[name]())

    file = FOLDER / f"{name}.txt"
    golden = file.read_text(encoding="utf-8") if file.exists() else ""
    assert written == golden, explained(name, written, golden)


def test_every_golden_file_belongs_to_a_kind() -> None:
    assert {file.stem for file in FOLDER.iterdir()} == set(kinds.KINDS)


def test_a_changed_byte_is_explained_with_the_line_and_what_it_means() -> None:
    golden = shown(kinds.handoff())
    changed = golden.replace("default", "Default")

    message = explained("handoff", changed, golden)

    assert "- header ce_tenant b'default'" in message
    assert "+ header ce_tenant b'Default'" in message
    assert "Agents that are running now" in message


def read_back(sent: Outgoing) -> Record:
    return Record(sent.topic, 0, 0, 0, sent.key, sent.value, sent.headers)


def test_the_golden_records_are_read_as_what_they_say() -> None:
    part, claimed = read_back(kinds.fan_out_part()), read_back(kinds.claim())

    assert decode_envelope(part) == kinds.PART
    assert kinds.questions.decode(kinds.PART.type, part.value) == kinds.QUESTION
    assert Marker.decode(kinds.marker().value).reason == "attempts"
    assert Claim.decode(claimed.value).offset == 71
    assert (
        DeadLetter.from_record(read_back(kinds.dead_letter())).original().value == b'{"text": \xff'
    )
