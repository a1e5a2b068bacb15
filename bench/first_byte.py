"""How soon a text is heard that the voice of this machine speaks, whatever its length."""

from __future__ import annotations

import statistics
import time
from http.client import HTTPConnection

import msgspec

from bench.latency import serving
from bench.table import Row
from stentor.contract import SPEECH_PATH
from stentor.engines.base import EngineModel, Utterance
from stentor.engines.piper import find_models
from stentor.engines.piper_host import PiperHost

SENTENCE = "The herald had the voice of fifty men, and all of the army heard him. "
LENGTHS = (1, 150, 3000)
FORMATS = ("mp3", "wav")
ROUNDS = 15
WITHIN_MS = 15.0
# What the engines were at is spoken to its end.
REST_S = 1.0


def run() -> list[Row]:
    """Texts of one sentence, of a chapter and of a book, beside the bare engine."""
    [model, *_] = find_models(voices_dir=None, voices_package=True).models
    bare = Bare(model)
    rows = []
    with serving() as address:
        client = HTTPConnection(address)
        for sentences in LENGTHS:
            rows += [_row(client, bare, model, sentences, each) for each in FORMATS]
    return rows


class Bare:
    """The engine alone, in this process, with one thread as the server's have."""

    def __init__(self, model: EngineModel) -> None:
        self._host = PiperHost(model, threads=1)
        self._model = model

    def speak_ms(self, text: str) -> float:
        utterance = Utterance(
            self._model.engine, self._model.name, self._model.voices[0].id, text.strip()
        )
        began = time.perf_counter()
        self._host.speak(utterance)
        return 1000 * (time.perf_counter() - began)


def _row(
    client: HTTPConnection, bare: Bare, model: EngineModel, sentences: int, response_format: str
) -> Row:
    base, ours = [], []
    for _ in range(ROUNDS):
        base.append(bare.speak_ms(SENTENCE))
        ours.append(_first_byte_ms(client, model, SENTENCE * sentences, response_format))
    # Of pairs, one right after the other: the machine's pace changes within the run.
    more = statistics.median(mine - bare_ms for mine, bare_ms in zip(ours, base, strict=True))
    return Row(
        f"first byte of {len(SENTENCE) * sentences:,} characters, {response_format}",
        f"{statistics.median(ours):.1f} ms (bare + {more:.1f})",
        f"first sentence, bare engine {statistics.median(base):.1f} ms",
        statistics.median(ours) / statistics.median(base),
        f"<= bare + {WITHIN_MS:g} ms",
        more <= WITHIN_MS,
    )


def _first_byte_ms(
    client: HTTPConnection, model: EngineModel, text: str, response_format: str
) -> float:
    body = msgspec.json.encode(
        {
            "model": f"{model.engine}/{model.name}",
            "voice": model.voices[0].id,
            "input": text,
            "response_format": response_format,
        }
    )
    began = time.perf_counter()
    client.request("POST", SPEECH_PATH, body, {"Content-Type": "application/json"})
    response = client.getresponse()
    assert response.status == 200, response.read()[:500]
    response.read1(1)
    took = 1000 * (time.perf_counter() - began)
    client.close()  # nobody listens to the rest
    time.sleep(REST_S)
    return took


if __name__ == "__main__":
    from bench.table import show

    show(run())
