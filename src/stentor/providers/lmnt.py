"""LMNT.

Source: LMNT API reference, version 1.2: "Generate speech" (POST /v1/ai/speech/bytes), "Generate
speech with details" (POST /v1/ai/speech), "List voices" (GET /v1/ai/voice/list).

Timings come with the whole audio in one document, `{"audio", "timestamps": [{"text", "start",
"duration"}]}`, in seconds; spaces and punctuation are among the timed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from stentor.audio.form import AudioForm
from stentor.contract import Voice
from stentor.providers.base import Capabilities, Provider, Script, VendorFormat, VoicePage
from stentor.providers.faults import ProviderError, read_error
from stentor.providers.readers import JsonReader, RawReader, from_base64
from stentor.providers.spans import word_timings
from stentor.providers.wire import Alignment, Delivered, Head, HttpCall, Reader
from stentor.secret import Secret

VERSION = "1.2"
_RATE = 24_000
_TOO_LONG = re.compile(r"\b5,?000\b.*\bcharacters\b")


class Lmnt(Provider):
    """`POST /v1/ai/speech/bytes`, and `/v1/ai/speech` where timings are wanted."""

    type = "lmnt"
    title = "LMNT"
    reference = "https://docs.lmnt.com/api/speech/generate"
    base_url = "https://api.lmnt.com"
    key_variable = "LMNT_API_KEY"
    concurrency = 10  # paid plans have no limit

    @property
    def models(self) -> Mapping[str, Capabilities]:
        return _MODELS

    def request(self, script: Script, key: Secret | None, now: datetime) -> HttpCall:
        body: dict[str, Any] = {
            "model": script.model,
            "text": script.text,
            "voice": script.voice,
            "format": script.format.name,
            "sample_rate": script.format.form.sample_rate or _RATE,
        }
        if script.language:
            body["language"] = _language(script.language)
        if script.timestamps:
            body["return_timestamps"] = True
        return HttpCall(
            "POST",
            f"{self.base_url}/v1/ai/speech{'' if script.timestamps else '/bytes'}",
            {"Content-Type": "application/json", **_headers(key)},
            msgspec.json.encode(body | script.extra),
        )

    def response(self, script: Script, head: Head) -> Reader:
        if script.timestamps:
            return JsonReader(script.format.form, head, lambda answer: _timed(answer, script.text))
        return RawReader(script.format.form, head)

    def error(self, head: Head, body: bytes) -> ProviderError:
        error = read_error(head, body)
        # LMNT's types of errors do not tell a text that is too long from other wrong fields.
        too_long = error.kind == "invalid" and _TOO_LONG.search(error.message)
        return read_error(head, body, kind="too_long") if too_long else error

    def voices_call(self, key: Secret | None, page: str | None, now: datetime) -> HttpCall:
        return HttpCall("GET", f"{self.base_url}/v1/ai/voice/list", _headers(key))

    def read_voices(self, body: bytes) -> VoicePage:
        try:
            voices = msgspec.json.decode(body, type=list[_Voice])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ProviderError("malformed", "answered with what is no list of voices") from error
        return VoicePage(
            [
                Voice(
                    id=one.id,
                    name=one.name,
                    provider=self.name,
                    model=_MODEL,
                    sample_rate=_RATE,
                    gender=_gender(one.gender),
                )
                for one in voices
                if one.state == "ready"
            ]
        )


def _timed(answer: dict[str, Any], text: str) -> Delivered:
    words = [
        (one["text"], one["start"], one["start"] + one["duration"])
        for one in answer.get("timestamps") or ()
    ]
    timings = word_timings(text, words)
    return Delivered(
        audio=from_base64(answer["audio"]),
        alignment=Alignment("word", timings) if timings else None,
    )


def _language(tag: str) -> str:
    """ISO 639-1."""
    primary = tag.replace("_", "-").partition("-")[0].lower()
    return {"cmn": "zh"}.get(primary, primary)


def _headers(key: Secret | None) -> dict[str, str]:
    headers = {"lmnt-version": VERSION}
    if key is not None:
        headers["X-API-Key"] = key.reveal()
    return headers


def _gender(tag: str | None) -> Any:
    return tag if tag in ("female", "male") else None


class _Voice(Struct):
    id: str
    name: str
    state: str = "ready"
    gender: str | None = None


_MODEL = "blizzard"
_MODELS = {
    _MODEL: Capabilities(
        formats=(
            VendorFormat(AudioForm("pcm", _RATE), "pcm_s16le"),
            VendorFormat(AudioForm("wav"), "wav"),
            VendorFormat(AudioForm("mp3"), "mp3", 96),
        ),
        max_chars=5_000,
        languages=(
            "ar", "as", "bn", "cs", "da", "de", "en", "es", "fi", "fr", "hi", "id", "it", "ja",
            "ko", "ml", "mr", "nl", "pl", "pt", "ru", "sk", "sv", "ta", "te", "th", "tr", "uk",
            "ur", "vi", "zh",
        ),
        timestamps="word",
        extra=("temperature", "top_p"),
    )
}  # fmt: skip
