"""Packing segments into texts as long as a model takes."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from stentor.contract import SpeakerVoice
from stentor.text.pack import Limits, pack
from stentor.text.plan import plan
from stentor.text.segments import Pauses

SPEAKING = st.lists(
    st.sampled_from(["One.", "Two two two.", "Ünö, dös, trës!", "四五六。", "\n\n", "A: ", "B: "]),
    min_size=1,
    max_size=60,
).map(" ".join)
CAST = [SpeakerVoice("A", "anna"), SpeakerVoice("B", "ben")]


@given(SPEAKING, st.integers(20, 300), st.integers(80, 600), st.integers(1, 3))
def test_every_segment_is_in_one_piece_in_order_and_within_the_limits(
    text: str, chars: int, octets: int, speakers: int
) -> None:
    if not any(word in text for word in ("One", "Two", "Ünö", "四")):
        return
    limits = Limits(chars, octets, speakers)
    assert limits.segment_chars is not None
    planned = plan(text, CAST, max_chars=limits.segment_chars)
    chunks = pack(planned.segments, limits, paragraph_ms=Pauses().paragraph_ms)
    assert [one for chunk in chunks for one in chunk.segments] == planned.segments
    for chunk in chunks:
        assert limits.allow(chunk.text)
        assert len({voice for voice, _ in chunk.turns}) <= speakers
        assert all(a[0] != b[0] for a, b in pairwise(chunk.turns))
        for segment, offset in zip(chunk.segments, chunk.offsets, strict=True):
            assert chunk.text.startswith(segment.text, offset)
            for at in range(len(segment.text)):
                start, end = chunk.span(offset + at, offset + at + 1)
                assert end == start + 1
                written = text[start:end]
                assert written == segment.text[at] or written.isspace()


@given(SPEAKING)
def test_no_two_neighbours_would_have_fitted_into_one(text: str) -> None:
    if not any(word in text for word in ("One", "Two", "Ünö", "四")):
        return
    limits = Limits(60, None, 2)
    chunks = pack(plan(text, CAST, max_chars=60).segments, limits, paragraph_ms=700)
    for one, following in pairwise(chunks):
        assert len(one.text) + len(following.segments[0].text) + 2 > 60


def test_without_limits_all_of_it_is_one_piece() -> None:
    planned = plan("One. Two.\n\nThree.", "joe")
    [chunk] = pack(planned.segments, Limits(), paragraph_ms=700)
    assert chunk.turns == (("joe", "One. Two.\n\nThree."),)
