"""`stentor book`: chapters, and going on where it was broken off."""

from __future__ import annotations

import signal
import subprocess
import time
import zipfile
from pathlib import Path

import av
import pytest

from cli.here import stentor_here
from cli.test_say import stentor
from support import STENTOR

pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked")

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15"
    b"\xc4\x89\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00"
    b"\x00\x00IEND\xaeB`\x82"
)


def chapters(file: Path) -> list[str]:
    with av.open(str(file)) as book:
        return [one["metadata"]["title"] for one in book.chapters()]


def test_a_plain_text_becomes_a_book_with_its_chapters(tmp_path: Path) -> None:
    text = tmp_path / "tale.txt"
    text.write_text("CHAPTER I\n\nThe Start\n\nIt began.\n\n\nCHAPTER II\n\nIt ended.\n")
    done = stentor("book", str(text))
    assert done.returncode == 0, done.stderr
    assert chapters(tmp_path / "tale.m4b") == ["CHAPTER I: The Start", "CHAPTER II"]
    with av.open(str(tmp_path / "tale.m4b")) as book:
        assert book.metadata["title"] == "tale"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["tale.m4b", "tale.txt"]


def test_an_epub_brings_its_title_its_authors_and_its_cover(tmp_path: Path) -> None:
    epub = tmp_path / "tale.epub"
    with zipfile.ZipFile(epub, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr(
            "META-INF/container.xml",
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0">'
            '<rootfiles><rootfile full-path="book.opf" media-type="application/oebps-package+xml"/>'
            "</rootfiles></container>",
        )
        archive.writestr(
            "book.opf",
            '<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="i">'
            '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:identifier id="i">x'
            "</dc:identifier><dc:title>The Tale</dc:title><dc:creator>Anna Author</dc:creator>"
            "<dc:language>en</dc:language></metadata><manifest>"
            '<item id="c" href="c.png" media-type="image/png" properties="cover-image"/>'
            '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest>'
            '<spine><itemref idref="a"/></spine></package>',
        )
        archive.writestr(
            "a.xhtml",
            '<html xmlns="http://www.w3.org/1999/xhtml"><body><h1>One</h1><p>It was.</p>'
            "<h1>Two</h1><p>It is.</p></body></html>",
        )
        archive.writestr("c.png", PNG)
    done = stentor("book", str(epub), "-o", str(tmp_path / "out.m4b"), "--narrator", "Joe")
    assert done.returncode == 0, done.stderr
    assert chapters(tmp_path / "out.m4b") == ["One", "Two"]
    with av.open(str(tmp_path / "out.m4b")) as book:
        assert book.metadata["title"] == "The Tale"
        assert book.metadata["artist"] == "Anna Author"
        assert len(book.streams.video) == 1


def test_a_book_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    text = tmp_path / "tale.md"
    text.write_text("# One\n\n" + " ".join(f"This is sentence {n} of the tale." for n in range(24)))
    command = [*STENTOR, "book", str(text), "--loudness", "off"]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    segments = tmp_path / "tale.m4b.parts" / "segments"
    deadline = time.monotonic() + 120
    while not segments.is_dir() or len(list(segments.iterdir())) < 3:
        assert time.monotonic() < deadline and first.poll() is None
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.wait()
    kept = {one.name: one.stat().st_mtime_ns for one in segments.iterdir()}
    second = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(list(segments.iterdir())) < len(kept) + 3:
        assert time.monotonic() < deadline and second.poll() is None
        time.sleep(0.01)
    now = {one.name: one.stat().st_mtime_ns for one in segments.iterdir()}
    assert now.items() >= kept.items(), "what was spoken is not spoken again"
    assert second.wait(120) == 0
    assert chapters(tmp_path / "tale.m4b") == ["One"]
    assert not segments.exists()


def test_speakers_have_voices_of_their_own(tmp_path: Path) -> None:
    text = tmp_path / "talk.txt"
    text.write_text("Anna: Where is it?\nBen: Over there.")
    done = stentor("book", str(text), "--voice", "Anna=joe", "--voice", "Ben=joe")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-o", "out.mp3"], "must end in .m4b"),
        (["--loudness", "loud"], "expected one of podcast, audiobook, broadcast, off"),
        (["--voice", "Anna=joe", "--voice", "joe"], "SPEAKER=VOICE"),
        (["--cover", "nothing.png"], "nothing.png cannot be read"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, arguments: list[str], says: str) -> None:
    text = tmp_path / "tale.txt"
    text.write_text("It was.")
    done = stentor_here("book", str(text), *arguments)
    assert done.returncode != 0
    assert says in " ".join(done.stderr.decode().split())


def test_a_voice_that_there_is_not_is_named(tmp_path: Path) -> None:
    text = tmp_path / "tale.txt"
    text.write_text("It was.")
    done = stentor("book", str(text), "--voice", "nobody")
    assert done.returncode != 0
    assert "has no voice 'nobody'" in " ".join(done.stderr.split())
