"""MiniMax: `POST /v1/t2a_v2`, which answers with server-sent events.

Sources: MiniMax API reference, "Text to Speech (T2A) HTTP", "Get Voice" and "Error Codes".
Times of words come as a second document under a URL of its own, so there are none here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote

import msgspec

from stentor.audio.form import AudioForm
from stentor.contract import Voice
from stentor.providers.base import (
    Capabilities,
    Provider,
    Script,
    Settings,
    VendorFormat,
    VoicePage,
)
from stentor.providers.faults import FaultKind, ProviderError, one_line, read_error
from stentor.providers.readers import LinesReader
from stentor.providers.wire import Delivered, Head, HttpCall, Reader
from stentor.secret import Secret

_RATE = 32_000
# A stream cannot be WAV.
_FORMATS = (
    VendorFormat(AudioForm("pcm", _RATE), "pcm"),
    VendorFormat(AudioForm("pcm", 44_100), "pcm"),
    VendorFormat(AudioForm("pcm", 24_000), "pcm"),
    VendorFormat(AudioForm("mp3"), "mp3", 128),
)
_REGIONS = {
    "global": "https://api.minimax.io/v1",
    "us-west": "https://api-uw.minimax.io/v1",
    "cn": "https://api.minimaxi.com/v1",
}
_GROUP = re.compile(r"[0-9A-Za-z_-]+")
_LANGUAGES = {
    "zh": "Chinese", "yue": "Chinese,Yue", "en": "English", "ar": "Arabic", "ru": "Russian",
    "es": "Spanish", "fr": "French", "pt": "Portuguese", "de": "German", "tr": "Turkish",
    "nl": "Dutch", "uk": "Ukrainian", "vi": "Vietnamese", "id": "Indonesian", "ja": "Japanese",
    "it": "Italian", "ko": "Korean", "th": "Thai", "pl": "Polish", "ro": "Romanian",
    "el": "Greek", "cs": "Czech", "fi": "Finnish", "hi": "Hindi", "bg": "Bulgarian",
    "da": "Danish", "he": "Hebrew", "ms": "Malay", "fa": "Persian", "sk": "Slovak",
    "sv": "Swedish", "hr": "Croatian", "fil": "Filipino", "hu": "Hungarian", "no": "Norwegian",
    "sl": "Slovenian", "ca": "Catalan", "nn": "Nynorsk", "ta": "Tamil", "af": "Afrikaans",
}  # fmt: skip
_ALIASES = {"nb": "no", "tl": "fil", "iw": "he", "in": "id", "zh-hk": "yue", "zh-yue": "yue"}
_OF_VOICES = {name: tag for tag, name in _LANGUAGES.items()} | {"Cantonese": "yue"}
_KINDS: dict[int, FaultKind] = {
    1001: "timeout",
    1002: "rate_limited",
    1004: "auth",
    1008: "quota",
    1026: "invalid",  # what is said, in the text
    1027: "invalid",  # what is said, in the audio
    1028: "quota",  # of a plan
    1030: "quota",
    1039: "rate_limited",  # by tokens
    1041: "rate_limited",  # by connections
    1042: "invalid",  # more than a tenth of the text cannot be said
    2013: "invalid",
    2042: "not_found",  # a voice that is another account's
    2049: "auth",
    2061: "auth",  # a model that is not in the plan
    20132: "not_found",  # a voice that there is not
}
_TOO_LONG = re.compile(r"too long|\b(text|length)\b.*\b(exceed|limit|less than)", re.IGNORECASE)
_NO_SETTINGS = Settings()


class MiniMax(Provider):
    """`POST /v1/t2a_v2`. Errors come with the HTTP status 200 and a `base_resp` that names them."""

    type = "minimax"
    title = "MiniMax"
    reference = "https://platform.minimax.io/docs/api-reference/speech-t2a-http"
    base_url = _REGIONS["global"]
    key_variable = "MINIMAX_API_KEY"
    option_names: ClassVar[Mapping[str, str]] = {
        "region": f"whose keys: one of {', '.join(_REGIONS)}; default: global",
        "group_id": "the account's group, for keys of the older platform; default: none",
    }

    def __init__(self, settings: Settings = _NO_SETTINGS) -> None:
        super().__init__(settings)
        region = self.options.get("region", "global")
        if region not in _REGIONS:
            raise ValueError(f"options.region: {region!r}; expected one of {', '.join(_REGIONS)}")
        if not self.own_server:
            self.base_url = _REGIONS[region]
        group = self.options.get("group_id")
        if group is not None and not _GROUP.fullmatch(group):
            raise ValueError(f"options.group_id: {group!r}; expected letters, digits, - and _")
        self._query = f"?GroupId={quote(group)}" if group is not None else ""

    @property
    def models(self) -> Mapping[str, Capabilities]:
        return _MODELS

    def request(self, script: Script, key: Secret | None, now: datetime) -> HttpCall:
        extra = dict(script.extra)
        settings = extra.pop("voice_setting", {})
        voice: dict[str, object] = {"voice_id": script.voice}
        if script.speed != 1.0:
            voice["speed"] = script.speed
        body: dict[str, object] = {
            "model": script.model,
            "text": script.text,
            "stream": True,
            "stream_options": {"exclude_aggregated_audio": True},
            "voice_setting": settings | voice if isinstance(settings, dict) else settings,
            "audio_setting": {
                "format": script.format.name,
                "sample_rate": script.format.form.sample_rate or _RATE,
                "channel": 1,
            },
        }
        languages = self.capabilities(script.model).languages or ()
        if script.language is not None and (tag := _tag(script.language)) in languages:
            body["language_boost"] = _LANGUAGES[tag]
        return HttpCall(
            "POST",
            f"{self.base_url}/t2a_v2{self._query}",
            _headers(key),
            msgspec.json.encode(body | extra),
        )

    def response(self, script: Script, head: Head) -> Reader:
        stream = _Stream(head)
        return LinesReader(script.format.form, head, stream.take, stream.finish)

    def error(self, head: Head, body: bytes) -> ProviderError:
        try:
            document = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            document = None
        told = _error_in(document, head) if isinstance(document, dict) else None
        return told or read_error(head, body)

    def voices_call(self, key: Secret | None, page: str | None, now: datetime) -> HttpCall:
        return HttpCall(
            "POST",
            f"{self.base_url}/get_voice{self._query}",
            _headers(key),
            b'{"voice_type":"all"}',
        )

    def read_voices(self, body: bytes) -> VoicePage:
        try:
            document = msgspec.json.decode(body)
            if told := _error_in(document, Head(200, {})):
                raise told
            groups = msgspec.convert(document, _Voices)
        except (msgspec.MsgspecError, UnicodeDecodeError, AttributeError) as error:
            raise ProviderError("malformed", "the list of voices is not a list") from error
        entries = [
            *(groups.voice_cloning or ()),
            *(groups.voice_generation or ()),
            *(groups.system_voice or ()),
        ]
        return VoicePage(
            [
                Voice(
                    id=entry.voice_id,
                    name=entry.voice_name or entry.voice_id,
                    provider=self.name,
                    model="speech-2.8-hd",
                    sample_rate=_RATE,
                    language=_OF_VOICES.get(re.split(r" \(|_", entry.voice_id)[0]),
                )
                for entry in entries
            ]
        )


class _Voice(msgspec.Struct, frozen=True):
    voice_id: str
    voice_name: str | None = None


class _Voices(msgspec.Struct, frozen=True):
    system_voice: list[_Voice] | None = None
    voice_cloning: list[_Voice] | None = None
    voice_generation: list[_Voice] | None = None


class _Stream:
    """The events of a stream: pieces of audio in hexadecimal, and a last one with `status` 2."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._digest = hashlib.sha256()
        self._length = 0
        self._done = False
        self._characters: int | None = None
        self._trace: str | None = head.headers.get("trace-id")

    def take(self, document: Any) -> bytes:
        if told := _error_in(document, self._head):
            raise told
        self._trace = document.get("trace_id") or self._trace
        usage = document.get("extra_info") or {}
        self._characters = usage.get("usage_characters", self._characters)
        data = document.get("data") or {}
        audio = bytes.fromhex(data.get("audio") or "")
        if data.get("status") == 2:
            self._done = True
            audio = self._news(audio)
        self._digest.update(audio)
        self._length += len(audio)
        return audio

    def finish(self) -> Delivered:
        if not self._done:
            raise ProviderError("truncated", "the stream ended before its last event")
        return Delivered(characters=self._characters, request_id=self._trace)

    def _news(self, audio: bytes) -> bytes:
        """The last event may hold all of the audio once more."""
        beginning = audio[: self._length]
        if hashlib.sha256(beginning).digest() == self._digest.digest():
            return audio[self._length :]
        return audio


def _headers(key: Secret | None) -> dict[str, str]:
    headers = {"Content-Type": "application/json"}
    if key is not None:
        headers["Authorization"] = f"Bearer {key.reveal()}"
    return headers


def _tag(language: str) -> str:
    """The key of `_LANGUAGES` for a BCP 47 tag."""
    tag = language.lower()
    primary = tag.partition("-")[0]
    return _ALIASES.get(tag) or _ALIASES.get(primary) or primary


def _error_in(document: Any, head: Head) -> ProviderError | None:
    """The failure that a document tells of."""
    told = document.get("base_resp") or {}
    code = told.get("status_code") or 0
    if code == 0:
        return None
    message = one_line(str(told.get("status_msg") or "no word of why"))
    kind = _KINDS.get(code, "server")
    if code == 2013 and _TOO_LONG.search(message):
        kind = "too_long"
    return ProviderError(
        kind,
        message,
        status=head.status,
        code=str(code),
        retry_after_s=read_error(head, b"").retry_after_s,
    )


_LATER = ("fa", "fil", "ta")  # which the models before 2.6 do not know
_EXTRA = ("pronunciation_dict", "voice_setting")
_NEWER = Capabilities(
    formats=_FORMATS,
    max_chars=9999,
    speed=(0.5, 2.0),
    languages=tuple(_LANGUAGES),
    extra=_EXTRA,
)
_OLDER = Capabilities(
    formats=_FORMATS,
    max_chars=9999,
    speed=(0.5, 2.0),
    languages=tuple(tag for tag in _LANGUAGES if tag not in _LATER),
    extra=_EXTRA,
)
_MODELS = {
    "speech-2.8-hd": _NEWER,
    "speech-2.8-turbo": _NEWER,
    "speech-2.6-hd": _NEWER,
    "speech-2.6-turbo": _NEWER,
    "speech-02-hd": _OLDER,
    "speech-02-turbo": _OLDER,
    "speech-01-hd": _OLDER,
    "speech-01-turbo": _OLDER,
}
