"""Nothing that espeak-ng is given is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from piper.phonemize_espeak import ESPEAK_DATA_DIR, EspeakPhonemizer

from stentor.engines.espeak import split_phonemes, whole_pieces

espeak = EspeakPhonemizer(ESPEAK_DATA_DIR)


def phonemize(text: str) -> str:
    return "".join("".join(sentence) for sentence in espeak.phonemize("en-us", text))


def spoken(text: str) -> str:
    return " ".join(phonemize(piece) for piece in whole_pieces(text, phonemize))


def test_espeak_loses_most_of_a_long_word_and_of_a_long_clause() -> None:
    assert phonemize("x" * 300).count("ɛks") < 60
    assert phonemize("漢" * 300).count("tʃ") < 200


@pytest.mark.parametrize(("word", "sound"), [("x", "ɛks"), ("w", "ʌb"), ("漢", "tʃ")])
def test_every_letter_of_a_long_word_is_spoken(word: str, sound: str) -> None:
    assert spoken(word * 300).count(sound) == 300


def test_every_digit_of_a_flood_is_spoken() -> None:
    pieces = whole_pieces("7" * 300, phonemize)
    assert "".join(pieces).replace(" ", "") == "7" * 300
    groups = [phonemize(group) for piece in pieces for group in piece.split(" ")]
    assert all(max(map(len, group.split(" "))) < 90 for group in groups)


def test_a_text_that_fits_is_left_alone() -> None:
    text = "the pneumonoultramicroscopicsilicovolcanoconiosis of https://example.org/some/path"
    assert whole_pieces(text, phonemize) == [text]


@given(st.text("ab 9é漢-", max_size=400))
def test_only_spaces_are_added(text: str) -> None:
    assert "".join(whole_pieces(text, phonemize)).replace(" ", "") == text.replace(" ", "")


@given(st.lists(st.sampled_from(["a", "b", " "]), max_size=200), st.integers(2, 40))
def test_phonemes_are_cut_without_losing_one(phonemes: list[str], limit: int) -> None:
    parts = list(split_phonemes(phonemes, limit))
    assert [phoneme for part in parts for phoneme in part] == phonemes
    assert all(len(part) <= limit for part in parts)
