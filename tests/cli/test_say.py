"""`stentor say` and `stentor voices`: a voice without a server."""

from __future__ import annotations

import subprocess
from pathlib import Path

import av
import pytest

from support import STENTOR


def stentor(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*STENTOR, *arguments], capture_output=True, text=True, input=text, timeout=120
    )


def duration(path: Path) -> float:
    with av.open(str(path)) as container:
        return sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))


def test_a_text_becomes_the_file_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "out.mp3"
    done = stentor("say", "The herald spoke.", "-o", str(path))
    assert done.returncode == 0, done.stderr
    assert str(path) in done.stdout
    assert 0.5 < duration(path) < 4
    assert [one.name for one in tmp_path.iterdir()] == ["out.mp3"]


def test_a_file_becomes_audio_in_the_format_of_the_endings_name(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("First line.\n\nSecond line.")
    path = tmp_path / "out.flac"
    done = stentor("say", "-f", str(tmp_path / "text.txt"), "-o", str(path), "--speed", "2")
    assert done.returncode == 0, done.stderr
    assert path.read_bytes()[:4] == b"fLaC"


@pytest.mark.parametrize("ending", ["ulaw", "alaw"])
def test_telephony_is_a_byte_a_sample_at_8_khz(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out.{ending}"
    done = stentor("say", "The herald spoke.", "-o", str(path))
    assert done.returncode == 0, done.stderr
    assert 0.5 < path.stat().st_size / 8000 < 4


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["say"], "either a text or --file"),
        (["say", "Hello", "-o", "out.xyz"], "--format"),
        (["say", "Hello", "-o", "missing/out.mp3"], "no folder"),
        (["say", "Hello", "-o", ".", "--format", "mp3"], "is a folder"),
        (["say", "Hello", "--speed", "9"], "0.25 to 4"),
        (["say", "Hello", "--voice", "onyx"], "joe"),
        (["say", "-f", "missing.txt"], "missing.txt"),
        (["say", "..."], "nothing"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = stentor(*arguments)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_text_from_standard_input_is_spoken(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    done = stentor("say", "-f", "-", "-o", str(path), text="-5 degrees.")
    assert done.returncode == 0, done.stderr
    assert duration(path) > 0.5


def test_vendors_that_cannot_be_asked_are_told_beside_the_voices(tmp_path: Path) -> None:
    config = tmp_path / "stentor.toml"
    config.write_text('[providers.box]\ntype = "openai"\nbase_url = "http://127.0.0.1:9/v1"')
    done = stentor("voices", "--config", str(config))
    assert "joe" in done.stdout
    assert "box: its voices could not be listed" in done.stdout
    assert "provider.voices_failed" not in done.stdout + done.stderr
    done = stentor("voices", "--provider", "nobody", "--config", str(config))
    assert done.returncode != 0
    assert "expected one of piper, box" in done.stderr


def test_the_voices_are_listed() -> None:
    done = stentor("voices")
    assert "joe" in done.stdout
    assert "piper/en_US-joe-medium" in done.stdout
