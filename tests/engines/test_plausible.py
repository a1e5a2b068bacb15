"""Audio that cannot be the speech of its text is told from audio that can."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stentor.audio.pcm import BLOCK, Pcm
from stentor.engines.base import EngineError, Spoken, Utterance
from stentor.engines.plausible import bounds_of_sounds, bounds_of_text, implausible, measure
from stentor.engines.worker import Failure, Success, answer_with

RATE = 22050
SENTENCE = "The quick brown fox jumps over the lazy dog, and nobody minds."


def sound(seconds: float, peak: int = 8000) -> Pcm:
    return Pcm(np.full(round(seconds * RATE), peak, np.int16), RATE)


def test_what_a_voice_makes_of_a_sentence_is_plausible() -> None:
    assert implausible(SENTENCE, sound(4)) is None


@pytest.mark.parametrize(
    ("audio", "reason"),
    [
        (sound(4, peak=32), "silent"),
        (sound(4, peak=0), "silent"),
        (sound(0), "silent"),
        (sound(4, peak=-32768), "clipped"),
        (sound(4, peak=32767), "clipped"),
        (sound(0.5), "cut short"),
        (sound(40), "does not end"),
    ],
)
def test_what_cannot_be_a_sentence_is_named(audio: Pcm, reason: str) -> None:
    found = implausible(SENTENCE, audio)
    assert found is not None
    assert reason in found


def test_a_loud_peak_is_no_clipping() -> None:
    audio = sound(4)
    audio.samples[1000:3000] = 32767
    assert implausible(SENTENCE, audio) is None


def test_the_speaking_rate_counts() -> None:
    assert implausible(SENTENCE, sound(0.7), speed=4) is None
    assert implausible(SENTENCE, sound(0.7)) is not None
    assert implausible(SENTENCE, sound(28), speed=0.25) is None
    assert implausible(SENTENCE, sound(28)) is not None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("A", 1.0),
        ("Hm, hm, hm, hm.", 0.3),
        ("7" * 300, 130),
        ("漢" * 40, 8),
        ("漢" * 40, 50),
        ("0.1 % $5 @ #", 7),
        ("😀🎉👨‍👩‍👧", 3),
        ("[whispers] [softly and slowly] Hush.", 0.6),
        ("<prosody rate='slow' pitch='low'>Hush.</prosody>", 0.6),
        (". . . . . . . . . . . . . .", 0.3),
        ("สวัสดีครับ ยินดีต้อนรับ", 2.5),
    ],
)
def test_texts_whose_length_says_little_are_given_room(text: str, seconds: float) -> None:
    assert implausible(text, sound(seconds)) is None


@given(st.text(max_size=200), st.floats(0.25, 4))
def test_bounds_of_any_text_leave_room(text: str, speed: float) -> None:
    shortest, longest = bounds_of_text(text, speed=speed)
    assert 0 <= shortest < longest


def test_few_sounds_may_take_any_time() -> None:
    assert bounds_of_sounds(12, 0.08).shortest == 0
    assert bounds_of_sounds(100, 0.08).shortest == pytest.approx(0.35 * 8)
    assert bounds_of_sounds(100, 0.08, speed=2).longest == pytest.approx(3 * (4 + 0.4))


def test_levels_of_long_audio_are_those_of_all_its_blocks() -> None:
    samples = np.zeros(2 * BLOCK + 100, np.int16)
    samples[-1] = -32768
    samples[0] = 32767
    levels = measure(Pcm(samples, RATE))
    assert (levels.peak, levels.clipped) == (32768, 2 / len(samples))


class Voice:
    """Answers with each of these in turn."""

    def __init__(self, *answers: Spoken | EngineError) -> None:
        self._answers = list(answers)
        self.again: list[bool] = []

    def speak(self, utterance: Utterance, *, again: bool = False) -> Spoken:
        self.again.append(again)
        answer = self._answers.pop(0)
        if isinstance(answer, EngineError):
            raise answer
        return answer


UTTERANCE = Utterance("piper", "joe", "joe", SENTENCE)
WRONG = EngineError("implausible_audio", "it is silent")
RIGHT = Spoken(b"\0\0", RATE)


def test_an_implausible_take_is_spoken_again() -> None:
    voice = Voice(WRONG, RIGHT)
    assert answer_with(voice, UTTERANCE) == Success(RIGHT)
    assert voice.again == [False, True]


def test_what_is_implausible_twice_fails_with_the_reason() -> None:
    voice = Voice(WRONG, WRONG)
    assert answer_with(voice, UTTERANCE) == Failure("implausible_audio", "it is silent")
    assert voice.again == [False, True]


def test_any_other_failure_is_final() -> None:
    voice = Voice(EngineError("unspeakable", "nothing to say"))
    assert answer_with(voice, UTTERANCE) == Failure("unspeakable", "nothing to say")
