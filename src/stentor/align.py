"""Finding out when words are heard in finished audio, by listening to it.

An extra, for voices that do not say: a Whisper model in a process of its own, which ends with the
audio. `python -m stentor.align MODEL AUDIO LANGUAGE` prints one JSON array a line: a word with its
start and end in seconds.
"""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path

import msgspec
import structlog

from stentor.errors import SpeechError

log = structlog.get_logger(__name__)

PACKAGE = "faster_whisper"

HeardWord = tuple[str, float, float]
"""A word, and when it begins and ends, in seconds."""


def is_installed() -> bool:
    """Whether the extra is there."""
    return importlib.util.find_spec(PACKAGE) is not None


class Aligner:
    """Listens to one file at a time.

    Args:
        model: folder of a Whisper model as CTranslate2 has it.
    """

    def __init__(self, model: Path) -> None:
        self._model = model
        self._one = asyncio.Semaphore(1)

    async def listen(self, audio: Path, language: str | None) -> list[HeardWord]:
        """The words of a file of audio.

        Raises:
            SpeechError: 500: it could not be listened to.
        """
        command = (sys.executable, "-m", "stentor.align", self._model, audio, language or "")
        async with self._one:
            process = await asyncio.create_subprocess_exec(
                *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
            )
            try:
                out, errors = await process.communicate()
            except BaseException:
                if process.returncode is None:
                    process.kill()
                raise
        if process.returncode != 0:
            log.error("align.failed", reason=errors.decode(errors="replace")[-400:])
            raise SpeechError(
                500, "alignment_failed", "the audio was spoken, but could not be aligned with it"
            )
        return await asyncio.to_thread(_read, out)


def _read(out: bytes) -> list[HeardWord]:
    decoder = msgspec.json.Decoder(HeardWord)
    return [decoder.decode(line) for line in out.splitlines()]


def main() -> None:
    """Listen to a file, as the module says."""
    from faster_whisper import WhisperModel

    model_path, audio, language = sys.argv[1:4]
    model = WhisperModel(model_path, device="cpu", compute_type="int8")
    segments, _ = model.transcribe(
        audio,
        language=language.partition("-")[0] or None,
        word_timestamps=True,
        condition_on_previous_text=False,
    )
    for segment in segments:
        for word in segment.words or ():
            heard = (word.word, float(word.start), float(word.end))
            sys.stdout.buffer.write(msgspec.json.encode(heard) + b"\n")


if __name__ == "__main__":
    main()
