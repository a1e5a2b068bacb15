from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audio.signals import decode, speech_like
from stentor.audio.encode import Encoded
from stentor.audio.m4b import AudiobookWriter, BookMetadata, Chapter, CoverType
from stentor.audio.pcm import Samples

RATE = 24000
PLAIN = BookMetadata("A Book")


def image(cover_type: CoverType, size: tuple[int, int] = (60, 40)) -> bytes:
    codec = "mjpeg" if cover_type == "image/jpeg" else "png"
    file = io.BytesIO()
    with av.open(file, "w", format="image2pipe") as container:
        stream = container.add_stream(codec, rate=1)
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "rgb24"
        pixels = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


def write(
    path: Path,
    samples: Samples,
    metadata: BookMetadata = PLAIN,
    chapters: list[Chapter] | None = None,
    rate: int = RATE,
) -> Encoded:
    with AudiobookWriter(path, rate, 64, metadata) as writer:
        for start in range(0, len(samples), 10_000):
            writer.write(samples[start : start + 10_000])
        return writer.close(chapters or [])


def chapters_of(path: Path) -> list[tuple[int, int, str]]:
    def ms(chapter: Any, key: str) -> int:
        return round(1000 * chapter[key] * chapter["time_base"])

    with av.open(str(path)) as container:
        return [
            (ms(c, "start"), ms(c, "end"), c["metadata"]["title"]) for c in container.chapters()
        ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "book.m4b"


def test_the_chapters_are_where_they_were_put(path: Path) -> None:
    chapters = [Chapter(0, "Vorwort"), Chapter(1250, "1 · Das Café"), Chapter(3001, "第二章")]
    write(path, speech_like(5, RATE), PLAIN, chapters)
    assert chapters_of(path) == [
        (0, 1250, "Vorwort"),
        (1250, 3001, "1 · Das Café"),
        (3001, 5000, "第二章"),
    ]


def test_the_first_chapter_takes_in_what_comes_before_it(path: Path) -> None:
    write(path, speech_like(3, RATE), PLAIN, [Chapter(500, "One"), Chapter(1500, "Two")])
    assert chapters_of(path) == [(0, 1500, "One"), (1500, 3000, "Two")]
    write(path, speech_like(3, RATE), PLAIN, [Chapter(500, "One")])
    assert chapters_of(path) == [(0, 3000, "One")]


def test_there_may_be_hundreds_of_chapters(path: Path) -> None:
    chapters = [Chapter(20 * n, f"Chapter {n}") for n in range(400)]
    write(path, speech_like(9, RATE), PLAIN, chapters)
    assert [(start, title) for start, _, title in chapters_of(path)] == [
        (chapter.start_ms, chapter.title) for chapter in chapters
    ]


def test_long_titles_are_cut_between_characters(path: Path) -> None:
    write(path, speech_like(1, RATE), PLAIN, [Chapter(0, "x" + "é" * 300)])
    [(_, _, title)] = chapters_of(path)
    assert title == "x" + "é" * 127


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=st.text(max_size=60))
def test_any_title_is_written(path: Path, title: str) -> None:
    write(path, speech_like(0.3, RATE), BookMetadata(title), [Chapter(0, title)])
    expected = " ".join(title.replace("\0", " ").split())
    [(_, _, found)] = chapters_of(path)
    assert found == expected
    with av.open(str(path)) as container:
        assert container.metadata.get("title", "") == expected


def test_libraries_find_title_authors_narrator_and_language(path: Path) -> None:
    book = BookMetadata("Alice", ("Lewis Carroll", "A. N. Other"), "en-GB", "Joe")
    write(path, speech_like(1, RATE), book)
    with av.open(str(path)) as container:
        tags = dict(container.metadata)
        language = container.streams.audio[0].metadata["language"]
    assert (
        tags
        | {
            "major_brand": "M4B ",
            "title": "Alice",
            "album": "Alice",
            "artist": "Lewis Carroll, A. N. Other",
            "album_artist": "Lewis Carroll, A. N. Other",
            "composer": "Joe",
            "genre": "Audiobook",
            "media_type": "2",
        }
        == tags
    )
    assert language == "eng"


@pytest.mark.parametrize(
    ("tag", "code"),
    [("de", "deu"), ("zh-Hant-TW", "zho"), ("gsw-CH", "gsw"), ("xx", "und"), (None, "und")],
)
def test_the_language_is_the_one_of_iso_639_2(path: Path, tag: str | None, code: str) -> None:
    write(path, speech_like(0.5, RATE), BookMetadata("T", language=tag))
    with av.open(str(path)) as container:
        assert container.streams.audio[0].metadata["language"] == code


@pytest.mark.parametrize("cover_type", ["image/jpeg", "image/png"])
def test_the_cover_is_kept_byte_for_byte(path: Path, cover_type: CoverType) -> None:
    cover = image(cover_type)
    book = BookMetadata("T", cover=cover, cover_type=cover_type)
    write(path, speech_like(2, RATE), book, [Chapter(0, "One"), Chapter(900, "Two")])
    with av.open(str(path)) as container:
        [picture] = container.streams.video
        assert picture.disposition & av.stream.Disposition.attached_pic
        assert (picture.width, picture.height) == (60, 40)
        assert bytes(next(iter(container.demux(picture)))) == cover
    assert len(chapters_of(path)) == 2


@pytest.mark.parametrize(
    ("cover", "cover_type"),
    [
        (b"", "image/jpeg"),
        (b"<svg/>", "image/png"),
        (image("image/png"), "image/jpeg"),
        (image("image/jpeg"), "image/webp"),
    ],
)
def test_a_cover_that_is_no_image_of_its_type_is_refused(
    path: Path, cover: bytes, cover_type: Any
) -> None:
    with pytest.raises(ValueError, match="cover"):
        AudiobookWriter(path, RATE, 64, BookMetadata("T", cover=cover, cover_type=cover_type))


@pytest.mark.parametrize("rate", [8000, 20000, 22050, 24000, 48000, 96000])
def test_what_is_decoded_is_what_went_in(path: Path, rate: int) -> None:
    samples = speech_like(2.345, rate)
    encoded = write(path, samples, rate=rate)
    decoded, file_rate = decode(path)
    assert encoded.sample_rate == file_rate
    assert encoded.samples_in == len(samples)
    assert encoded.size_bytes == path.stat().st_size
    with av.open(str(path)) as container:
        assert container.duration == pytest.approx(2_345_000, abs=1000)
    # The envelope, every 5 ms, in step and alike.
    step = file_rate // 200
    heard = np.abs(decoded[: len(decoded) // step * step]).reshape(-1, step).mean(1)
    spoken = np.interp(
        np.arange(len(heard)) / 200, np.arange(len(samples)) / rate, np.abs(samples.astype(float))
    )
    spoken = np.convolve(spoken, np.ones(5) / 5, "same")
    lags = [np.corrcoef(heard[10:-10], np.roll(spoken, lag)[10:-10])[0, 1] for lag in (-4, 0, 4)]
    assert lags[1] == max(lags)
    assert lags[1] > 0.8


def test_the_index_is_before_the_audio(path: Path) -> None:
    write(path, speech_like(2, RATE))
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_the_same_samples_make_the_same_bytes_however_they_were_cut(tmp_path: Path) -> None:
    samples = speech_like(3, RATE)
    book = BookMetadata("T", ("A",), cover=image("image/png"), cover_type="image/png")
    digests = set()
    for size in (777, 30_000, len(samples)):
        path = tmp_path / f"{size}.m4b"
        with AudiobookWriter(path, RATE, 64, book) as writer:
            for start in range(0, len(samples), size):
                writer.write(samples[start : start + size])
            writer.close([Chapter(0, "One"), Chapter(1000, "Two")])
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


@pytest.mark.parametrize("starts", [[-1], [0, 0], [5, 3], [0, 1000], [2000]])
def test_chapters_out_of_order_or_beyond_the_end_are_refused(path: Path, starts: list[int]) -> None:
    with AudiobookWriter(path, RATE, 64, PLAIN) as writer:
        writer.write(speech_like(1, RATE))
        with pytest.raises(ValueError, match="chapters"):
            writer.close([Chapter(start, "x") for start in starts])
        writer.close([Chapter(0, "One")])
    assert chapters_of(path) == [(0, 1000, "One")]


def test_a_book_without_samples_can_be_opened(path: Path) -> None:
    assert write(path, np.zeros(0, np.int16)).duration_seconds == 0
    with av.open(str(path)) as container:
        assert len(container.streams.audio) == 1


def test_a_closed_book_takes_nothing_more(path: Path) -> None:
    with AudiobookWriter(path, RATE, 64, PLAIN) as writer:
        writer.close()
        with pytest.raises(RuntimeError, match="closed"):
            writer.write(np.zeros(1, np.int16))
        with pytest.raises(RuntimeError, match="closed"):
            writer.close()


def test_a_file_that_cannot_be_opened_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        AudiobookWriter(tmp_path / "missing" / "book.m4b", RATE, 64, PLAIN)


def test_an_hour_takes_megabytes_of_memory_at_most(path: Path) -> None:
    import psutil

    with AudiobookWriter(path, RATE, 64, PLAIN) as writer:
        piece = np.zeros(60 * RATE, np.int16)
        writer.write(piece)
        before = psutil.Process().memory_info().rss
        for _ in range(60):
            writer.write(piece)
        assert psutil.Process().memory_info().rss - before < 25e6
        writer.close()
