"""OpenAI, and every server that speaks its `/audio/speech`, such as vLLM or Kokoro-FastAPI.

Sources: OpenAI API reference, "Create speech" (POST /v1/audio/speech); guides "Text to speech"
(which voices which model has), "Error codes" and "Spend limits"; for own servers the routes of
Kokoro-FastAPI, speaches and vLLM-Omni, and LocalAI's "Text to Audio".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from stentor.audio.form import AudioForm
from stentor.contract import Voice
from stentor.providers.base import (
    ANY_FIELD,
    Capabilities,
    Provider,
    Script,
    Settings,
    VendorFormat,
    VoicePage,
)
from stentor.providers.faults import ProviderError, read_error
from stentor.providers.languages import language_tag
from stentor.providers.readers import RawReader
from stentor.providers.wire import Delivered, Head, HttpCall, Reader
from stentor.secret import Secret

SAMPLE_RATE = 24_000

_PCM = VendorFormat(AudioForm("pcm", SAMPLE_RATE), "pcm")
_WITH_HEADER = (
    VendorFormat(AudioForm("wav"), "wav"),
    VendorFormat(AudioForm("flac"), "flac"),
    VendorFormat(AudioForm("mp3"), "mp3"),
    VendorFormat(AudioForm("opus"), "opus"),
    VendorFormat(AudioForm("aac"), "aac"),
)
_FORMATS = (_PCM, *_WITH_HEADER)
_VOICES = (
    "alloy", "ash", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer",
)  # fmt: skip
_NEWER_VOICES = ("marin", "cedar", *_VOICES, "ballad", "verse")

_QUOTA = frozenset(
    {
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_not_active",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
    }
)
_TOO_LONG = re.compile(
    r"string_too_long|string_above_max_length|over the maximum input limit"
    r"|(at most|less than|maximum( length)?( is| of)?) [0-9,]+ (characters|tokens)"
)
_NO_SETTINGS = Settings()


class OpenAI(Provider):
    """`POST /audio/speech`.

    A `base_url` outside of OpenAI's domain is a server of one's own: any model, any voice, any
    field, and no key unless one is configured.
    """

    type = "openai"
    title = "OpenAI"
    reference = "https://platform.openai.com/docs/api-reference/audio/createSpeech"
    base_url = "https://api.openai.com/v1"
    key_variable = "OPENAI_API_KEY"

    def __init__(self, settings: Settings = _NO_SETTINGS) -> None:
        super().__init__(settings)
        # Data residency has hosts of its own, such as eu.api.openai.com.
        host = urlsplit(self.base_url).hostname or ""
        self.own_server = not f".{host}".endswith(".api.openai.com")
        self.open_models = self.own_server
        self.needs_key = not self.own_server

    @property
    def models(self) -> Mapping[str, Capabilities]:
        return {} if self.own_server else MODELS

    def capabilities(self, model: str) -> Capabilities:
        return _OWN if self.own_server else super().capabilities(model)

    def request(self, script: Script, key: Secret | None, now: datetime) -> HttpCall:
        headers = {"Content-Type": "application/json"} | self._authorization(key)
        return HttpCall("POST", f"{self.base_url}/audio/speech", headers, speech_body(script))

    def response(self, script: Script, head: Head) -> Reader:
        if self.own_server:
            return _SelfDescribedReader(script.format.form, head)
        return super().response(script, head)

    def error(self, head: Head, body: bytes) -> ProviderError:
        return speech_error(head, body)

    def known_voices(self, model: str) -> Sequence[Voice]:
        return [
            Voice(
                id=name,
                name=name.title(),
                provider=self.name,
                model=model,
                sample_rate=SAMPLE_RATE,
            )
            for name in self.capabilities(model).voices or ()
        ]

    def voices_call(self, key: Secret | None, page: str | None, now: datetime) -> HttpCall | None:
        """OpenAI has no list; servers of one's own mostly do, others answer with a 404."""
        if not self.own_server:
            return None
        return HttpCall("GET", f"{self.base_url}/audio/voices", self._authorization(key))

    def read_voices(self, body: bytes) -> VoicePage:
        """Lists of names or of objects, bare or under `voices` or `data`, also by model.

        A voice whose model is not told has an empty one.
        """
        try:
            voices = {
                (voice.model, voice.id): voice for voice in self._voices(msgspec.json.decode(body))
            }
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError) as error:
            raise ProviderError("malformed", "answered with what is no list of voices") from error
        return VoicePage(list(voices.values()))

    def _voices(self, node: Any, model: str = "") -> Iterator[Voice]:
        if isinstance(node, list):
            lists = [node]
        elif isinstance(node, dict):
            lists = [node[name] for name in _LISTS if isinstance(node.get(name), list)]
        else:
            lists = []
        if not lists:
            raise TypeError(node)
        for item in (item for one in lists for item in one):
            if isinstance(item, str):
                yield self._voice({"id": item}, item, model)
            elif isinstance(item, dict):
                of_model = _text(item, "model", "model_id") or model
                if any(isinstance(item.get(name), list) for name in _LISTS):
                    yield from self._voices(item, of_model or _text(item, "id", "name"))
                elif identifier := _text(item, "id", "voice_id", "name", "voice"):
                    yield self._voice(item, identifier, of_model)

    def _voice(self, item: dict[str, Any], identifier: str, model: str) -> Voice:
        rate = item.get("sample_rate")
        return Voice(
            id=identifier,
            name=_text(item, "name") or identifier,
            provider=self.name,
            model=model,
            sample_rate=rate if isinstance(rate, int) else SAMPLE_RATE,
            language=language_tag(_text(item, "language", "lang", "locale")),
            gender=_GENDERS.get(_text(item, "gender").lower()),
        )

    @staticmethod
    def _authorization(key: Secret | None) -> dict[str, str]:
        return {} if key is None else {"Authorization": f"Bearer {key.reveal()}"}


def speech_body(script: Script) -> bytes:
    """The JSON of a call of `/audio/speech`."""
    body: dict[str, object] = {
        "model": script.model,
        "input": script.text,
        "voice": script.voice,
        "response_format": script.format.name,
    }
    if script.speed != 1.0:
        body["speed"] = script.speed
    if script.instructions:
        body["instructions"] = script.instructions
    return msgspec.json.encode(body | script.extra)


def speech_error(head: Head, body: bytes) -> ProviderError:
    """What OpenAI's errors mean, and those of vendors that took over their form.

    A spent account is a 429 like one that is in too much of a hurry, and a text that is too long
    a 400 like all that is wrong with a request.
    """
    error = read_error(head, body)
    if head.status in (400, 403, 429) and error.code in _QUOTA:
        error.kind = "quota"
    elif head.status in (400, 422) and _TOO_LONG.search(f"{error.code} {error.message}"):
        error.kind = "too_long"
    return error


class _SelfDescribedReader(RawReader):
    """Bare audio whose first bytes say what it is: some servers know one format only."""

    def __init__(self, form: AudioForm, head: Head) -> None:
        super().__init__(form, head)
        self._start: bytes | None = b""

    def feed(self, data: bytes) -> bytes:
        data = super().feed(data)
        if self._start is None:
            return data
        self._start += data
        if len(self._start) < _MAGIC_BYTES:
            return b""
        data, self._start = self._start, None
        self.form = _form(data) or self.form
        return data

    def finish(self) -> Delivered:
        delivered = super().finish()
        if self._start is None:
            return delivered
        return msgspec.structs.replace(delivered, audio=self._start)


_MAGIC_BYTES = 4


def _form(start: bytes) -> AudioForm | None:
    """What audio begins like this; None if nothing with a header does."""
    if start[:4] in _MAGIC:
        return AudioForm(_MAGIC[start[:4]])
    if start[:3] == b"ID3":
        return AudioForm("mp3")
    if start[0] == 0xFF and start[1] & 0xE0 == 0xE0:
        # A frame of MPEG audio: the layer is 0 in those of AAC.
        return AudioForm("mp3" if start[1] & 0x06 else "aac")
    return None


def _text(item: Mapping[str, Any], *names: str) -> str:
    """The first text under one of these names, or nothing."""
    return next((item[name] for name in names if isinstance(item.get(name), str)), "")


_MAGIC: dict[bytes, Literal["wav", "flac", "opus"]] = {
    b"RIFF": "wav",
    b"fLaC": "flac",
    b"OggS": "opus",
}
_LISTS = ("voices", "data", "uploaded_voices")
_GENDERS: dict[str, Literal["female", "male"]] = {
    "female": "female",
    "f": "female",
    "male": "male",
    "m": "male",
}

_SPEED = (0.25, 4.0)
# 2,000 tokens: a byte of UTF-8 is never more than one. The model does not keep to `speed`.
_STEERABLE = Capabilities(
    formats=_FORMATS,
    max_chars=4096,
    max_bytes=2000,
    voices=_NEWER_VOICES,
    instructions=True,
)
_PLAIN = Capabilities(formats=_FORMATS, max_chars=4096, voices=_VOICES, speed=_SPEED)
MODELS = {
    "gpt-4o-mini-tts": _STEERABLE,
    "gpt-4o-mini-tts-2025-12-15": _STEERABLE,
    "gpt-4o-mini-tts-2025-03-20": _STEERABLE,
    "tts-1": _PLAIN,
    "tts-1-hd": _PLAIN,
}
# Headerless audio is left out: at which rate it is, only the server knows. The speeds are those
# that all of these servers take.
_OWN = Capabilities(
    formats=_WITH_HEADER,
    max_chars=4096,
    speed=(0.5, 2.0),
    instructions=True,
    extra=(ANY_FIELD,),
)
