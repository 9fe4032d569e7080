"""A history is written into a folder and read back, so that a check can be repeated offline."""

from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from handrail.chaos import folder
from handrail.chaos.history import (
    AgentFacts,
    Effect,
    Fate,
    Fault,
    GroupOffset,
    Happening,
    History,
    Phase,
    Rerun,
    Run,
    Seen,
    Submission,
    Watermark,
)
from handrail.errors import HistoryBroken
from handrail.wire.record import Record, TopicPartition

WHERE = TopicPartition("ns.work", 0)
RUN = Run(
    namespace="ns",
    started_ms=1,
    ended_ms=9,
    agents=(AgentFacts(name="a", inboxes=("work",), effects={"pay": "unsafe"}),),
    seed=7,
)


def record(offset: int, body: bytes = b"\xff\x00") -> Record:
    return Record("ns.work", 0, offset, 5, None, body, (("h", b"\xfe"), ("h", b"")))


def mark(*, stable: int, end: int) -> Watermark:
    return Watermark(time_ms=8, topic="ns.work", partition=0, begin=0, stable=stable, end=end)


WHOLE = History(
    run=RUN,
    records={
        WHERE: [
            Seen(record(0), Fate.COMMITTED, 6),
            Seen(record(1), Fate.ABORTED, 6),
            Seen(record(3), Fate.COMMITTED, 6),
            Seen(record(7), Fate.OPEN, 7),
        ]
    },
    watermarks=[mark(stable=5, end=8)],
    offsets=[GroupOffset(time_ms=8, group="ns.a", topic="ns.work", partition=0, offset=4)],
    effects=[Effect(time_ms=3, key="k", tool="pay", happened=Happening.EFFECTED, epoch=2)],
    faults=[Fault(time_ms=4, fault="kill", target="a-1", phase=Phase.ENDED)],
    submissions=[Submission(time_ms=2, task="t", topic="work", reference="r", results=1)],
    reruns=[Rerun(invocation="i", wrote=(("out", "id", "sha"),), asked=("3.m1",))],
)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    folder.write(WHOLE, tmp_path)

    found = folder.read(tmp_path)

    assert found.run == WHOLE.run
    assert found.records == WHOLE.records
    for name in ("watermarks", "offsets", "effects", "faults", "submissions", "reruns"):
        assert getattr(found, name) == getattr(WHOLE, name), name


def test_a_last_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    folder.write(WHOLE, tmp_path)
    with (tmp_path / folder.EFFECTS_FILE).open("ab") as file:
        file.write(b'{"time_ms": 5, "key"')

    assert folder.read(tmp_path).effects == WHOLE.effects


def test_a_line_in_the_middle_that_is_broken_is_named(tmp_path: Path) -> None:
    folder.write(WHOLE, tmp_path)
    path = tmp_path / folder.EFFECTS_FILE
    path.write_bytes(path.read_bytes() + b"{}\n" + path.read_bytes())

    with pytest.raises(HistoryBroken) as broken:
        folder.read(tmp_path)

    assert broken.value.facts["line"] == 2
    assert broken.value.facts["file"] == folder.EFFECTS_FILE


@pytest.mark.parametrize("line", [b"[]\n", b'{"topic": 1}\n', b"\xff\n"])
def test_a_record_that_cannot_be_read_is_named(tmp_path: Path, line: bytes) -> None:
    folder.write(WHOLE, tmp_path)
    (tmp_path / folder.COMMITTED_FILE).write_bytes(line)

    with pytest.raises(HistoryBroken):
        folder.read(tmp_path)


def test_one_place_with_two_contents_is_no_history(tmp_path: Path) -> None:
    folder.write(WHOLE, tmp_path)
    with (tmp_path / folder.COMMITTED_FILE).open("ab") as file:
        file.write(folder.record_line(record(0, b"other"), 9))

    with pytest.raises(HistoryBroken, match="two contents"):
        folder.read(tmp_path)


def test_a_record_that_was_read_twice_is_one(tmp_path: Path) -> None:
    folder.write(WHOLE, tmp_path)
    with (tmp_path / folder.COMMITTED_FILE).open("ab") as file:
        file.write(folder.record_line(record(0), 9))

    assert folder.read(tmp_path).records == WHOLE.records


def test_a_record_that_only_the_committed_reader_saw_counts(tmp_path: Path) -> None:
    folder.write(WHOLE, tmp_path)
    (tmp_path / folder.UNCOMMITTED_FILE).unlink()

    kept = [seen for seen in WHOLE.records[WHERE] if seen.fate is Fate.COMMITTED]
    assert folder.read(tmp_path).records == {WHERE: kept}


def test_another_format_and_a_missing_head_are_refused(tmp_path: Path) -> None:
    with pytest.raises(HistoryBroken):
        folder.read(tmp_path)
    folder.write_run(replace(RUN, format=99), tmp_path)

    with pytest.raises(HistoryBroken, match="format 99"):
        folder.read(tmp_path)


def test_fields_that_nobody_knows_are_ignored(tmp_path: Path) -> None:
    folder.write(WHOLE, tmp_path)
    path = tmp_path / folder.FAULTS_FILE
    fields = orjson.loads(path.read_bytes())
    path.write_bytes(orjson.dumps({**fields, "mood": "bad"}) + b"\n")

    assert folder.read(tmp_path).faults == WHOLE.faults
