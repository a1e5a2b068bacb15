"""`stentor text`: how a text will be spoken."""

from __future__ import annotations

import json
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.here import stentor_here
from stentor.cli.preview import Previewer
from stentor.config import load
from stentor.errors import SpeechError
from support import STENTOR

pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked")

PLS = (
    '<lexicon version="1.0" xmlns="http://www.w3.org/2005/01/pronunciation-lexicon" '
    'alphabet="ipa" xml:lang="en"><lexeme><grapheme>{}</grapheme><alias>{}</alias></lexeme>'
    "</lexicon>"
)


def stentor(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return stentor_here("text", *arguments, stdin=stdin)


def shown(*arguments: str, stdin: str = "") -> str:
    done = stentor(*arguments, stdin=stdin.encode())
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def preview(*arguments: str, stdin: str = "") -> Any:
    return json.loads(shown("--json", *arguments, stdin=stdin))


def test_each_line_is_printed_as_it_will_be_spoken() -> None:
    lines = "It was $4.50.\n\n  \r\n...\n* Dr. Smith\n-5 degrees\nend"
    said = shown("--normalise", "--lang", "en", stdin=lines)
    assert said.split("\n") == [
        "It was four dollars fifty cents.",
        "",
        "",
        "",
        "Doctor Smith",
        "minus five degrees",
        "end",
        "",
    ]


def test_there_is_a_line_for_each_line_whatever_is_in_it() -> None:
    lines = ["7" * 5000, "[[", "]]>", "<p", "\u2028", "a\x0bb", "\x00", "🙂🙂", "a" * 20_000, "%s"]
    said = shown("--normalise", "--lang", "en", stdin="\n".join(lines) + "\n")
    assert said.count("\n") == len(lines)
    assert shown("--normalise", stdin="") == ""
    assert shown("--normalise", stdin="\n\n") == "\n\n"


def test_lines_are_answered_before_the_next_one_comes() -> None:
    with subprocess.Popen(
        [*STENTOR, "text", "--normalise"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        for written, said in ((b"5 km\n", b"five kilometers\n"), (b"1st\n", b"first\n")):
            process.stdin.write(written)
            process.stdin.flush()
            assert process.stdout.readline() == said


def test_a_line_that_cannot_be_read_stays_and_is_told() -> None:
    done = stentor("--normalise", "--input-type", "ssml", stdin=b"<speak>5</speak>\n<speak>\n")
    assert (done.returncode, done.stdout) == (1, b"five\n<speak>\n")
    assert done.stderr.startswith(b"stentor: line 2 stays as it is")


def test_the_segments_are_printed_line_by_line() -> None:
    assert shown("Dr. Smith came at 5 p.m. He left.").splitlines() == [
        "Doctor Smith came at five PM.",
        "He left.",
    ]
    assert shown(stdin="1 text.\nFrom stdin.") == "one text.\nFrom stdin.\n"


def test_the_document_has_what_is_spoken_and_where_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "text.md"
    source = "# Part 1\n\nIt is *5* km.\n\n```\ncode\n```\n"
    file.write_text(source)
    document = preview("-f", str(file))
    assert document["input_type"] == "markdown"
    assert [one["text"] for one in document["segments"]] == ["Part one", "It is five kilometers."]
    for one in document["segments"]:
        assert one["written"] == source[one["start"] : one["end"]]
        assert one["voice"] == "joe"
        assert one["phonemes"] == []
        assert "style" not in one
    assert document["segments"][1]["written"] == "It is *5* km."
    assert [one["pause_after_ms"] for one in document["segments"]] == [1000, 0]
    assert document["chapters"] == [{"segment": 0, "title": "Part 1", "level": 1}]
    [warning] = document["warnings"]
    assert "code block" in warning


def test_what_the_voice_will_not_follow_is_warned_of() -> None:
    document = preview(
        '<speak><prosody rate="slow" pitch="+2st">Hello</prosody></speak>', "--lang", "de"
    )
    assert document["input_type"] == "ssml"
    assert document["segments"][0]["style"] == {"rate": 0.75}
    assert [w.partition("medium ")[2] for w in document["warnings"]] == [
        "does not speak 'de'; it speaks en-US",
        "does not change its pitch",
    ]


def test_emoji_and_the_language_are_read_as_told() -> None:
    assert shown("--normalise", "--lang", "de", "5 km") == "fünf Kilometer\n"
    assert shown("--normalise", "--lang", "en", "--emoji", "drop", "well 🙂") == "well\n"
    assert "smiling" in shown("--normalise", "--lang", "en", "well 🙂")


def test_dictionaries_are_files_and_the_first_has_precedence(tmp_path: Path) -> None:
    first, second = tmp_path / "first.pls", tmp_path / "second.pls"
    first.write_text(PLS.format("nginx", "engine X"))
    second.write_text(
        PLS.format("nginx", "nothing").replace("</lexicon>", "")
        + ("<lexeme><grapheme>SQL</grapheme><alias>sequel</alias></lexeme></lexicon>")
    )
    files = ("--dictionary", str(first), "--dictionary", str(second))
    assert shown("nginx and SQL", *files) == "engine X and sequel\n"
    assert shown("--normalise", *files, stdin="nginx\n5\n") == "engine X\nfive\n"


def test_whoever_reads_may_stop_before_the_end() -> None:
    with subprocess.Popen(
        [*STENTOR, "text", "--normalise"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        _, err = process.communicate(b"one\ntwo\n", timeout=120)
    assert err == b""


@given(st.text(max_size=200))
@settings(deadline=None)
def test_any_line_is_spoken_as_one_line(written: str) -> None:
    config = load(None, {}, {})
    try:
        said = Previewer.of(config).spoken(written, "auto")
    except SpeechError as error:
        assert error.code in ("invalid_text", "invalid_ssml")
    else:
        assert "\n" not in said
        assert said == said.strip(" ")


@pytest.mark.skipif(find_spec("piper") is None, reason="needs the extra stentor[piper]")
def test_the_voices_phonemes_are_shown_when_asked_for() -> None:
    document = preview("Hello there. It is 5 km.", "--phonemes")
    assert [one["voice_phonemes"] for one in document["segments"]] == [
        "həlˈoʊ ðˈɛɹ.",
        "ɪɾ ɪz fˈaɪv kɪlˈɑːmɪɾɚz.",
    ]
    assert shown("Hello there.", "--phonemes") == "Hello there.\n  /həlˈoʊ ðˈɛɹ./\n"
    assert "voice_phonemes" not in preview("Hello.")["segments"][0]


def test_texts_are_read_where_no_voice_is_installed(tmp_path: Path) -> None:
    config = tmp_path / "stentor.toml"
    config.write_text("[providers.piper]\nenabled = false\n")
    document = preview("It is 5 km.", "--config", str(config))
    assert (document["model"], document["voice"], document["warnings"]) == ("", "", [])
    assert document["segments"][0]["text"] == "It is five kilometers."
    done = stentor("It is 5 km.", "--phonemes", "--config", str(config))
    assert (done.returncode, done.stderr) == (1, b"stentor: --phonemes: no voice is installed\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["Hello", "-f", "x.txt"], "either a text or --file"),
        (["Hello", "--normalise", "--json"], "without --json"),
        (["-f", "missing.txt"], "missing.txt cannot be read"),
        (["--normalise", "-f", "missing.txt"], "missing.txt cannot be read"),
        (["--normalise", "-f", "book.epub"], "is a book"),
        (["-f", "bytes.txt"], "bytes.txt is not UTF-8"),
        (["--normalise", "-f", "bytes.txt"], "bytes.txt is not UTF-8"),
        (["-f", "bytes.epub"], "cannot be read: No such file"),
        (["Hello", "--dictionary", "bytes.txt"], "bytes.txt: line 1"),
        (["Hello", "--dictionary", "missing.pls"], "missing.pls cannot be read"),
        (["..."], "nothing"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\xfd")
    done = stentor(*arguments)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.count(b"\n") == 1
    assert says in done.stderr.decode()
