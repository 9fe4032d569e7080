"""I7: a handler that runs again on what was journaled gives the same bytes."""

import hashlib
from collections.abc import Iterable, Mapping

from handrail.chaos.checker.reading import Handed, Reading, reading
from handrail.chaos.checker.violation import Violation, at
from handrail.chaos.history import History
from handrail.ledger.event import Finished


def runs_repeat_themselves(history: History) -> Iterable[Violation]:
    """Each rerun wrote what its invocation had written, and asked for nothing unrecorded."""
    here = reading(history)
    finished = finished_by_invocation(here)
    for rerun in history.reruns:
        event = finished.get(rerun.invocation)
        if event is None:
            continue
        if rerun.error:
            sentence = f"{rerun.invocation} ran again and raised: {rerun.error}"
            yield Violation("I7", sentence)
            continue
        if rerun.asked:
            paths = ", ".join(rerun.asked)
            sentence = f"{rerun.invocation} ran again and asked for steps that are not recorded"
            yield Violation("I7", f"{sentence}: {paths}")
        wrote = tuple((one.topic, one.id, _sha256(here, one.id)) for one in event.wrote)
        if wrote != rerun.wrote:
            before, after = len(wrote), len(rerun.wrote)
            changed = sum(pair[0] != pair[1] for pair in zip(wrote, rerun.wrote, strict=False))
            sentence = (
                f"{rerun.invocation} ran again and wrote {after} messages where it had written"
                f" {before}, {changed} of them others"
            )
            records = [found.record for one in event.wrote for found in here.by_id.get(one.id, ())]
            yield Violation("I7", sentence, at(*records[:3]))


def finished_by_invocation(here: Reading) -> Mapping[str, Finished]:
    """Give how each invocation ended well."""
    return {
        told.event.invocation: told.event for told in here.told if isinstance(told.event, Finished)
    }


def _sha256(here: Reading, handoff: str) -> str:
    found: Iterable[Handed] = here.by_id.get(handoff, ())
    for handed in found:
        return hashlib.sha256(handed.record.value or b"").hexdigest()
    return ""
