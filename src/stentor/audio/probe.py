"""What a finished file of audio really is, without decoding it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
from msgspec import Struct

from stentor.audio.form import AudioForm, DecodeError, Encoding
from stentor.audio.mapped import Bytes, mapped
from stentor.audio.mpeg import Frame, adts_frame, id3v2_end, info_tag, mp3_frame
from stentor.audio.ogg import OPUS_RATE, read_opus
from stentor.audio.parts import part_starts
from stentor.audio.riff import read_wav
from stentor.audio.sniff import looks_like_text, sniff
from stentor.contract import ResponseFormat

# What the headerless formats are by contract: the bytes cannot tell.
_FEWEST_BYTES = 40
_RATES: dict[ResponseFormat, int] = {"pcm": 24_000, "ulaw": 8_000, "alaw": 8_000}
_SAMPLE_BYTES: dict[Encoding, int] = {"pcm": 2, "ulaw": 1, "alaw": 1}
_FRAMES_LOOKED_AT = 3
_NO_FRAME = "the file has bytes that are not frames of audio"
_CUT_OFF = "the file ends in the middle of a frame"
WAV_SIZES_WRONG = "the sizes in the header are wrong"
FLAC_LENGTH_MISSING = "the header does not tell the length"
_CHANGES = "the sample rate or the number of channels changes"


class AudioFacts(Struct, frozen=True, kw_only=True):
    """What a file is.

    Attributes:
        encoding: what the bytes are, whatever was said of them.
        sample_rate: as decoders see it, in Hz.
        duration_seconds: without the delay and the padding that the file tells decoders to drop;
            less than it is in a file with faults.
        size_bytes: of the whole file.
        plain: whether a wav has 16 bit PCM; True of the others.
        faults: why players may stumble over it, in sentences; empty for a healthy file.
    """

    encoding: Encoding
    sample_rate: int
    channels: int
    duration_seconds: float
    size_bytes: int
    plain: bool = True
    faults: tuple[str, ...] = ()

    def misfits(self, response_format: ResponseFormat) -> tuple[str, ...]:
        """Why the file must not go out as this format as it is, in sentences; empty if it may."""
        if self.encoding != response_format:
            return (f"the audio is {self.encoding}, not {response_format}",)
        misfits = list(self.faults)
        rate = _RATES.get(response_format, self.sample_rate)
        if self.sample_rate != rate:
            misfits.append(f"the audio has {self.sample_rate} Hz, not {rate}")
        if self.channels != 1:
            misfits.append(f"the audio has {self.channels} channels")
        if not self.plain:
            misfits.append("the samples are not 16 bit PCM")
        if self.duration_seconds == 0:
            misfits.append("the file holds no audio")
        return tuple(misfits)


def probe(path: Path, form: AudioForm, size: int | None = None) -> AudioFacts:
    """Find out what a complete file is.

    The length of a file without faults is exact; that of aac includes the encoder's delay and
    padding, which ADTS does not tell. A little of aac and flac is decoded: of aac, nothing else
    tells of extensions that double its rate or its channels.

    Args:
        form: what was asked for; believed where the bytes have no header.
        size: how many bytes to read, from the beginning; None for all.

    Raises:
        DecodeError: the bytes hold no audio.
        ValueError: `form` has no sample rate, and the bytes no header.
        OSError: the file cannot be read.
    """
    with mapped(path, size) as data:
        return probe_bytes(data, form)


def probe_bytes(data: Bytes, form: AudioForm) -> AudioFacts:
    """As `probe`, of bytes that are in memory."""
    if len(data) == 0:
        raise DecodeError("there are no bytes at all")
    if looks_like_text(data):
        raise DecodeError(f"the bytes are text instead of {form.encoding}")
    encoding = sniff(data)
    if encoding is not None:
        return _READERS[encoding](data)
    if form.encoding not in _SAMPLE_BYTES:
        raise DecodeError(f"the bytes do not begin as {form.encoding} does")
    return _headerless(data, form)


def begins_as(path: Path, response_format: ResponseFormat, size: int) -> bool:
    """Whether a file that still grows may go out as this format as it is, by its first bytes.

    False while there are too few of them to tell.

    Args:
        size: how many bytes to read, from the beginning.

    Raises:
        OSError: the file cannot be read.
    """
    with mapped(path, size) as data:
        return byte_seconds(data, response_format) is not None


def byte_seconds(data: Bytes, response_format: ResponseFormat) -> float | None:
    """How long a byte plays of what begins so, in seconds, if it may go out as it is.

    None if it may not, or while there are too few bytes to tell. It is an estimate, and 0 where
    there is none. Of aac and flac, a little is decoded.
    """
    if response_format == "m4b" or len(data) < _FEWEST_BYTES:
        return None
    if response_format == "mp3":
        return _mp3_byte_seconds(data)
    try:
        facts = probe_bytes(data, AudioForm(response_format, _RATES.get(response_format)))
    except DecodeError:
        return None
    # Of a part, its length tells nothing, nor that it ends in the middle of something.
    whole = msgspec.structs.replace(facts, faults=(), duration_seconds=1.0)
    if whole.misfits(response_format):
        return None
    sample_bytes = _SAMPLE_BYTES.get("pcm" if response_format == "wav" else facts.encoding)
    # By what a sample takes: at the beginning, most of it may be the header.
    return 1 / (facts.sample_rate * sample_bytes) if sample_bytes else 0.0


def _mp3_byte_seconds(data: Bytes) -> float | None:
    at = id3v2_end(data, 0)
    first = frame = mp3_frame(data, at)
    for _ in range(_FRAMES_LOOKED_AT - 1):
        if first is None or frame is None or first[2:] != frame[2:]:
            return None
        at += frame.size
        frame = mp3_frame(data, at)
    if first is None or frame is None or first.channels != 1:
        return None
    return frame.samples / (frame.sample_rate * frame.size)


def _headerless(data: Bytes, form: AudioForm) -> AudioFacts:
    if form.sample_rate is None:
        raise ValueError(f"audio in headerless {form.encoding} needs a sample rate")
    frames, rest = divmod(len(data), _SAMPLE_BYTES[form.encoding] * form.channels)
    return AudioFacts(
        encoding=form.encoding,
        sample_rate=form.sample_rate,
        channels=form.channels,
        duration_seconds=frames / form.sample_rate,
        size_bytes=len(data),
        faults=("the file ends in the middle of a sample",) if rest else (),
    )


def _wav(data: Bytes) -> AudioFacts:
    wav = read_wav(data)
    first = wav.runs[0].format
    faults = [] if wav.exact else [WAV_SIZES_WRONG]
    if any(run.format != first for run in wav.runs):
        faults.append(_CHANGES)
    return AudioFacts(
        encoding="wav",
        sample_rate=first.sample_rate,
        channels=first.channels,
        duration_seconds=sum(run.frames / run.format.sample_rate for run in wav.runs),
        size_bytes=len(data),
        plain=first.type == "s16",
        faults=tuple(faults),
    )


def _opus(data: Bytes) -> AudioFacts:
    opus = read_opus(data)
    return AudioFacts(
        encoding="opus",
        sample_rate=OPUS_RATE,
        channels=opus.channels,
        duration_seconds=opus.samples / OPUS_RATE,
        size_bytes=len(data),
        faults=opus.faults,
    )


def _flac(data: Bytes) -> AudioFacts:
    from stentor.audio.compressed import flac_seconds

    start = id3v2_end(data, 0)
    info = int.from_bytes(data[start + 18 : start + 26], "big")
    rate, channels, told = info >> 44, (info >> 41 & 7) + 1, info & (1 << 36) - 1
    if rate == 0:
        raise DecodeError("the FLAC file has no sample rate")
    samples = round(flac_seconds(data) * rate)
    faults = []
    if told == 0:
        faults.append(FLAC_LENGTH_MISSING)
    elif told != samples:
        faults.append("the length that the header tells is not that of the frames")
    return AudioFacts(
        encoding="flac",
        sample_rate=rate,
        channels=channels,
        duration_seconds=samples / rate,
        size_bytes=len(data),
        faults=tuple(faults),
    )


def _mp3(data: Bytes) -> AudioFacts:
    start = id3v2_end(data, 0)
    tag = info_tag(data, start)
    first = mp3_frame(data, start)
    if first is None:
        raise DecodeError("the bytes end before the first frame of audio")
    frames = _Frames(data, start + first.size if tag else start, mp3_frame)
    faults = frames.faults
    told = tag.frames if tag else None
    if told is not None and told != frames.number:
        faults += ("the length that the header tells is not that of the frames",)
    if len(part_starts(data, "mp3")) > 1:
        faults += ("several files follow each other",)
    samples = max(0, frames.samples - (tag.trimmed if tag else 0))
    return AudioFacts(
        encoding="mp3",
        sample_rate=first.sample_rate,
        channels=first.channels,
        duration_seconds=samples / first.sample_rate,
        size_bytes=len(data),
        faults=faults,
    )


def _aac(data: Bytes) -> AudioFacts:
    from stentor.audio.compressed import Tally, decode_part

    frames = _Frames(data, id3v2_end(data, 0), adts_frame)
    tally = Tally()
    with closing(decode_part(data, 0, len(data), "aac", tally)) as blocks:
        block = next(blocks, None)
    if block is None or frames.first is None:
        raise DecodeError("no frame of the AAC can be decoded")
    return AudioFacts(
        encoding="aac",
        sample_rate=block[1],
        channels=tally.channels,
        duration_seconds=frames.samples / frames.first.sample_rate,
        size_bytes=len(data),
        faults=frames.faults,
    )


class _Frames:
    """Frames that should follow each other to the end, or to an ID3v1 tag; counted to a gap."""

    def __init__(self, data: Bytes, at: int, read: Callable[[Bytes, int], Frame | None]) -> None:
        self.number = self.samples = 0
        self.first = read(data, at)
        faults: dict[str, None] = {}
        end = len(data) - 128 if data[-128:-125] == b"TAG" else len(data)
        if at > end:
            faults[_CUT_OFF] = None
        number = samples = 0
        kind = self.first[2:] if self.first else None
        while at < end:
            frame = read(data, at)
            if frame is None:
                faults[_NO_FRAME] = None
                break
            size, more, rate, channels = frame
            if kind and (rate, channels) != kind:
                faults[_CHANGES] = None
            at += size
            if at > end:
                faults[_CUT_OFF] = None
                break
            number += 1
            samples += more
        self.number, self.samples = number, samples
        self.faults = tuple(faults)


_READERS: dict[Encoding, Callable[[Bytes], AudioFacts]] = {
    "wav": _wav,
    "opus": _opus,
    "flac": _flac,
    "mp3": _mp3,
    "aac": _aac,
}
