"""What a Piper voice makes of texts before it speaks them, in a process of its own.

The process (`python -m stentor.engines.phonemes`) reads one JSON document from standard input and
writes one to standard output. It loads espeak-ng, which is GPL-3, and not the voice's network.
"""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import msgspec

from stentor.engines import piper
from stentor.engines.base import EngineError, EngineModel
from stentor.engines.espeak import whole_pieces


class Asked(msgspec.Struct, frozen=True):
    """What the process is asked.

    Attributes:
        config: the path of the voice's `NAME.onnx.json`.
    """

    config: str
    texts: list[str]


def phonemes_of(model: EngineModel, texts: Sequence[str]) -> list[str]:
    """IPA for each text, as espeak-ng reads it to the voice; several sentences in one line.

    Raises:
        EngineError: this is no Piper voice, Piper is not installed, or it failed.
    """
    if model.engine != piper.NAME:
        raise EngineError("engine_failed", f"{model.engine} does not show its phonemes")
    if find_spec("piper") is None:
        raise EngineError("engine_failed", f"phonemes need the extra {piper.EXTRA} installed")
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        input=msgspec.json.encode(Asked(model.files["config"], list(texts))),
        capture_output=True,
    )
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise EngineError("engine_failed", f"phonemes cannot be told: {reason}")
    return msgspec.json.decode(done.stdout, type=list[str])


def main() -> None:
    """Answer what standard input asks."""
    from piper import PiperVoice
    from piper.config import PhonemeType, PiperConfig

    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Asked)
    config = PiperConfig.from_dict(msgspec.json.decode(Path(asked.config).read_bytes()))
    voice = PiperVoice(session=None, config=config)

    def phonemize(text: str) -> str:
        return "".join("".join(sentence) for sentence in voice.phonemize(text))

    answers: list[str] = []
    for text in asked.texts:
        # As the engine gives it: double brackets would switch Piper to raw phonemes.
        given = text.replace("[[", "[ [").replace("]]", "] ]")
        is_espeak = config.phoneme_type == PhonemeType.ESPEAK
        pieces = whole_pieces(given, phonemize) if is_espeak else [given]
        sentences = ["".join(one) for piece in pieces for one in voice.phonemize(piece)]
        answers.append(unicodedata.normalize("NFC", " ".join(sentences)))
    sys.stdout.buffer.write(msgspec.json.encode(answers))


if __name__ == "__main__":
    main()
