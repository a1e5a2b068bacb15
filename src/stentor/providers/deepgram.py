"""Deepgram: Aura by `/v1/speak`, Flux by `/v2/speak`.

Source: Deepgram API reference, "Text to Speech" (POST /v1/speak), "Flux Text to Speech (batch)"
(POST /v2/speak), "List Models" (GET /v1/models), "Errors", "API Rate Limits".

What Deepgram calls a model is one voice of it, such as `aura-2-thalia-en`. Here that is the model
`aura-2` with the voice `thalia-en`; the whole name is taken as a voice, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from stentor.audio.form import AudioForm
from stentor.contract import Voice
from stentor.providers.base import Capabilities, Provider, Script, VendorFormat, VoicePage
from stentor.providers.faults import ProviderError, read_error
from stentor.providers.languages import language_tag
from stentor.providers.readers import RawReader
from stentor.providers.wire import Delivered, Head, HttpCall, Reader
from stentor.secret import Secret

_RATE = 24_000
_BATCH = "flux"
# Aura, Flux and Aura 2 name these headers each in its own way.
_CHARACTERS = ("dg-char-count", "x-dg-characters", "x-dg-char-count")
_REQUEST_IDS = ("dg-request-id", "x-dg-request-id")


class Deepgram(Provider):
    """`POST /v1/speak` and `POST /v2/speak`."""

    type = "deepgram"
    title = "Deepgram"
    reference = "https://developers.deepgram.com/reference/text-to-speech/speak-request"
    base_url = "https://api.deepgram.com"
    key_variable = "DEEPGRAM_API_KEY"
    concurrency = 15

    @property
    def models(self) -> Mapping[str, Capabilities]:
        return _MODELS

    def request(self, script: Script, key: Secret | None, now: datetime) -> HttpCall:
        form = script.format.form
        query: dict[str, Any] = {
            "model": _voice_name(script.model, script.voice),
            "encoding": script.format.name,
        }
        if container := _CONTAINERS.get(form.encoding):
            query["container"] = container
        if form.sample_rate or form.encoding == "wav":
            query["sample_rate"] = form.sample_rate or _RATE
        if script.no_logging:
            query["mip_opt_out"] = True
        query |= script.extra
        version = "v2" if script.model == _BATCH else "v1"
        return HttpCall(
            "POST",
            f"{self.base_url}/{version}/speak?{urlencode(_plain(query), doseq=True)}",
            {"Content-Type": "application/json", **_authorization(key)},
            msgspec.json.encode({"text": script.text}),
        )

    def response(self, script: Script, head: Head) -> Reader:
        return _Counted(script.format.form, head)

    def error(self, head: Head, body: bytes) -> ProviderError:
        error = read_error(head, body)
        words = error.message.lower()
        if "maximum character limit" in words:
            return read_error(head, body, kind="too_long")
        if error.kind == "invalid" and "no such model" in words:
            return read_error(head, body, kind="not_found")
        return error

    def voices_call(self, key: Secret | None, page: str | None, now: datetime) -> HttpCall:
        return HttpCall("GET", f"{self.base_url}/v1/models", _authorization(key))

    def read_voices(self, body: bytes) -> VoicePage:
        try:
            listed = msgspec.json.decode(body, type=_List).tts
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ProviderError("malformed", "answered with what is no list of models") from error
        return VoicePage([voice for one in listed if (voice := self._voice(one))])

    def _voice(self, listed: _Listed) -> Voice | None:
        model = next((m for m in _BY_LENGTH if listed.canonical_name.startswith(f"{m}-")), None)
        if model is None:
            return None
        id_ = listed.canonical_name.removeprefix(f"{model}-")
        tags = listed.metadata.tags or () if listed.metadata else ()
        return Voice(
            id=id_,
            name=(listed.name or id_.partition("-")[0]).title(),
            provider=self.name,
            model=model,
            sample_rate=_RATE,
            language=language_tag(max(listed.languages or [id_.rpartition("-")[2]], key=len)),
            gender="female" if "feminine" in tags else "male" if "masculine" in tags else None,
        )


def _voice_name(model: str, voice: str) -> str:
    """Deepgram's name of a voice of a model."""
    return voice if voice.startswith(f"{model}-") else f"{model}-{voice}"


def _plain(query: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in query.items()
    }


def _authorization(key: Secret | None) -> dict[str, str]:
    return {} if key is None else {"Authorization": f"Token {key.reveal()}"}


class _Counted(RawReader):
    """Bare audio, and in the headers what is billed for it."""

    def __init__(self, form: AudioForm, head: Head) -> None:
        super().__init__(form, head)
        self._head = head

    def finish(self) -> Delivered:
        delivered = super().finish()
        counted = self._header(_CHARACTERS) or ""
        return msgspec.structs.replace(
            delivered,
            characters=int(counted) if counted.isdecimal() else None,
            request_id=self._header(_REQUEST_IDS) or delivered.request_id,
        )

    def _header(self, names: tuple[str, ...]) -> str | None:
        return next(
            (self._head.headers[name] for name in names if name in self._head.headers), None
        )


class _Metadata(Struct):
    tags: list[str] | None = None


class _Listed(Struct):
    canonical_name: str = ""
    name: str | None = None
    languages: list[str] | None = None
    metadata: _Metadata | None = None


class _List(Struct):
    tts: list[_Listed]


_CONTAINERS = {"pcm": "none", "wav": "wav", "opus": "ogg", "ulaw": "none", "alaw": "none"}
_FORMATS = (
    VendorFormat(AudioForm("pcm", _RATE), "linear16"),
    VendorFormat(AudioForm("wav"), "linear16"),
    VendorFormat(AudioForm("opus"), "opus"),
    VendorFormat(AudioForm("mp3"), "mp3", 48),
    VendorFormat(AudioForm("ulaw", 8_000), "mulaw"),
    VendorFormat(AudioForm("alaw", 8_000), "alaw"),
)
# Deepgram has a `speed`, but refuses it for some of a model's languages.
_AURA = Capabilities(
    formats=_FORMATS,
    max_chars=2_000,
    no_logging=True,
    extra=("tag",),
)
_MODELS = {
    "aura-2": _AURA,
    _BATCH: msgspec.structs.replace(_AURA, streaming=False, extra=("expressivity", "tag")),
    "aura": _AURA,
}
_BY_LENGTH = sorted(_MODELS, key=len, reverse=True)
