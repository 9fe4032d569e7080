"""Nothing that an attacker has had a hand in is ever taken for what somebody trusted has said."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from handrail.lane.journal import Entry
from handrail.memory.asked import Stored
from handrail.rails.gateway import Go
from handrail.runtime.worker.run_labels import RunLabels
from handrail.wire.envelope import Envelope
from handrail.wire.label import OF_USER
from handrail.wire.memory import Command, StoredRecord
from handrail.wire.record import Record
from tests.unit.runtime.flows import Engine, Flow, Run

GRAPHS = 5_000
CAUGHT_WITHIN = 400  #: graphs, in which a planted mistake has to show


def test_no_way_through_a_team_washes_a_label_off() -> None:
    flows = [Flow(seed, Engine()).run() for seed in range(GRAPHS)]

    assert [(seed, one.wrong) for seed, one in enumerate(flows) if one.wrong] == []
    acts, asked = sum(one.acts for one in flows), sum(one.asked for one in flows)
    assert acts // 10 < asked < acts - acts // 10, "both kinds of acts are there"


class ForgetsMemory(Engine):
    """Joins everything but what was remembered."""

    def read_memory(self, run: RunLabels, record: StoredRecord) -> None:
        del run, record


class RedriveResets(Engine):
    """Sends a dead letter back without the label that it had."""

    def redrive(self, dead: Record) -> Record:
        kept = [pair for pair in dead.headers if pair[0] not in ("ce_label", "ce_causationid")]
        return replace(dead, headers=tuple(kept))


class FreshSummary(Engine):
    """Takes what a model says for its own words."""

    def model(self, run: RunLabels, said: str, *, quotes: bool) -> Entry:
        outcome = super().model(run, said, quotes=quotes)
        run.label = OF_USER
        return outcome


class GathersTheFirst(Engine):
    """Labels a gather by its first part."""

    def begin(self, envelopes: Sequence[Envelope], text: str) -> RunLabels:
        return super().begin(envelopes[:1], text)


class BelievesAnswers(Engine):
    """Takes an answer in without its label."""

    def answer(self, run: RunLabels, answer: Envelope) -> Entry:
        return super().answer(run, answer.but(label="user tenant"))


class ForgetsOutcomes(Engine):
    """Gives a repeated run what is recorded, and not where it came from."""

    def replay(self, run: RunLabels, outcome: Entry) -> None:
        super().replay(run, replace(outcome, facts={**outcome.facts, "label": "system public"}))


class LabelsByTheHandoff(Engine):
    """Hands on the label that came, in place of all that was read since."""

    def hand_on(self, run: Run, count: int) -> Record:
        return super().hand_on(replace(run, labels=RunLabels(run.envelope)), count)


class LabelsByTheWriter(Engine):
    """Labels a record that was added to as its last writer."""

    def remember(self, run: Run, command: Command, present: StoredRecord | None) -> Any:
        found = super().remember(run, command, present)
        label = str(run.labels.label)
        if isinstance(found, Stored) and not command.by.startswith("person:"):
            found = Stored(replace(found.record, label=label), found.body)
        return found


class BelievesSubmitters(Engine):
    """Takes in what a submission says of itself, whatever its topic says."""

    def admit(self, message: Record) -> Envelope:
        envelope = super().admit(message)
        said = (message.header("ce_label") or b"user tenant").decode()
        return envelope.but(label=said) if envelope.causation_id is None else envelope


class HearsWhatATaskIsCalled(Engine):
    """Takes the names that a submitter has chosen for what somebody trusted has said."""

    def begin(self, envelopes: Sequence[Envelope], text: str) -> RunLabels:
        run = super().begin(envelopes, text)
        for one in envelopes:
            run.words.hear([self.named(one)])
        return run

    def named(self, envelope: Envelope) -> str | None:
        """Give the name that is believed."""
        return envelope.reference


class HearsWhoAsks(HearsWhatATaskIsCalled):
    """Believes whom it is asked for."""

    def named(self, envelope: Envelope) -> str | None:
        return envelope.asked_by


class HearsTheTask(HearsWhatATaskIsCalled):
    """Believes the id that a submitter has made."""

    def named(self, envelope: Envelope) -> str | None:
        return envelope.task_id


class AsksNobody(Engine):
    """Lets every act go on."""

    def may(self, run: RunLabels, what: Any, to: str) -> bool:
        run.label = OF_USER
        return super().may(run, what, to) or not Go


@pytest.mark.parametrize(
    "planted",
    [
        ForgetsMemory,
        RedriveResets,
        FreshSummary,
        GathersTheFirst,
        BelievesAnswers,
        ForgetsOutcomes,
        LabelsByTheHandoff,
        LabelsByTheWriter,
        BelievesSubmitters,
        HearsWhatATaskIsCalled,
        HearsWhoAsks,
        HearsTheTask,
        AsksNobody,
    ],
)
def test_a_planted_mistake_is_caught(planted: type[Engine]) -> None:
    assert any(Flow(seed, planted()).run(hops=12).wrong for seed in range(CAUGHT_WITHIN))
