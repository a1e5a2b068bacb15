"""Inworld: `POST /tts/v1/voice:stream`, which answers with JSON in lines.

Sources: Inworld API reference, "Synthesize speech (stream)"; its guides "Timestamps" and "TTS
models"; the `inworld-tts` SDK.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from stentor.audio.form import AudioForm
from stentor.contract import Voice
from stentor.providers.base import Capabilities, Provider, Script, VendorFormat, VoicePage
from stentor.providers.faults import FaultKind, ProviderError, read_error
from stentor.providers.languages import language_tag
from stentor.providers.readers import LinesReader, from_base64
from stentor.providers.spans import word_timings
from stentor.providers.wire import Alignment, Delivered, Head, HttpCall, Reader
from stentor.secret import Secret

_RATE = 48_000
_FORMATS = (
    VendorFormat(AudioForm("pcm", _RATE), "PCM"),
    VendorFormat(AudioForm("pcm", 24_000), "PCM"),
    VendorFormat(AudioForm("mp3"), "MP3", 128),
    VendorFormat(AudioForm("opus"), "OGG_OPUS", 128),
)
# google.rpc.Code, which errors have whatever their HTTP status is.
_KINDS: dict[int, FaultKind] = {
    3: "invalid",
    4: "timeout",
    5: "not_found",
    7: "auth",
    8: "rate_limited",
    9: "invalid",
    11: "invalid",
    12: "invalid",
    16: "auth",
}
# Not "quota", which may be one of requests in a minute.
_SPENT = re.compile(r"\b(credits?|balance)\b", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"too long|(text|characters?)\b.*\b(exceeds?|at most|maximum)", re.IGNORECASE
)
_NO_SUCH = re.compile(
    r"\b(unknown|no such) (voice|model)|(voice|model)\b.*\bnot found", re.IGNORECASE
)


class Inworld(Provider):
    """`POST /tts/v1/voice:stream`. The key is the one that the portal shows in Base64."""

    type = "inworld"
    title = "Inworld"
    reference = "https://docs.inworld.ai/api-reference/ttsAPI/texttospeech/synthesize-speech-stream"
    base_url = "https://api.inworld.ai"
    key_variable = "INWORLD_API_KEY"

    @property
    def models(self) -> Mapping[str, Capabilities]:
        return _MODELS

    def request(self, script: Script, key: Secret | None, now: datetime) -> HttpCall:
        audio: dict[str, object] = {
            "audioEncoding": script.format.name,
            "sampleRateHertz": script.format.form.sample_rate or _RATE,
        }
        if script.format.kbps is not None:
            audio["bitRate"] = script.format.kbps * 1000
        if script.speed != 1.0:
            audio["speakingRate"] = script.speed
        body: dict[str, object] = {
            "text": script.text,
            "voiceId": script.voice,
            "modelId": script.model,
            "audioConfig": audio,
        }
        if script.language is not None:
            body["language"] = script.language
        if script.timestamps:
            body["timestampType"] = "WORD"
            body["timestampTransportStrategy"] = "SYNC"
        return HttpCall(
            "POST",
            f"{self.base_url}/tts/v1/voice:stream",
            _headers(key) | {"Content-Type": "application/json"},
            msgspec.json.encode(body | script.extra),
        )

    def response(self, script: Script, head: Head) -> Reader:
        stream = _Stream(script.text, bare=script.format.form.encoding == "pcm")
        return LinesReader(script.format.form, head, stream.take, stream.finish)

    def error(self, head: Head, body: bytes) -> ProviderError:
        try:
            status = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            status = None
        return read_error(head, body, kind=_kind(status))

    def voices_call(self, key: Secret | None, page: str | None, now: datetime) -> HttpCall:
        return HttpCall("GET", f"{self.base_url}/voices/v1/voices", _headers(key))

    def read_voices(self, body: bytes) -> VoicePage:
        try:
            entries = msgspec.json.decode(body, type=_Voices).voices
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ProviderError("malformed", "the list of voices is not a list") from error
        return VoicePage(
            [
                Voice(
                    id=entry.voice_id,
                    name=entry.display_name or entry.voice_id,
                    provider=self.name,
                    model="inworld-tts-2",
                    sample_rate=_RATE,
                    language=None if entry.lang_code == "AUTO" else language_tag(entry.lang_code),
                    gender=_gender(entry.tags or []),
                )
                for entry in entries
            ]
        )


class _Voice(msgspec.Struct, frozen=True, rename="camel"):
    voice_id: str
    display_name: str | None = None
    lang_code: str | None = None
    tags: list[str] | None = None


class _Voices(msgspec.Struct, frozen=True):
    voices: list[_Voice] = []


class _Stream:
    """The documents of a stream: each has a `result` with audio and times, or an `error`.

    Args:
        bare: the audio is PCM; a piece of it may still come with a WAV header.
    """

    def __init__(self, text: str, *, bare: bool) -> None:
        self._text = text
        self._words: list[tuple[str, float, float]] = []
        self._bare = bare

    def take(self, document: Any) -> bytes:
        if (status := document.get("error")) is not None:
            body = msgspec.json.encode(status)
            raise read_error(Head(500, {}), body, kind=_kind(status))
        result = document["result"]
        times = (result.get("timestampInfo") or {}).get("wordAlignment") or {}
        for word, start_s, end_s in zip(
            times.get("words") or (),
            times.get("wordStartTimeSeconds") or (),
            times.get("wordEndTimeSeconds") or (),
            strict=True,
        ):
            self._words.append((str(word), float(start_s), float(end_s)))
        audio = from_base64(result.get("audioContent") or "")
        return _without_header(audio) if self._bare else audio

    def finish(self) -> Delivered:
        timings = word_timings(self._text, self._words)
        return Delivered(alignment=Alignment("word", timings) if timings else None)


def _without_header(audio: bytes) -> bytes:
    """The samples of a piece, which may be a WAV file of its own."""
    if not audio.startswith(b"RIFF") or audio[8:12] != b"WAVE":
        return audio
    at = 12
    while at + 8 <= len(audio):
        size = int.from_bytes(audio[at + 4 : at + 8], "little")
        if audio[at : at + 4] == b"data":
            return audio[at + 8 :]
        at += 8 + size + size % 2
    return b""


def _headers(key: Secret | None) -> dict[str, str]:
    return {} if key is None else {"Authorization": f"Basic {key.reveal()}"}


def _kind(status: Any) -> FaultKind | None:
    """What a `google.rpc.Status` means; None: nothing but what the HTTP status says."""
    if not isinstance(status, dict):
        return None
    code, message = status.get("code"), str(status.get("message", ""))
    kind = _KINDS.get(code) if isinstance(code, int) else None
    if kind == "rate_limited" and _SPENT.search(message):
        return "quota"
    if kind == "invalid" and _TOO_LONG.search(message):
        return "too_long"
    if kind == "invalid" and _NO_SUCH.search(message):
        return "not_found"
    return kind


def _gender(tags: list[str]) -> Literal["female", "male"] | None:
    words = {tag.lower() for tag in tags}
    if "female" in words:
        return "female"
    return "male" if "male" in words else None


# What takes as long to say as 2,000 Latin letters: Inworld's own client counts a Chinese or
# Japanese character as three, which is also its length in bytes.
_MAX_CHARS = _MAX_BYTES = 2000
_SPEED = (0.5, 1.5)
_LANGUAGES = (
    "en", "zh", "ko", "ja", "ru", "it", "es", "pt", "de", "fr", "ar", "pl", "nl", "hi", "he",
)  # fmt: skip
_FIELDS = ("applyTextNormalization", "enhanceGeneration", "synthesisContext")
_TTS_2 = Capabilities(
    formats=_FORMATS,
    max_chars=_MAX_CHARS,
    max_bytes=_MAX_BYTES,
    speed=_SPEED,
    timestamps="word",
    extra=("deliveryMode", *_FIELDS),
)
_TTS_1_5 = Capabilities(
    formats=_FORMATS,
    max_chars=_MAX_CHARS,
    max_bytes=_MAX_BYTES,
    speed=_SPEED,
    languages=_LANGUAGES,
    timestamps="word",
    extra=("temperature", *_FIELDS),
)
_MODELS = {
    "inworld-tts-2": _TTS_2,
    "inworld-tts-2-flash": _TTS_2,
    "inworld-tts-1.5-max": _TTS_1_5,
    "inworld-tts-1.5-mini": _TTS_1_5,
}
