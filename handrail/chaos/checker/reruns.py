"""I7: a handler that runs again on what was journaled gives the same bytes."""

import hashlib
from collections.abc import Iterable, Mapping

from handrail.chaos.checker.reading import Reading, reading
from handrail.chaos.checker.violation import Violation, at
from handrail.chaos.history import History
from handrail.ledger.event import Finished


def runs_repeat_themselves(history: History) -> Iterable[Violation]:
    """Each rerun wrote what its invocation had written, and asked for nothing unrecorded."""
    here = reading(history)
    finished = finished_by_invocation(here)
    sha256 = _sha256_by_id(here, finished.values())
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
        wrote = tuple(
            (one.topic, one.id, sha256.get((one.topic, one.id), "")) for one in event.wrote
        )
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


def _sha256_by_id(here: Reading, ends: Iterable[Finished]) -> Mapping[tuple[str, str], str]:
    """Give the checksum of all that was written, by topic and id; answers to questions too."""
    return {
        (topic, (record.header("ce_id") or b"").decode(errors="replace")): hashlib.sha256(
            record.value or b""
        ).hexdigest()
        for topic in {wrote.topic for end in ends for wrote in end.wrote}
        for record in here.history.committed(topic)
    }
