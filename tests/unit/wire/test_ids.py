"""Ids follow from their cause alone, and no two causes share one."""

from hypothesis import given
from hypothesis import strategies as st

from handrail.wire import ids

text = st.text(max_size=20)


def test_ids_are_the_same_on_every_machine_and_for_ever() -> None:
    made = [
        ids.handoff_id("invocation", 0, "return", 2),
        ids.fan_out_id("invocation", 1),
        ids.gather_invocation_id("fan-out"),
        ids.task_id_of("default", "invoice-7"),
        ids.id_of_foreign("handrail.intake", 3, 42),
    ]

    assert made == GOLDEN, "these ids stand in running clusters: a re-run must give them again"


@given(st.lists(st.tuples(text, st.integers(0, 3), text, st.integers(0, 3)), unique=True))
def test_two_causes_never_share_an_id(causes: list[tuple[str, int, str, int]]) -> None:
    made = {ids.handoff_id(*cause) for cause in causes}

    assert len(made) == len(causes)


@given(text, text, text, text)
def test_a_reference_never_reaches_into_another_tenant(a: str, b: str, c: str, d: str) -> None:
    same = ids.task_id_of(a, b) == ids.task_id_of(c, d)

    assert same == ((a, b) == (c, d))


def test_kinds_of_ids_do_not_meet() -> None:
    made = {ids.fan_out_id("x", 0), ids.task_id_of("x", "0"), ids.handoff_id("x", 0)}

    assert len(made) == 3


GOLDEN = [
    "af691004-4b38-559b-9900-4195986cda4b",
    "635c5d91-fd82-5066-882b-3b82e972bc1a",
    "e8b7cf85-36f2-5158-a765-6313cefa1d75",
    "3c8e9828-ab5e-5700-9981-101ba45a5afe",
    "ac2a33b5-8e59-57e4-9d8e-c481a30eb70a",
]
