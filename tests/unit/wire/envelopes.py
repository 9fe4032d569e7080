"""Strategies and samples of envelopes for the tests of the wire."""

from hypothesis import strategies as st

from handrail.wire.codec import TIME_MS_MAX
from handrail.wire.envelope import Envelope, FanOutHeader
from handrail.wire.record import Headers, Record

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
times = st.integers(0, TIME_MS_MAX)
names = st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True)


@st.composite
def fan_outs(draw: st.DrawFn) -> FanOutHeader:
    """Draw one membership in a fan-out."""
    parts = draw(st.integers(0, 256))
    part = draw(st.integers(0, max(parts - 1, 0)))
    return FanOutHeader(draw(names), str(draw(st.uuids())), part, parts)


def optional(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[str | None]:
    """Draw the value or None."""
    return st.none() | strategy


envelopes = st.builds(
    Envelope,
    id=words,
    type=words,
    source=words,
    time_ms=times,
    task_id=words,
    tenant=words,
    reference=optional(words),
    causation_id=optional(words),
    hop=st.integers(0, 16),
    deadline_ms=st.none() | times,
    budget=optional(words),
    priority=optional(words),
    fan_outs=st.lists(fan_outs(), max_size=4).map(tuple),
    reply_to=optional(words),
    answers=optional(words),
    chain=st.lists(words, max_size=4).map(tuple),
    redrive_of=optional(words),
    memory_read=optional(words),
    label=optional(words),
    trace_parent=optional(words),
    data_schema=optional(words),
)


def record(headers: Headers = (), value: bytes | None = b"{}", key: bytes | None = b"k") -> Record:
    """Make a record as it was read."""
    return Record("handrail.questions", 3, 42, 1_700_000_000_123, key, value, headers)


SAMPLE = Envelope(
    id="5f3c2a10-0000-5000-8000-000000000001",
    type="question.v1",
    source="/agents/planner",
    time_ms=1_700_000_000_123,
    task_id="5f3c2a10-0000-5000-8000-000000000002",
    tenant="default",
    reference="invoice-7",
    causation_id="5f3c2a10-0000-5000-8000-000000000003",
    hop=2,
    deadline_ms=1_700_604_800_123,
)
