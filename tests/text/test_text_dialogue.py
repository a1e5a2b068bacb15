"""Texts with several speakers."""

import pytest

from stentor.contract import SpeakerVoice
from stentor.errors import SpeechError
from stentor.text.plan import plan
from stentor.text.segments import Pauses

CAST = [SpeakerVoice("Alice", "amy"), SpeakerVoice("The Hatter", "joe")]


def spoken(text: str) -> list[tuple[str, str]]:
    return [(segment.voice, segment.text) for segment in plan(text, CAST).segments]


def test_labels_switch_the_voice_and_are_not_spoken() -> None:
    text = "Alice: Hello there. How are you?\nTHE HATTER : Very well.\nalice:Good.\n"
    assert spoken(text) == [
        ("amy", "Hello there."),
        ("amy", "How are you?"),
        ("joe", "Very well."),
        ("amy", "Good."),
    ]


def test_labels_are_outside_all_spans() -> None:
    text = "Alice: Hello.\nThe Hatter: Hi."
    planned = plan(text, CAST)
    assert [text[one.start : one.end] for one in planned.segments] == ["Hello.", "Hi."]
    assert planned.warnings == []


@pytest.mark.parametrize(
    "label", ["**The Hatter:** ", "_the  hatter_: ", "  The Hatter：", "The Hatter:\n"]
)
def test_labels_may_be_emphasised_indented_or_alone(label: str) -> None:
    assert spoken(f"Alice: Yes.\n{label}No room!") == [("amy", "Yes."), ("joe", "No room!")]


def test_a_change_of_speaker_is_at_least_a_sentence_pause() -> None:
    pauses = Pauses(sentence_ms=30, paragraph_ms=70, clause_ms=10)
    planned = plan("Alice: I think,\nThe Hatter: so\n\nAlice: Oh", CAST, pauses=pauses)
    assert [segment.pause_after_ms for segment in planned.segments] == [30, 70, 0]


def test_a_turn_goes_on_over_wrapped_lines_and_paragraphs() -> None:
    text = "The Hatter: It is always tea-time, and we have no\ntime to wash.\n\nNone at all.\n"
    assert spoken(text) == [
        ("joe", "It is always tea-time, and we have no time to wash."),
        ("joe", "None at all."),
    ]


def test_an_unlisted_name_is_just_text() -> None:
    assert spoken("Alice: Look.\nDormouse: Zzz.") == [("amy", "Look."), ("amy", "Dormouse: Zzz.")]


def test_text_before_the_first_label_is_read_by_the_first_speaker_with_a_warning() -> None:
    planned = plan("A tea-table.\nThe Hatter: No room!", CAST)
    assert [segment.voice for segment in planned.segments] == ["amy", "joe"]
    assert len(planned.warnings) == 1
    assert "before the first speaker" in planned.warnings[0]
    assert "'amy'" in planned.warnings[0]


def test_ornaments_before_the_first_label_are_no_reason_to_warn() -> None:
    assert plan("***\n\nAlice: Hi.", CAST).warnings == []


def test_a_dialogue_without_labels_is_read_by_the_first_speaker_with_a_warning() -> None:
    planned = plan("No room!", CAST)
    assert planned.segments[0].voice == "amy"
    assert "no line of input begins with" in planned.warnings[0]


def test_labels_without_text_are_nothing_to_speak() -> None:
    with pytest.raises(SpeechError, match="nothing but") as caught:
        plan("Alice:\nThe Hatter: ...", CAST)
    assert caught.value.code == "nothing_to_speak"


@pytest.mark.parametrize(
    ("voices", "said"),
    [
        ([], "empty"),
        ([SpeakerVoice("Al", "a"), SpeakerVoice(" AL", "b")], "twice"),
        ([SpeakerVoice(" ", "a")], "blank"),
        ([SpeakerVoice("A:B", "a")], "colon"),
    ],
)
def test_a_list_of_speakers_that_cannot_work_is_refused(
    voices: list[SpeakerVoice], said: str
) -> None:
    with pytest.raises(SpeechError, match=said) as caught:
        plan("Hello.", voices)
    assert (caught.value.status_code, caught.value.param) == (400, "voice")
