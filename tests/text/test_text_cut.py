"""Sentences that are too long for one segment."""

import pytest

from stentor.text.plan import plan
from stentor.text.segments import Pauses

PAUSES = Pauses(sentence_ms=30, clause_ms=10)


def spoken(text: str, max_chars: int) -> list[tuple[str, int]]:
    segments = plan(text, "v", max_chars=max_chars, pauses=PAUSES).segments
    return [(segment.text, segment.pause_after_ms) for segment in segments]


def test_a_long_sentence_is_cut_at_a_clause_with_a_short_pause() -> None:
    text = "She drew her foot as far down the chimney as she could, and waited till she heard it."
    assert spoken(text, 60) == [
        ("She drew her foot as far down the chimney as she could,", 10),
        ("and waited till she heard it.", 0),
    ]


def test_a_dash_is_a_place_to_cut() -> None:
    text = "It was the best butter--the very best that anybody could buy"
    assert spoken(text, 40) == [
        ("It was the best butter--", 10),
        ("the very best that anybody could buy", 0),
    ]


def test_a_number_is_not_cut_at_its_comma() -> None:
    text = "There were 1,000,000 people in the town that day"
    assert spoken(text, 25)[0] == ("There were 1,000,000", 0)


def test_sentences_inside_a_long_quotation_are_cut_apart_first() -> None:
    text = "`They went, all of them, together. They never, ever came back, I think, that day'"
    assert spoken(text, 60)[0] == ("`They went, all of them, together.", 30)


def test_without_punctuation_the_cut_is_before_a_conjunction_and_silent() -> None:
    text = "the cook took the cauldron of soup off the fire and set to work throwing everything"
    assert spoken(text, 60) == [
        ("the cook took the cauldron of soup off the fire", 0),
        ("and set to work throwing everything", 0),
    ]


def test_pieces_are_balanced() -> None:
    pieces = [len(text) for text, _ in spoken("word " * 62, 100)]
    assert len(pieces) == 4
    assert min(pieces) > 60


def test_a_word_without_end_is_cut_without_a_pause() -> None:
    pieces = spoken("a" * 100_000, 300)
    assert "".join(text for text, _ in pieces) == "a" * 100_000
    assert {pause for _, pause in pieces} == {0}


@pytest.mark.parametrize(
    "cluster", ["e\u0301\u0323", "👩\u200d👩\u200d👧", "👍🏽", "✊\ufe0f", "कि"]
)
def test_a_cut_never_tears_a_character_apart(cluster: str) -> None:
    for text, _ in spoken(cluster * 40, 11):
        assert text.replace(cluster, "") == ""


def test_a_character_longer_than_the_limit_is_cut_all_the_same() -> None:
    first, *_ = spoken("e" + "\u0301" * 50 + "f", 10)
    assert first == ("e" + "\u0301" * 9, 0)


def test_long_chinese_sentences_are_cut_at_their_own_punctuation() -> None:
    text = "今天天气很好我们去公园，看见了许多花；还有许多鸟在树上唱歌"
    assert spoken(text, 20) == [
        ("今天天气很好我们去公园，", 10),
        ("看见了许多花；还有许多鸟在树上唱歌", 0),
    ]
