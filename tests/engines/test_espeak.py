"""Nothing that espeak-ng is given is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from piper.phonemize_espeak import ESPEAK_DATA_DIR, EspeakPhonemizer

from stentor.engines.espeak import split_long_words, split_phonemes

espeak = EspeakPhonemizer(ESPEAK_DATA_DIR)


def phonemize(text: str) -> str:
    return "".join("".join(sentence) for sentence in espeak.phonemize("en-us", text))


def test_espeak_loses_most_of_a_long_word() -> None:
    assert phonemize("x" * 300).count("ɛks") < 60


@pytest.mark.parametrize(("word", "sound"), [("x", "ɛks"), ("w", "ʌb")])
def test_every_letter_of_a_long_word_is_spoken(word: str, sound: str) -> None:
    spoken = phonemize(split_long_words(word * 300, phonemize))
    assert spoken.count(sound) == 300


def test_every_digit_of_a_flood_is_spoken() -> None:
    text = split_long_words("7" * 300, phonemize)
    assert text.replace(" ", "") == "7" * 300
    groups = [phonemize(group) for group in text.split(" ")]
    assert all(max(map(len, group.split(" "))) < 90 for group in groups)


def test_words_that_fit_are_left_alone() -> None:
    text = "the pneumonoultramicroscopicsilicovolcanoconiosis of https://example.org/some/path"
    assert split_long_words(text, phonemize) == text


@given(st.text("ab 9é漢-", max_size=400))
def test_only_spaces_are_added(text: str) -> None:
    assert split_long_words(text, phonemize).replace(" ", "") == text.replace(" ", "")


@given(st.lists(st.sampled_from(["a", "b", " "]), max_size=200), st.integers(2, 40))
def test_phonemes_are_cut_without_losing_one(phonemes: list[str], limit: int) -> None:
    parts = list(split_phonemes(phonemes, limit))
    assert [phoneme for part in parts for phoneme in part] == phonemes
    assert all(len(part) <= limit for part in parts)
