"""Timings that are told while a text is being spoken, against those that are told at its end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stentor.contract import Alignment
from stentor.synthesis.timeline import GrowingTimeline, Timed, Timeline, Told
from stentor.text.reading import read


@st.composite
def speeches(draw: st.DrawFn) -> tuple[str, list[Told]]:
    """A text, and how its parts are said: not all of it, and with pauses between them."""
    text, now_ms, parts = "", 0.0, []
    for _ in range(draw(st.integers(1, 5))):
        text += draw(st.sampled_from(["", " ", "\n\n", "* "]))
        start = len(text)
        words = draw(st.lists(st.sampled_from(["one", "two", "£5", "—"]), min_size=1, max_size=4))
        text += " ".join(words)
        said = " ".join("five pounds" if word == "£5" else word for word in words)
        spoken, source, at, of = [], [], 0, start
        for word in words:
            now_ms += draw(st.integers(0, 50))
            took = draw(st.integers(0, 300))
            length = len("five pounds" if word == "£5" else word)
            if word != "—":
                spoken.append(Timed(at, at + length, now_ms, now_ms + took))
                source.append(Timed(of, of + len(word), now_ms, now_ms + took))
            now_ms += took
            at += length + 1
            of += len(word) + 1
        parts.append(Told(said, spoken, source))
    return text + draw(st.sampled_from(["", " "])), parts


def joined(pieces: list[Alignment | None]) -> Alignment:
    found = [one for one in pieces if one is not None]
    return Alignment(
        [character for one in found for character in one.characters],
        [ms for one in found for ms in one.char_start_times_ms],
        [ms for one in found for ms in one.char_end_times_ms],
    )


@given(speeches(), st.data())
def test_the_pieces_joined_are_the_whole(
    speech: tuple[str, list[Told]], data: st.DataObject
) -> None:
    text, parts = speech
    timeline, growing = Timeline(), GrowingTimeline(text)
    pieces = []
    for number, part in enumerate(parts, 1):
        timeline.add(*part)
        if data.draw(st.booleans()):
            pieces.append(growing.take(parts[:number]))
    timings = timeline.finish(text, read(text, "text", "en"), "engine")
    pieces.append(growing.rest(timings))
    assert joined([of_text for of_text, _ in pieces]) == timings.alignment
    assert joined([of_said for _, of_said in pieces]) == timings.normalized_alignment


def test_nothing_is_told_before_it_is_known() -> None:
    growing = GrowingTimeline("One. Two.")
    assert growing.take([]) == (None, None)
    told = [Told("One.", [Timed(0, 3, 10, 40)], [Timed(0, 3, 10, 40)])]
    of_text, of_said = growing.take(told)
    assert of_text == of_said == Alignment(["O", "n", "e"], [10, 20, 30], [20, 30, 40])
    assert growing.take(told) == (None, None)
