"""Timed words and characters find their places in the text, whatever the vendor made of it."""

from __future__ import annotations

import pytest

from stentor.providers.spans import character_timings, word_timings
from stentor.providers.wire import Timing


def spoken(text: str, words: list[str]) -> list[str]:
    timings = word_timings(text, [(w, n, n + 1) for n, w in enumerate(words)])
    assert [t.start for t in timings] == sorted(t.start for t in timings)
    return [text[t.start : t.end] for t in timings]


@pytest.mark.parametrize(
    ("text", "words", "found"),
    [
        ("Sing, goddess.", ["Sing,", "goddess."], ["Sing", "goddess"]),
        ("Sing, goddess.", ["Sing", ",", " ", "goddess", "."], ["Sing", "goddess"]),
        ("Wörter: café – naïve!", ["Wörter:", "café", "naïve"], ["Wörter", "café", "naïve"]),
        ("I have 3 tenants.", ["I", "have", "three", "tenants"], ["I", "have", "tenants"]),
        ("10 tenants, ten.", ["ten", "tenants,", "ten."], ["ten"]),
        ("the thesis the", ["the", "thesis", "the"], ["the", "thesis", "the"]),
        ("HELLO World", ["hello", "world"], ["HELLO", "World"]),
        ("İstanbul ve Ankara", ["İstanbul", "ve", "Ankara"], ["İstanbul", "ve", "Ankara"]),
        ("你好世界。再见", ["你好", "世界", "再见"], ["你好", "世界", "再见"]),
        ("a 😀 b", ["a", "b"], ["a", "b"]),
        ("", ["ghost"], []),
    ],
)
def test_words_are_found_in_order(text: str, words: list[str], found: list[str]) -> None:
    assert spoken(text, words) == found


def test_a_word_that_is_not_there_does_not_catch_one_far_ahead() -> None:
    text = "One. " + "x " * 200 + "zwei"
    assert spoken(text, ["zwei", "One"]) == ["One"]


def test_after_many_words_that_were_spelt_out_the_rest_is_found_again() -> None:
    text = "Call 0123456789012345678901234567890123456789012345678901234567890123456789 now"
    assert spoken(text, ["Call", *["nought"] * 70, "now"]) == ["Call", "now"]


def test_times_are_in_milliseconds_and_do_not_overlap() -> None:
    assert word_timings("a b", [("a", 0.0, 0.5004), ("b", 0.4, 0.3)]) == (
        Timing(0, 1, 0, 500),
        Timing(2, 3, 500, 500),
    )


def places(text: str, characters: list[str]) -> list[int]:
    times = [float(n) for n in range(len(characters))]
    return [t.start for t in character_timings(text, characters, times, times)]


@pytest.mark.parametrize(
    ("text", "characters", "found"),
    [
        ("Añ😀", ["A", "ñ", "😀"], [0, 1, 2]),
        ("“Hi” she", list('"Hi" she'), [1, 2, 4, 5, 6, 7]),
        ("[sighs] Yes.", list("Yes."), [8, 9, 10, 11]),
        ("5 cats", list("five cats"), [1, 2, 3, 4, 5]),
        ("ab", ["", "a", "b"], [0, 1]),
    ],
)
def test_characters_are_found_in_order(text: str, characters: list[str], found: list[int]) -> None:
    assert places(text, characters) == found


def test_times_that_are_missing_are_told() -> None:
    with pytest.raises(ValueError, match="zip"):
        character_timings("ab", ["a", "b"], [0.0], [1.0, 2.0])
