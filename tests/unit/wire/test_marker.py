"""A marker says what became of a part, and survives the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.errors.wire import WireError
from handrail.wire.marker import Marker, MarkerKind

texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(st.builds(Marker, st.sampled_from(MarkerKind), texts, texts))
def test_a_marker_comes_back_as_it_was_sent(marker: Marker) -> None:
    assert Marker.decode(marker.encode()) == marker


@pytest.mark.parametrize(
    "body",
    [None, b"", b"[]", b"{}", b'{"kind":"gone"}', b'{"kind":[]}', b'{"kind":"lost","reason":1}'],
)
def test_what_is_no_marker_is_refused(body: bytes | None) -> None:
    with pytest.raises(WireError):
        Marker.decode(body)
