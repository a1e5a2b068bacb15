"""Phonetic alphabets become IPA."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stentor.lexicon import alphabets
from stentor.lexicon.alphabets import ALPHABETS, NotPhonemes, read_alphabet, to_ipa


@pytest.mark.parametrize(
    ("alphabet", "written", "ipa"),
    [
        ("cmu-arpabet", "S T EH1 N T AO0 R", "stˈɛntɔɹ"),
        ("cmu-arpabet", "AH0 B AH1 V", "əbˈʌv"),
        ("cmu-arpabet", "b er1 d er0", "bˈɝdɚ"),
        ("cmu-arpabet", "IH2 N", "ˌɪn"),
        ("x-sampa", '"stEntO:r\\', "ˈstɛntɔːɹ"),
        ("x-sampa", "t_h_w y~", "tʰʷ ỹ"),
        ("x-sampa", "d`z`", "ɖʐ"),
        ("x-sampa", "t-S", "tʃ"),
        ("ipa", "/ˈgɪf/", "ˈɡɪf"),
        ("ipa", " [ˈniːʃ] ", "ˈniːʃ"),
        ("ipa", "'ni:ʃ", "ˈniːʃ"),
        ("ipa", "c\u0327", "ç"),
        ("ipa", "mɔ̃  blɑ̃", "mɔ̃ blɑ̃"),
    ],
)
def test_a_transcription_becomes_ipa(alphabet: str, written: str, ipa: str) -> None:
    assert to_ipa(written, alphabet) == ipa


@pytest.mark.parametrize(
    ("alphabet", "written", "named"),
    [
        ("cmu-arpabet", "N IY1SH", "'IY1SH'"),
        ("cmu-arpabet", "1", "'1'"),
        ("x-sampa", "ni#S", "'#' at 3"),
        ("ipa", "N IY1 SH", "'N' (U+004E)"),
        ("ipa", "ниш", "'н' (U+043D)"),
        ("ipa", "/ /", "empty"),
        ("x-sampa", "-", "empty"),
    ],
)
def test_what_an_alphabet_does_not_know_is_named(alphabet: str, written: str, named: str) -> None:
    with pytest.raises(NotPhonemes) as refused:
        to_ipa(written, alphabet)
    assert named in str(refused.value)


def test_alphabets_have_several_names() -> None:
    assert [read_alphabet(name) for name in ("IPA", "cmu", "x-SAMPA")] == list(ALPHABETS)
    with pytest.raises(NotPhonemes, match="x-sampa"):
        read_alphabet("klingon")


def test_every_symbol_of_the_tables_becomes_ipa_that_stays_as_it_is() -> None:
    symbols = [("cmu-arpabet", one) for one in alphabets._arpabet()]
    symbols += [("x-sampa", one) for one in alphabets._xsampa()[0] if one != "-"]
    assert len(symbols) > 200
    for alphabet, symbol in symbols:
        ipa = to_ipa(symbol, alphabet)
        assert to_ipa(ipa, "ipa") == ipa


@given(st.text(max_size=30), st.sampled_from(ALPHABETS))
def test_any_text_becomes_ipa_or_is_refused(text: str, alphabet: str) -> None:
    try:
        ipa = to_ipa(text, alphabet)
    except NotPhonemes:
        return
    assert to_ipa(ipa, "ipa") == ipa
