"""Each word finds its own phonemes among those of the whole text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from piper.phonemize_espeak import ESPEAK_DATA_DIR, EspeakPhonemizer

from stentor.engines.words import divide, place

espeak = EspeakPhonemizer(ESPEAK_DATA_DIR)


def read(text: str) -> list[str]:
    return [phoneme for sentence in espeak.phonemize("en-us", text) for phoneme in sentence]


def placed(text: str) -> list[tuple[str, str]]:
    """Words with their phonemes in the sentence."""
    spoken = read(text)
    words = divide(text)
    found = place([read(text[start:end]) for start, end in words], spoken)
    return [
        (text[start:end], "".join(spoken[one[0] : one[1]]))
        for (start, end), one in zip(words, found, strict=True)
        if one
    ]


def test_words_that_are_run_together_are_told_apart() -> None:
    assert "ʌvðə" in "".join(read("It is one of the best."))
    assert placed("It is one of the best.")[2:5] == [("one", "wˈʌn"), ("of", "ʌv"), ("the", "ðə")]


def test_numbers_signs_and_abbreviations_have_all_that_is_read_for_them() -> None:
    assert placed("In 1984 we paid $5 to Dr. Smith.") == [
        ("In", "ɪn"),
        ("1984", "nˈaɪntiːnhˈʌndɹɪd ˈeɪɾi fˈɔːɹ"),
        ("we", "wiː"),
        ("paid", "pˈeɪd"),
        ("$5", "dˈɑːlɚ fˈaɪv"),
        ("to", "tə"),
        ("Dr.", "dˈɑːktɚ"),
        ("Smith.", "smˈɪθ"),
    ]


def test_what_is_not_spoken_has_no_phonemes() -> None:
    words = placed("Well — “yes” … and * then—no.")
    assert [word for word, _ in words] == ["Well", "“yes”", "and", "*", "then", "no."]


def test_words_end_at_dashes_and_characters_without_spaces_are_words() -> None:
    text = "then—no 東京は、ラーメン。x"
    words = [text[start:end] for start, end in divide(text)]
    assert words == ["then", "—", "no", "東", "京", "は、", "ラー", "メ", "ン。", "x"]


def test_words_end_where_they_are_cut() -> None:
    assert divide("Chelsea's dog", [7]) == [(0, 7), (7, 9), (10, 13)]


def test_a_swallowed_word_shares_its_neighbours_sounds() -> None:
    [first, second] = place([list("ænd"), list("ɐ")], list("ænd"))
    assert (first, second) == ((0, 2), (2, 3))


@given(st.text("ab 9é漢—-,.", max_size=200))
def test_the_words_are_all_but_the_white_space(text: str) -> None:
    assert "".join(text[start:end] for start, end in divide(text)) == "".join(text.split())


SOUNDS = st.lists(st.sampled_from([*"aɪʌptskɹˈː,. "]), max_size=12)


@given(st.lists(SOUNDS, max_size=30), SOUNDS)
def test_places_are_ordered_disjoint_and_cover_every_sound(
    words: list[list[str]], spoken: list[str]
) -> None:
    check(words, spoken)


@given(st.lists(SOUNDS, max_size=30))
def test_words_that_are_read_as_alone_are_found_exactly(words: list[list[str]]) -> None:
    spoken = [phoneme for word in words for phoneme in [*word, " "]]
    check(words, spoken)


def check(words: list[list[str]], spoken: list[str]) -> None:
    found = place(words, spoken)
    assert len(found) == len(words)
    ends = [edge for one in found if one for edge in one]
    assert ends == sorted(ends)
    assert all(one[0] < one[1] for one in found if one)
    if any(found):
        sounds = {at for at, phoneme in enumerate(spoken) if phoneme in "aɪʌptskɹ"}
        assert sounds <= {at for one in found if one for at in range(*one)}


def test_a_long_text_keeps_in_step() -> None:
    text = " ".join(f"In the {n}th of the years, I have been to it." for n in range(300, 500))
    words = placed(text)
    assert len(words) == len(text.split())
    assert [sound for word, sound in words if word == "been"] == ["bɪn"] * 200
