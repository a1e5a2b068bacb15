"""`stentor say` and `stentor voices`: a voice without a server."""

from __future__ import annotations

import asyncio
import os
import subprocess
import zipfile
from pathlib import Path

import av
import pytest

from cli.here import stentor_here
from support import STENTOR
from upstream import elevenlabs
from upstream.server import running

CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>'
    '<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/>'
    "</rootfiles></container>"
)
PACKAGE = """<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata/><manifest>
<item id="one" href="one.xhtml" media-type="application/xhtml+xml"/>
<item id="two" href="two.xhtml" media-type="application/xhtml+xml"/>
<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
</manifest><spine><itemref idref="one"/><itemref idref="two"/><itemref idref="three"/></spine>
</package>"""
NAV = """<html><nav epub:type="toc"><a href="one.xhtml">THE HOLE</a>
<a href="two.xhtml">Two &amp; last</a></nav></html>"""
XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'

pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked")


def stentor(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*STENTOR, *arguments],
        capture_output=True,
        text=True,
        input=text,
        timeout=120,
        env=os.environ | {"STENTOR_ENGINES_WORKERS": "1"},
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


def book(path: Path) -> None:
    """An EPUB with a chapter that has its title, and one that has not."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("META-INF/container.xml", CONTAINER)
        archive.writestr("book.opf", PACKAGE)
        archive.writestr("nav.xhtml", NAV)
        archive.writestr("one.xhtml", f"<html {XHTML}><body><h1>The Hole</h1>Down.</body></html>")
        archive.writestr("two.xhtml", f"<html {XHTML}><head><title/></head><p>Up.</p></html>")


def read(*arguments: str) -> list[str]:
    """The segments that `say` would speak."""
    done = stentor_here("text", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().splitlines()


@pytest.mark.parametrize(
    ("name", "content", "segments"),
    [
        ("a.txt", "<speak>5 < 6</speak>", None),
        ("a.md", "# Title\n\nIt is *so*.", ["Title", "It is so."]),
        ("a.html", "<h1>Title</h1><script>no</script>It is so.", ["Title", "It is so."]),
        ("a.HTM", "<p>It is so.", ["It is so."]),
        ("a.ssml", "<?xml version='1.0'?><speak>It is so.</speak>", ["It is so."]),
    ],
)
def test_a_files_ending_says_what_it_is(
    tmp_path: Path, name: str, content: str, segments: list[str] | None
) -> None:
    file = tmp_path / name
    file.write_text(content)
    read_as = read("-f", str(file))
    if segments is None:
        assert "speak" in read_as[0]
    else:
        assert read_as == segments


def test_a_file_is_spoken_as_its_ending_says(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    (tmp_path / "a.html").write_text("<h1>Title</h1><script>no</script>It is so.")
    done = stentor("say", "-f", str(tmp_path / "a.html"), "-o", str(path))
    assert done.returncode == 0, done.stderr
    assert duration(path) > 0.5
    (tmp_path / "a.html").write_text("<script>no</script>")
    done = stentor("say", "-f", str(tmp_path / "a.html"), "-o", str(path))
    assert done.returncode == 1
    assert "input is empty" in done.stderr


def test_the_input_type_overrides_the_ending(tmp_path: Path) -> None:
    file, path = tmp_path / "a.txt", tmp_path / "out.wav"
    file.write_text("<speak>Too <break")
    assert stentor("say", "-f", str(file), "-o", str(path)).returncode == 0
    done = stentor("say", "-f", str(file), "-o", str(path), "--input-type", "ssml")
    assert done.returncode == 1
    assert "SSML" in done.stderr


def test_a_book_is_read_chapter_by_chapter_with_each_title_once(tmp_path: Path) -> None:
    file, path = tmp_path / "a.epub", tmp_path / "out.wav"
    book(file)
    assert read("-f", str(file)) == ["The Hole", "Down.", "Two and last", "Up."]
    done = stentor("say", "-f", str(file), "-o", str(path))
    assert done.returncode == 0, done.stderr
    assert duration(path) > 2
    assert "note: 'three' is missing from the book" in done.stdout


def test_words_are_spoken_as_a_dictionary_has_them(tmp_path: Path) -> None:
    dictionary = tmp_path / "a.pls"
    dictionary.write_text(
        '<lexicon version="1.0" xmlns="http://www.w3.org/2005/01/pronunciation-lexicon" '
        'alphabet="ipa"><lexeme><grapheme>LV</grapheme>'
        "<alias>the longest value of all these values here</alias></lexeme></lexicon>"
    )
    plain, said = tmp_path / "plain.wav", tmp_path / "said.wav"
    assert stentor("say", "LV", "-o", str(plain)).returncode == 0
    done = stentor("say", "LV", "-o", str(said), "--dictionary", str(dictionary))
    assert done.returncode == 0, done.stderr
    assert duration(said) > duration(plain) + 1


async def test_captions_are_written_beside_the_audio(tmp_path: Path) -> None:
    async with running(elevenlabs) as vendor:
        config = tmp_path / "stentor.toml"
        config.write_text(f'[providers.elevenlabs]\nbase_url = "{vendor.url}"\napi_key = "k"\n')
        process = await asyncio.create_subprocess_exec(
            *(*STENTOR, "say", "Hello there. It went well.", "-o", str(tmp_path / "out.mp3")),
            *("--model", "elevenlabs/eleven_flash_v2_5", "--voice", "voice0001"),
            *("--timestamps", "--config", str(config)),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
    assert process.returncode == 0
    captions = tmp_path / "out.vtt"
    assert str(captions) in out.decode()
    text = captions.read_text()
    assert text.startswith("WEBVTT\n\n00:00:00.")
    shown = [line for line in text.splitlines()[1:] if line and "-->" not in line]
    assert " ".join(shown) == "Hello there. It went well."
    assert {one.name for one in tmp_path.iterdir()} == {"stentor.toml", "out.mp3", "out.vtt"}


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
        (["say", "-f", "missing.txt"], "missing.txt"),
        (["say", "Hello", "--timestamps", "-o", "a.vtt", "--format", "mp3"], "of the captions"),
        (["say", "Hello", "--dictionary", "missing.pls"], "missing.pls"),
        (["say", "-f", "missing.epub"], "missing.epub"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, arguments: list[str], says: str) -> None:
    done = stentor_here(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert says in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["say", "Hello", "--voice", "onyx"], "joe"),
        (["say", "..."], "nothing"),
    ],
)
def test_what_cannot_be_spoken_is_said_in_one_line(
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
