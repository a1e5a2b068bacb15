"""From text to segments: what is spoken, in which pieces, with which pauses."""

import pytest

from stentor.errors import SpeechError
from stentor.text.plan import plan
from stentor.text.segments import Pauses
from stentor.text.sentences import sentences

PAUSES = Pauses(sentence_ms=30, clause_ms=10, paragraph_ms=70, section_ms=120)


def spoken(text: str, language: str = "en", max_chars: int = 300) -> list[str]:
    planned = plan(text, "v", language=language, max_chars=max_chars)
    return [segment.text for segment in planned.segments]


def test_a_sentence_is_a_segment_with_its_span_and_its_pause() -> None:
    text = "  Oh dear!  I shall be \t late.\n"
    planned = plan(text, "v", pauses=PAUSES)
    first, second = planned.segments
    assert (first.index, first.text, first.voice, first.pause_after_ms) == (0, "Oh dear!", "v", 30)
    assert (second.index, second.text, second.pause_after_ms) == (1, "I shall be late.", 0)
    assert text[first.start : first.end] == "Oh dear!"
    assert text[second.start : second.end] == "I shall be \t late."
    assert (planned.characters, planned.warnings) == (len(text), [])


def test_abbreviations_do_not_end_a_sentence() -> None:
    assert spoken("Mr. Smith met Dr. Jones at 5 p.m. today.") == [
        "Mr. Smith met Dr. Jones at 5 p.m. today."
    ]


def test_an_unknown_language_is_read_by_the_rules_of_english() -> None:
    assert spoken("Mr. Smith came. He sat.", language="tlh") == ["Mr. Smith came.", "He sat."]


def test_what_begins_in_lower_case_goes_on_with_the_sentence_before() -> None:
    assert spoken("And then, thump! thump! down she came. The end.") == [
        "And then, thump! thump! down she came.",
        "The end.",
    ]


def test_a_closing_quotation_mark_stays_with_its_sentence() -> None:
    text = "`Off with her head!'  There was silence. “Nonsense!” The Queen was still."
    assert spoken(text) == [
        "`Off with her head!'",
        "There was silence.",
        "“Nonsense!”",
        "The Queen was still.",
    ]


def test_an_opening_quotation_mark_goes_with_the_sentence_after_it() -> None:
    text = '`"Will you walk?" said a whiting to a snail. "There\'s a porpoise behind us.'
    assert spoken(text) == [
        '`"Will you walk?" said a whiting to a snail.',
        "\"There's a porpoise behind us.",
    ]


def test_marks_of_emphasis_are_not_spoken() -> None:
    text = "I'm sure _I_ shan't, _not\never_, **never**; keep snake_case and 5 * 3."
    assert spoken(text) == ["I'm sure I shan't, not ever, never; keep snake_case and 5 * 3."]


def test_invisible_characters_are_not_spoken() -> None:
    text = "\ufeffHel\u200blo\x00 \u200b wo\u00adrld\u202e\u00a0again."
    assert spoken(text) == ["Hello world again."]


def test_joiners_stay_where_they_join() -> None:
    assert spoken("A 👩\u200d👩\u200d👧 and می\u200cخواهم\u200d here.") == [
        "A 👩\u200d👩\u200d👧 and می\u200cخواهم here."
    ]


@pytest.mark.parametrize("mute", ["!!!", "...", "— —", "\x07", "\u0301", "_"])
def test_a_paragraph_without_speech_becomes_a_longer_pause(mute: str) -> None:
    planned = plan(f"One. Two.\n{mute}\n\nThree.", "v", pauses=PAUSES)
    assert [segment.text[:4] for segment in planned.segments] == ["One.", "Two.", "Thre"]
    assert planned.segments[1].pause_after_ms == 70


@pytest.mark.parametrize("text", ["5", "€", "≈", "👍", "½", "あ", "ⅷ"])
def test_a_single_letter_number_or_symbol_is_spoken(text: str) -> None:
    assert spoken(text) == [text]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        (" \n\t\u00a0\u3000", "white space"),
        ("!!! ... — “”", "punctuation"),
        ("* * *\n\n-----", "ornaments"),
        ("\x00\u200b\u202e", "control characters"),
    ],
)
def test_a_text_with_nothing_to_speak_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(SpeechError) as caught:
        plan(text, "v")
    assert (caught.value.status_code, caught.value.code) == (400, "nothing_to_speak")
    assert caught.value.param == "input"
    assert said in caught.value.message
    assert "expected" in caught.value.message


def test_a_lone_surrogate_is_refused_with_its_place() -> None:
    with pytest.raises(SpeechError) as caught:
        plan("abc\ud83d def", "v")
    assert (caught.value.code, caught.value.param) == ("invalid_text", "input")
    assert "character 3" in caught.value.message


def test_chinese_sentences_need_no_spaces() -> None:
    assert spoken("今天天气很好。我们去公园吧！你呢？", language="zh-CN") == [
        "今天天气很好。",
        "我们去公园吧！",
        "你呢？",
    ]


def test_mixed_scripts_and_directions_are_kept_in_order() -> None:
    text = "She said שלום to me. مرحبا بك. Then Москва! 東京です。"
    assert " ".join(spoken(text)) == text


def test_a_failure_inside_the_boundary_finder_loses_no_text() -> None:
    text = "Plan M\u2028. Go."  # the finder's Rust code panics over this white space
    assert list(sentences(text, "en", 300)) == [(0, len(text))]
