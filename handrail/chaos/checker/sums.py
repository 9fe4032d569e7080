"""I17: what the ledger says was spent is what the recorded outcomes cost, and the booked waste."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from pydantic import ValidationError

from handrail.chaos.checker.doubts import opened_between
from handrail.chaos.checker.lineage import MODEL_PATH
from handrail.chaos.checker.reading import Reading, reading
from handrail.chaos.checker.violation import Violation, at
from handrail.chaos.history import Happening, History
from handrail.lane.journal import Entry, Kind
from handrail.ledger.event import Finished
from handrail.models.port import ModelReply, Usage


def sums_agree(history: History) -> Iterable[Violation]:
    """Model calls and tokens of an invocation are its turns'; every paid effect is in the books."""
    here = reading(history)
    turns = _turns(here)
    for told in here.told:
        event = told.event
        if not isinstance(event, Finished) or event.invocation in here.redriven:
            continue
        mine = turns.get(event.invocation, {})
        if event.model_calls != len(mine):
            sentence = (
                f"{event.invocation} says that it asked a model {event.model_calls} times, and"
                f" {len(mine)} turns are recorded"
            )
            yield Violation("I17", sentence, at(told.record))
            continue
        usages = [_usage(entry) for entry in mine.values()]
        if not all(usages):
            continue  # the outcome is a claim; its bytes are not looked up here
        used = sum((usage for usage in usages if usage is not None), Usage())
        tokens_in = used.input_tokens + used.cache_read_tokens + used.cache_write_tokens
        if (event.tokens_in, event.tokens_out) != (tokens_in, used.output_tokens):
            sentence = (
                f"{event.invocation} says {event.tokens_in} and {event.tokens_out} tokens, its"
                f" recorded turns say {tokens_in} and {used.output_tokens}"
            )
            yield Violation("I17", sentence, at(told.record))
    yield from _paid_outside_the_books(here)
    yield from _waste_twice_or_never_begun(here)
    yield from _waste_not_booked(here)


def _waste_not_booked(here: Reading) -> Iterator[Violation]:
    """A paid step that another owner begins again had an attempt whose outcome is lost."""
    for (invocation, path), entries in here.steps.items():
        intents = [(line, e) for line, e in entries if e.kind is Kind.INTENT]
        ended = {e.facts.get("attempt") for _, e in entries if e.kind is Kind.OUTCOME}
        booked = {event.attempt for event in here.wasted.get((invocation, path), ())}
        for (first, before), (line, entry) in pairwise(intents):
            attempt = before.facts.get("attempt")
            known = "void" in before.facts or attempt in ended or attempt in booked
            same = entry.facts.get("attempt") == attempt or entry.facts.get("effect") != "paid"
            if not known and not same and opened_between(here, first, line):
                sentence = f"attempt {attempt} of paid step {path} of {invocation} is in no books"
                yield Violation("I17", sentence, at(first.record, line.record))


def _turns(here: Reading) -> Mapping[str, Mapping[str, Entry]]:
    found: dict[str, dict[str, Entry]] = {}
    for _, entry in here.entries(Kind.OUTCOME):
        if entry.facts.get("ok") and MODEL_PATH in entry.path:
            found.setdefault(entry.invocation, {})[entry.path] = entry
    return found


def _usage(entry: Entry) -> Usage | None:
    try:
        return ModelReply.model_validate_json(entry.body or b"").usage
    except ValidationError:
        return None


def _paid_outside_the_books(here: Reading) -> Iterator[Violation]:
    """Each effect of a paid step is an outcome's or was booked as waste, once things settled."""
    if not here.history.run.settled:
        return
    for key, effects in here.effects.items():
        if effects[0].effect != "paid":
            continue
        licences = here.intents.get(key, ())
        if not licences:
            continue  # an act without a licence is another invariant's finding
        first = licences[0][1]
        entries = here.steps[first.invocation, first.path]
        ended = {str(e.facts.get("attempt")) for _, e in entries if e.kind is Kind.OUTCOME}
        booked = len(ended) + len(here.wasted.get((first.invocation, first.path), ()))
        last, entry = licences[-1]
        still_open = here.live.get(last.record.where, {}).get(last.key) is last
        if still_open and str(entry.facts.get("attempt")) not in ended:
            booked += 1  # its invocation rests beside a doubt; it is booked when it is taken up
        effected = here.count(key, Happening.EFFECTED)
        if effected > booked:
            sentence = (
                f"{effects[0].tool} was paid for {effected} times, and {booked} are in the books"
            )
            yield Violation("I17", sentence, at(licences[0][0].record))


def _waste_twice_or_never_begun(here: Reading) -> Iterator[Violation]:
    for (invocation, path), wasted in here.wasted.items():
        entries = here.steps.get((invocation, path), ())
        begun = {e.facts.get("attempt") for _, e in entries if e.kind is Kind.INTENT}
        numbers = [event.attempt for event in wasted]
        for attempt in numbers:
            if attempt not in begun:
                sentence = f"attempt {attempt} of step {path} is booked as waste and never began"
                yield Violation("I17", f"{sentence} ({invocation})")
        if len(set(numbers)) < len(numbers):
            yield Violation("I17", f"waste of step {path} of {invocation} is booked twice")
