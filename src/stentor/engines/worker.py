"""An engine process: reads utterances from standard input, writes audio to standard output.

A frame is a length (4 bytes, little endian) and as many bytes of MessagePack. The parent
writes a `Hello` and then `Utterance`s; each is answered with one `Spoken` or one `Failure`, in
order. The process ends when its standard input does, so it cannot outlive its parent.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec

from stentor.engines.base import EngineError, EngineModel, Spoken, Utterance, VoiceHost

LENGTH_BYTES = 4


class Hello(msgspec.Struct, frozen=True):
    """The first frame: what this process may be asked to speak, and how it should behave.

    Attributes:
        models: every model that an utterance may name.
        niceness: 0 to 19, how far to step back from the HTTP process.
        threads: threads within one inference.
        preload: load this model at once; None loads each at its first utterance.
        voices_kept: loaded models to keep; the least recently used goes first.
    """

    models: list[EngineModel]
    niceness: int
    threads: int
    preload: str | None = None
    voices_kept: int = 2


class Failure(msgspec.Struct, frozen=True, tag="failure"):
    """An utterance that was not spoken. `code` and `message` as in `EngineError`."""

    code: str
    message: str


class Success(msgspec.Struct, frozen=True, tag="success"):
    """An utterance that was spoken."""

    spoken: Spoken


Reply = Success | Failure


def frame(message: Hello | Utterance | Reply) -> bytes:
    """Encode a message with its length before it."""
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(LENGTH_BYTES, "little") + body


def _read(stream: BinaryIO) -> bytes | None:
    head = stream.read(LENGTH_BYTES)
    if len(head) < LENGTH_BYTES:
        return None
    size = int.from_bytes(head, "little")
    body = stream.read(size)
    return body if len(body) == size else None


def _load(model: EngineModel, threads: int) -> VoiceHost:
    if model.engine == "piper":
        from stentor.engines.piper_host import PiperHost

        return PiperHost(model, threads)
    if model.engine == "kokoro":
        from stentor.engines.kokoro_host import KokoroHost

        return KokoroHost(model, threads)
    raise EngineError("engine_failed", f"there is no engine named {model.engine}")


class _Hosts:
    """Loaded models, the least recently used first."""

    def __init__(self, hello: Hello) -> None:
        self._hello = hello
        self._models = {f"{model.engine}/{model.name}": model for model in hello.models}
        self._loaded: dict[str, VoiceHost] = {}

    def get(self, name: str) -> VoiceHost:
        host = self._loaded.pop(name, None)
        if host is None:
            while len(self._loaded) >= self._hello.voices_kept:
                del self._loaded[next(iter(self._loaded))]
            try:
                host = _load(self._models[name], self._hello.threads)
            except EngineError:
                raise
            except Exception as error:
                raise EngineError(
                    "model_not_loaded", f"the model {name} cannot be loaded: {error}"
                ) from error
        self._loaded[name] = host
        return host


def answer_with(host: VoiceHost, utterance: Utterance) -> Reply:
    """Speak, and once more if what came of it is implausible."""
    try:
        try:
            return Success(host.speak(utterance))
        except EngineError as error:
            if error.code != "implausible_audio":
                raise
            return Success(host.speak(utterance, again=True))
    except EngineError as error:
        return Failure(error.code, error.message)
    except Exception as error:
        # Whatever a model or its phonemizer throws belongs to this utterance alone.
        return Failure("engine_failed", f"{type(error).__name__}: {error}")


def _answer(hosts: _Hosts, utterance: Utterance) -> Reply:
    try:
        host = hosts.get(f"{utterance.engine}/{utterance.model}")
    except EngineError as error:
        return Failure(error.code, error.message)
    return answer_with(host, utterance)


def main() -> None:
    # A signal to the whole process group is the parent's business; this ends with its pipe.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    source = sys.stdin.buffer
    # Libraries print and log what they are given, which is a caller's text; what a caller should
    # know is in the answer's warnings. Frames go out through a copy that prints cannot reach.
    sink = os.fdopen(os.dup(1), "wb")
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    logging.disable()
    body = _read(source)
    if body is None:
        return
    hello = msgspec.msgpack.decode(body, type=Hello)
    if hello.niceness and hasattr(os, "nice"):
        os.nice(hello.niceness)
    hosts = _Hosts(hello)
    if hello.preload is not None:
        try:
            hosts.get(hello.preload)
        except Exception as error:
            print(f"could not load {hello.preload} ahead: {error}", file=sys.stderr)  # noqa: T201
    while (body := _read(source)) is not None:
        reply = _answer(hosts, msgspec.msgpack.decode(body, type=Utterance))
        try:
            sink.write(frame(reply))
            sink.flush()
        except BrokenPipeError:
            return


if __name__ == "__main__":
    main()
