"""From the bytes that a vendor sent, whatever they are, to samples."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from stentor.audio.compressed import Tally, decode_part
from stentor.audio.form import AudioForm, DecodeError, Encoding
from stentor.audio.mapped import Bytes, mapped
from stentor.audio.parts import part_starts
from stentor.audio.pcm import Pcm, Samples
from stentor.audio.plain import mono_blocks
from stentor.audio.resample import Resampler
from stentor.audio.riff import SampleType, WavFormat, read_wav
from stentor.audio.sniff import looks_like_text, sniff
from stentor.audio.spool import Spool

_HEADERLESS: dict[Encoding, SampleType] = {"pcm": "s16", "ulaw": "ulaw", "alaw": "alaw"}
_CONTAINERS: dict[Encoding, str] = {"mp3": "mp3", "aac": "aac", "flac": "flac", "opus": "ogg"}

_Blocks = Generator[tuple[Samples, int], None, None]


@dataclass(frozen=True, slots=True)
class Decoded:
    """Audio out of its file.

    Attributes:
        pcm: at the rate that the file has, or begins with.
        encoding: what the bytes really were; None for one that Stentor has no name for.
        channels: that were averaged.
        warnings: what a listener may miss, in sentences.
    """

    pcm: Pcm
    encoding: Encoding | None
    channels: int
    warnings: tuple[str, ...] = ()


def decode(
    path: Path,
    form: AudioForm,
    *,
    folder: Path | None = None,
    size: int | None = None,
    seconds: float | None = None,
) -> Decoded:
    """Decode a file, in memory that does not grow with it if there is a `folder`.

    Bytes that show what they are decide; `form` is for those that do not. Files that follow each
    other in the bytes are joined, at the first one's rate. What is damaged is left out.

    Args:
        folder: where long audio goes, in a file without a name that lasts as long as the samples;
            None to keep it in memory.
        size: how many bytes to read, from the beginning; None for all.
        seconds: the most audio to decode; None for all.

    Raises:
        DecodeError: the bytes hold no audio.
        ValueError: `form` has no sample rate, and the bytes no header.
        OSError: the file cannot be read, or the folder not written to.
    """
    with mapped(path, size) as data:
        source = _Source(data, form)
        with Spool(folder) as spool:
            with closing(source.blocks()) as blocks:
                rate = _gather(blocks, spool, seconds)
            if rate is None or source.is_mostly_bad:
                raise DecodeError(f"the {len(data):,} bytes hold no audio that can be decoded")
            samples = spool.finish()
    if seconds is not None:
        samples = samples[: round(seconds * rate)]
    return Decoded(Pcm(samples, rate), source.encoding, source.channels, source.warnings)


class _Source:
    """Finds out what some bytes are, and decodes them."""

    def __init__(self, data: Bytes, form: AudioForm) -> None:
        self._data = data
        self._form = form
        self._tally = Tally()
        if len(data) == 0:
            raise DecodeError("there are no bytes at all")
        if looks_like_text(data):
            raise DecodeError(f"the bytes are text instead of {form.encoding}")
        self._sniffed = sniff(data)
        self.encoding: Encoding | None = self._sniffed or form.encoding
        self.channels = form.channels

    @property
    def is_mostly_bad(self) -> bool:
        return 2 * self._tally.bad_packets > self._tally.packets

    @property
    def warnings(self) -> tuple[str, ...]:
        warnings = []
        declared, tally = self._form.encoding, self._tally
        if self.encoding != declared:
            actual = self.encoding or tally.container.partition(",")[0]
            warnings.append(f"the audio was declared as {declared} but is {actual}")
        if tally.bad_packets:
            warnings.append(
                f"{tally.bad_packets} of {tally.packets} packets of audio could not be decoded"
            )
        return tuple(warnings)

    def blocks(self) -> _Blocks:
        if self.encoding == "wav":
            yield from self._wav()
        elif self.encoding in _HEADERLESS:
            yield from self._headerless(_HEADERLESS[self.encoding])
        elif self._sniffed is None:
            yield from self._unknown()
        else:
            yield from self._compressed(self._sniffed)

    def _headerless(self, kind: SampleType) -> _Blocks:
        rate = self._form.sample_rate
        if rate is None:
            raise ValueError(f"audio in headerless {self._form.encoding} needs a sample rate")
        wav_format = WavFormat(kind, rate, self._form.channels)
        for block in mono_blocks(self._data, wav_format, 0, len(self._data)):
            yield block, rate

    def _wav(self) -> _Blocks:
        if self._sniffed is None:
            raise DecodeError("the bytes were declared as wav but have no header")
        wav = read_wav(self._data)
        self.channels = max(run.format.channels for run in wav.runs)
        if any(run.format.type is None for run in wav.runs):
            yield from decode_part(self._data, 0, len(self._data), "wav", self._tally)
            return
        for run in wav.runs:
            for block in mono_blocks(self._data, run.format, run.start, run.stop):
                yield block, run.format.sample_rate

    def _compressed(self, encoding: Encoding) -> _Blocks:
        starts = part_starts(self._data, encoding)
        for start, stop in zip(starts, [*starts[1:], len(self._data)], strict=True):
            yield from decode_part(self._data, start, stop, _CONTAINERS[encoding], self._tally)
        self.channels = self._tally.channels

    def _unknown(self) -> _Blocks:
        """Let FFmpeg find out, and believe what was declared if it cannot."""
        nothing = True
        for block in decode_part(self._data, 0, len(self._data), None, self._tally):
            nothing = False
            yield block
        if nothing:
            self._tally = Tally()
            yield from self._compressed(self._form.encoding)
        names: dict[str, Encoding] = {"mp3": "mp3", "aac": "aac", "flac": "flac"}
        self.encoding = names.get(self._tally.container)
        self.channels = self._tally.channels


def _gather(
    blocks: Iterator[tuple[Samples, int]], spool: Spool, seconds: float | None
) -> int | None:
    """Collect the samples; returns their rate, which is the first one's, or None without any."""
    rate: int | None = None
    resampler: Resampler | None = None
    resampled_rate = 0
    for samples, own_rate in blocks:
        rate = rate or own_rate
        if resampler is not None and own_rate != resampled_rate:
            spool.write(resampler.finish())
            resampler = None
        if own_rate != rate and resampler is None:
            resampler, resampled_rate = Resampler(own_rate, rate), own_rate
        spool.write(resampler.feed(samples) if resampler is not None else samples)
        if seconds is not None and spool.length >= seconds * rate:
            break
    if resampler is not None:
        spool.write(resampler.finish())
    return rate
