"""What holds for every text."""

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stentor.contract import SpeakerVoice
from stentor.errors import SpeechError
from stentor.text.characters import is_speakable
from stentor.text.plan import Plan, plan

# Symbols that rows of ornaments are made of are left out: in such a row they are not spoken.
_ANY = st.characters(exclude_categories=["Cs"], exclude_characters="=~+|❦❧☙")
_TYPICAL = st.sampled_from(
    [
        *"abIé1. !?,;:'\"`()_*-—\n。，花€\t\x00\u200b\u2028",
        *("\r\n", "\n\n", "  ", "Mr. ", "the ", "שלום ", "👩\u200d👧", "e\u0301"),
        *("\u00ad\n", "-\n", "\n- ", "\n1. ", "\n* * *\n"),
    ]
)
TEXTS = st.lists(_TYPICAL | _ANY, max_size=120).map("".join)
LIMITS = st.integers(1, 60)


def speech_of(text: str) -> str:
    return "".join(filter(is_speakable, text))


def plan_or_none(text: str, limit: int) -> Plan | None:
    if not speech_of(text):
        with pytest.raises(SpeechError, match="expected at least one"):
            plan(text, "v", max_chars=limit)
        return None
    return plan(text, "v", max_chars=limit)


@settings(deadline=None)
@given(TEXTS, LIMITS)
@example("a_\n_b c*", 300)
@example("1. \n2. ", 1)
def test_every_speakable_character_is_spoken_once_and_in_order(text: str, limit: int) -> None:
    planned = plan_or_none(text, limit)
    if planned:
        assert speech_of("".join(one.text for one in planned.segments)) == speech_of(text)


@settings(deadline=None)
@given(TEXTS, LIMITS)
def test_each_segment_speaks_what_its_span_holds(text: str, limit: int) -> None:
    planned = plan_or_none(text, limit)
    for one in planned.segments if planned else []:
        assert speech_of(one.text) == speech_of(text[one.start : one.end])


@settings(deadline=None)
@given(TEXTS, LIMITS)
def test_spans_are_ordered_disjoint_and_inside_the_text(text: str, limit: int) -> None:
    planned = plan_or_none(text, limit)
    if planned:
        edges = [edge for one in planned.segments for edge in (one.start, one.end)]
        assert edges[0] >= 0
        assert edges[-1] <= len(text)
        assert all(before <= after for before, after in pairwise(edges))
        assert all(one.start < one.end for one in planned.segments)


@settings(deadline=None)
@given(TEXTS, LIMITS)
def test_each_segment_is_one_short_line_with_speech(text: str, limit: int) -> None:
    planned = plan_or_none(text, limit)
    for number, one in enumerate(planned.segments if planned else []):
        assert one.index == number
        assert one.text == " ".join(one.text.split())
        assert len(one.text) <= limit
        assert speech_of(one.text)


@settings(deadline=None)
@given(TEXTS)
def test_the_last_segment_is_followed_by_no_pause(text: str) -> None:
    planned = plan_or_none(text, 40)
    if planned:
        assert planned.segments[-1].pause_after_ms == 0


@settings(deadline=None)
@given(TEXTS, LIMITS)
def test_planning_twice_gives_the_same_plan(text: str, limit: int) -> None:
    assert plan_or_none(text, limit) == plan_or_none(text, limit)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["A", "b"]), TEXTS), min_size=1, max_size=5))
def test_in_a_dialogue_everything_but_the_labels_is_spoken(turns: list[tuple[str, str]]) -> None:
    turns = [(name, text.replace(":", "").replace("：", "")) for name, text in turns]
    spoken = [speech_of(text) for _, text in turns]
    if any(spoken):
        text = "\n".join(f"{name}: {text}" for name, text in turns)
        planned = plan(text, [SpeakerVoice("a", "0"), SpeakerVoice("B", "1")])
        assert speech_of("".join(one.text for one in planned.segments)) == "".join(spoken)
        assert planned.warnings == []
