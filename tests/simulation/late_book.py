"""What was told late to a lane, and whether anybody may have passed it over."""

from dataclasses import dataclass, field

from handrail.lane.journal import Entry, Kind
from handrail.wire.late_outcome import LATE_OUTCOME_TYPE, LateOutcome, LateState
from handrail.wire.record import Record

Step = tuple[str, str]


@dataclass(slots=True)
class LateBook:
    """Late outcomes of one lane that its answers still count as open, and the steps they end."""

    told: dict[int, LateOutcome] = field(default_factory=dict[int, LateOutcome])
    begun: dict[Step, object] = field(default_factory=dict[Step, object])  #: step → attempt
    ended: set[Step] = field(default_factory=set[Step])  #: whose outcome stands in the journal
    shown: set[int] = field(default_factory=set[int])  #: offsets that nothing undecided lay before
    owed: dict[Step, int] = field(default_factory=dict[Step, int])  #: what was told before, to whom

    def tell(self, record: Record, *, shown_at_once: bool) -> None:
        """Take in what was written to the lane's answers."""
        if record.header("ce_type") == LATE_OUTCOME_TYPE.encode():
            late = LateOutcome.from_record(record)
            if late.state is LateState.ENDED:
                self.told[record.offset] = late
                if shown_at_once:
                    self.shown.add(record.offset)

    def open(self) -> None:
        """A new owner begins; it reads what was told before it judges what is open."""
        self.owed = {
            (late.invocation, late.path): late.attempt
            for offset, late in self.told.items()
            if offset in self.shown and self._is_open((late.invocation, late.path), late.attempt)
        }

    def unread(self, entry: Entry) -> list[str]:
        """Say of a journal record that it judges a step although its end was told by then."""
        step = entry.invocation, entry.path
        attempt = self.owed.get(step)
        if attempt is None or step in self.ended:
            return []
        begins = entry.kind is Kind.INTENT and int(str(entry.facts["attempt"])) > attempt
        if not begins and entry.kind is not Kind.IN_DOUBT:
            return []
        step_in_words = f"{entry.kind} of step {entry.path} of {entry.invocation}"
        return [f"{step_in_words}, although what came of attempt {attempt} was told before"]

    def take(self, entry: Entry) -> None:
        """Take in what the journal says of a step; what is copied forward says it once more."""
        step = entry.invocation, entry.path
        if entry.kind is Kind.INTENT:
            # Nobody can tell anything of what waits: its time, or its answer, comes by itself.
            acts = "void" not in entry.facts and "waits" not in entry.facts
            self.begun[step] = entry.facts["attempt"] if acts else None
        elif entry.kind is Kind.OUTCOME:
            self.ended.add(step)

    def remove(self, key: bytes) -> None:
        """Take in that a record of the journal is gone."""
        invocation, kind, path = key.decode().rsplit("/", 2)
        if kind == Kind.INTENT:
            self.begun.pop((invocation, path), None)
        elif kind == Kind.OUTCOME:
            self.ended.discard((invocation, path))

    def passed(self, answers: int) -> list[str]:
        """Give what was told below this mark although the journal still waits for it."""
        over = [self.told.pop(offset) for offset in sorted(self.told) if offset < answers]
        return [
            f"attempt {late.attempt} of step {late.path} of {late.invocation} is open, and what was"
            " told of it was passed over"
            for late in over
            if self._is_open((late.invocation, late.path), late.attempt)
        ]

    def _is_open(self, step: Step, attempt: int) -> bool:
        return step not in self.ended and self.begun.get(step) == attempt
