"""Cartesia, the Sonic models.

Source: Cartesia API reference, version 2026-08-14: "Text to Speech (Bytes)" (POST /tts/bytes),
"Text to Speech (SSE)" (POST /tts/sse), "List Voices" (GET /voices), "API Errors", "Concurrency";
"Volume, Speed, and Emotion".

Timings come as server-sent events between those with audio: `{"type": "timestamps",
"word_timestamps": {"words", "start", "end"}}`, in seconds from the start of the audio. An event of
type `done` or `error` is the last one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from stentor.audio.form import AudioForm
from stentor.contract import Voice
from stentor.providers.base import Capabilities, Provider, Script, VendorFormat, VoicePage
from stentor.providers.faults import FaultKind, ProviderError, read_error
from stentor.providers.languages import language_tag
from stentor.providers.readers import LinesReader, RawReader, from_base64
from stentor.providers.spans import word_timings
from stentor.providers.wire import Alignment, Delivered, Head, HttpCall, Reader
from stentor.secret import Secret

VERSION = "2026-08-14"
_PAGE_SIZE = "100"
_RATE = 44_100
_KINDS: dict[str, FaultKind] = {
    "quota_exceeded": "quota",
    "concurrency_limited": "rate_limited",
    "model_not_found": "not_found",
    "voice_not_found": "not_found",
}
_GENDERS: dict[str | None, Literal["female", "male"]] = {"feminine": "female", "masculine": "male"}


class Cartesia(Provider):
    """`POST /tts/bytes`, and `/tts/sse` where timings are wanted."""

    type = "cartesia"
    title = "Cartesia"
    reference = "https://docs.cartesia.ai/api-reference/tts/bytes"
    base_url = "https://api.cartesia.ai"
    key_variable = "CARTESIA_API_KEY"
    concurrency = 3
    open_models = True  # the dated snapshots, which professional clones of voices ask for

    @property
    def models(self) -> Mapping[str, Capabilities]:
        return _MODELS

    def request(self, script: Script, key: Secret | None, now: datetime) -> HttpCall:
        body: dict[str, Any] = {
            "model_id": script.model,
            "transcript": script.text,
            "voice": script.voice,
            "output_format": _output_format(_form(script), script.format.kbps),
        }
        if script.language and "locale" not in script.extra:
            body["language"] = _language(script.language)
        if script.speed != 1.0:
            body["generation_config"] = {"speed": script.speed}
        if script.dictionaries:
            body["pronunciation_dict_id"] = _dictionary(script)
        if script.timestamps:
            body |= {"add_timestamps": True, "use_normalized_timestamps": False}
        for name, value in script.extra.items():
            ours = body.get(name)
            merges = isinstance(ours, dict) and isinstance(value, dict)
            body[name] = ours | value if merges else value
        return HttpCall(
            "POST",
            f"{self.base_url}/tts/{'sse' if script.timestamps else 'bytes'}",
            {"Content-Type": "application/json", **_headers(key)},
            msgspec.json.encode(body),
        )

    def response(self, script: Script, head: Head) -> Reader:
        if not script.timestamps:
            return RawReader(script.format.form, head)
        events = _Events(self, script.text)
        return LinesReader(_form(script), head, events.take, events.finish)

    def error(self, head: Head, body: bytes) -> ProviderError:
        error = read_error(head, body)
        kind = _KINDS.get(error.code or "")
        return error if kind is None else read_error(head, body, kind=kind)

    def voices_call(self, key: Secret | None, page: str | None, now: datetime) -> HttpCall:
        query = {"limit": _PAGE_SIZE}
        if page is not None:
            query["starting_after"] = page
        return HttpCall("GET", f"{self.base_url}/voices?{urlencode(query)}", _headers(key))

    def read_voices(self, body: bytes) -> VoicePage:
        try:
            page = msgspec.json.decode(body, type=_Page)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ProviderError("malformed", "answered with what is no list of voices") from error
        model = next(iter(_MODELS))
        return VoicePage(
            [
                Voice(
                    id=one.id,
                    name=one.name,
                    provider=self.name,
                    model=model,
                    sample_rate=_RATE,
                    language=language_tag(one.locales[0].locale if one.locales else one.language),
                    gender=_GENDERS.get(one.gender),
                )
                for one in page.data
            ],
            page.data[-1].id if page.has_more and page.data else None,
        )


def _form(script: Script) -> AudioForm:
    """What is asked for: events hold bare samples only."""
    form = script.format.form
    return form if not script.timestamps or form.encoding in _RAW else AudioForm("pcm", _RATE)


def _output_format(form: AudioForm, kbps: int | None) -> dict[str, Any]:
    rate = form.sample_rate or _RATE
    if form.encoding == "mp3":
        return {"container": "mp3", "sample_rate": rate, "bit_rate": (kbps or 192) * 1000}
    if form.encoding in _RAW:
        return {"container": "raw", "encoding": _RAW[form.encoding], "sample_rate": rate}
    return {"container": "wav", "encoding": "pcm_s16le", "sample_rate": rate}


def _language(tag: str) -> str:
    """ISO 639-1."""
    primary = tag.replace("_", "-").partition("-")[0].lower()
    return {"nb": "no", "nn": "no", "fil": "tl", "cmn": "zh"}.get(primary, primary)


def _dictionary(script: Script) -> str:
    first, *more = script.dictionaries
    if more or first.version_id is not None:
        what = f"{len(script.dictionaries)} of them" if more else "a version of one"
        raise ProviderError(
            "invalid",
            "pronunciation_dictionary_locators: Cartesia takes one dictionary, which has no "
            f"versions, and was given {what}",
        )
    return first.pronunciation_dictionary_id


def _headers(key: Secret | None) -> dict[str, str]:
    headers = {"Cartesia-Version": VERSION}
    if key is not None:
        headers["Authorization"] = f"Bearer {key.reveal()}"
    return headers


class _Events:
    """Takes a stream of events apart."""

    def __init__(self, provider: Cartesia, text: str) -> None:
        self._provider = provider
        self._text = text
        self._words: list[tuple[str, float, float]] = []
        self._done = False

    def take(self, event: dict[str, Any]) -> bytes:
        kind = event["type"]
        if kind == "chunk":
            return from_base64(event["data"])
        if kind == "timestamps":
            timed = event["word_timestamps"]
            self._words += zip(timed["words"], timed["start"], timed["end"], strict=True)
        elif kind == "error":
            head = Head(int(event.get("status_code") or 500), {})
            raise self._provider.error(head, msgspec.json.encode(event))
        self._done = self._done or kind == "done"
        return b""

    def finish(self) -> Delivered:
        if not self._done:
            raise ProviderError("truncated", "the events end without the one that says `done`")
        timings = word_timings(self._text, self._words)
        return Delivered(alignment=Alignment("word", timings) if timings else None)


class _Locale(Struct):
    locale: str


class _Voice(Struct):
    id: str
    name: str
    language: str | None = None
    locales: list[_Locale] | None = None
    gender: str | None = None


class _Page(Struct):
    data: list[_Voice]
    has_more: bool = False


_RAW = {"pcm": "pcm_s16le", "ulaw": "pcm_mulaw", "alaw": "pcm_alaw"}
_FORMATS = (
    VendorFormat(AudioForm("pcm", _RATE), "raw"),
    VendorFormat(AudioForm("pcm", 48_000), "raw"),
    VendorFormat(AudioForm("pcm", 24_000), "raw"),
    VendorFormat(AudioForm("wav"), "wav"),
    VendorFormat(AudioForm("mp3"), "mp3", 192),
    VendorFormat(AudioForm("ulaw", 8_000), "raw"),
    VendorFormat(AudioForm("alaw", 8_000), "raw"),
)
_LANGUAGES = (
    "en", "fr", "de", "es", "pt", "zh", "ja", "hi", "it", "ko", "nl", "pl", "ru", "sv", "tr",
    "tl", "bg", "ro", "ar", "cs", "el", "fi", "hr", "ms", "sk", "da", "ta", "uk", "hu", "no",
    "vi", "bn", "th", "he", "ka", "id", "te", "gu", "kn", "ml", "mr", "pa",
)  # fmt: skip
_SONIC = Capabilities(
    formats=_FORMATS,
    speed=(0.6, 1.5),
    languages=_LANGUAGES,
    timestamps="word",
    dictionaries=True,
    extra=("generation_config", "locale", "normalization"),
)
_MODELS = {"sonic-3.5": _SONIC, "sonic-3.6": _SONIC, "sonic-3": _SONIC, "sonic-latest": _SONIC}
