"""ElevenLabs: one voice by Text to Speech, several by Text to Dialogue.

Source: ElevenLabs API reference, "Stream speech" (POST /v1/text-to-speech/{voice_id}/stream),
"Stream speech with timing", "Stream dialogue" (POST /v1/text-to-dialogue/stream), "Stream dialogue
with timing", "List voices" (GET /v2/voices), "Errors"; docs, "Models" (limits, languages,
concurrency).

An answer with timings is a document a line, `{"audio_base64", "alignment": {"characters",
"character_start_times_seconds", "character_end_times_seconds"}}`, with times from the start of the
whole audio. Nothing marks its end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from stentor.audio.form import AudioForm
from stentor.contract import Voice
from stentor.providers.base import Capabilities, Provider, Script, VendorFormat, VoicePage
from stentor.providers.faults import FaultKind, ProviderError, read_error
from stentor.providers.languages import language_tag
from stentor.providers.readers import LinesReader, RawReader, from_base64
from stentor.providers.spans import character_timings
from stentor.providers.wire import Alignment, Delivered, Head, HttpCall, Reader
from stentor.secret import Secret

# 3 of 4: all that can be had without the normalizer of numbers and dates being turned off.
_HASTE = "3"
_PAGE_SIZE = "100"
_TAGS = re.compile(r"\[[^\]]*\]")
_EARLY = "the provider's timings end {} characters before the text does, as the speech may"
_KINDS: dict[str, FaultKind] = {
    "quota_exceeded": "quota",  # 401
    "insufficient_credits": "quota",
    "max_character_limit_exceeded": "too_long",  # 400
    "text_too_long": "too_long",
    "voice_not_found": "not_found",  # 400
    "model_not_found": "not_found",
}


class ElevenLabs(Provider):
    """`POST /v1/text-to-speech/{voice}/stream` and `POST /v1/text-to-dialogue/stream`."""

    type = "elevenlabs"
    title = "ElevenLabs"
    reference = "https://elevenlabs.io/docs/api-reference/text-to-speech/stream"
    base_url = "https://api.elevenlabs.io"
    key_variable = "ELEVENLABS_API_KEY"
    concurrency = 3

    @property
    def models(self) -> Mapping[str, Capabilities]:
        return _MODELS

    def request(self, script: Script, key: Secret | None, now: datetime) -> HttpCall:
        query = {"output_format": script.format.name}
        if script.no_logging:
            query["enable_logging"] = "false"
        if script.low_latency:
            query["optimize_streaming_latency"] = _HASTE
        if len(script.turns) > 1:
            path, body = "/v1/text-to-dialogue/stream", _dialogue(script)
        else:
            path = f"/v1/text-to-speech/{quote(script.voice, safe='')}/stream"
            body = _speech(script)
        if script.timestamps:
            path += "/with-timestamps"
        return HttpCall(
            "POST",
            f"{self.base_url}{path}?{urlencode(query)}",
            {"Content-Type": "application/json", **_authorization(key)},
            msgspec.json.encode(body),
        )

    def response(self, script: Script, head: Head) -> Reader:
        if not script.timestamps:
            return RawReader(script.format.form, head)
        timed = _Timed(self, script.text, head)
        return LinesReader(script.format.form, head, timed.take, timed.finish)

    def error(self, head: Head, body: bytes) -> ProviderError:
        error = read_error(head, body)
        kind = _KINDS.get(error.code or "")
        return error if kind is None else read_error(head, body, kind=kind)

    def voices_call(self, key: Secret | None, page: str | None, now: datetime) -> HttpCall:
        query = {"page_size": _PAGE_SIZE, "include_total_count": "false"}
        if page is not None:
            query["next_page_token"] = page
        return HttpCall("GET", f"{self.base_url}/v2/voices?{urlencode(query)}", _authorization(key))

    def read_voices(self, body: bytes) -> VoicePage:
        try:
            page = msgspec.json.decode(body, type=_Page)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ProviderError("malformed", "answered with what is no list of voices") from error
        model = next(iter(_MODELS))
        return VoicePage(
            [
                Voice(
                    id=one.voice_id,
                    name=one.name or one.voice_id,
                    provider=self.name,
                    model=model,
                    sample_rate=_RATE,
                    language=language_tag(one.language),
                    gender=_gender((one.labels or {}).get("gender")),
                )
                for one in page.voices
            ],
            page.next_page_token if page.has_more else None,
        )


def _speech(script: Script) -> dict[str, Any]:
    settings = script.extra.get("voice_settings", {})
    if script.speed != 1.0 and isinstance(settings, dict):
        settings = {"speed": script.speed} | settings
    body = {"text": script.text} | _common(script)
    if settings:
        body["voice_settings"] = settings
    if script.previous_text:
        body["previous_text"] = script.previous_text
    if script.next_text:
        body["next_text"] = script.next_text
    return body


def _dialogue(script: Script) -> dict[str, Any]:
    """A dialogue knows of the voices' settings the stability only, and it is that of all."""
    inputs = [{"text": turn.text, "voice_id": turn.voice} for turn in script.turns]
    body = {"inputs": inputs} | _common(script)
    body.pop("apply_language_text_normalization", None)
    settings = script.extra.get("voice_settings")
    if isinstance(settings, dict) and "stability" in settings:
        body["settings"] = {"stability": settings["stability"]}
    return body


def _common(script: Script) -> dict[str, Any]:
    body: dict[str, Any] = {"model_id": script.model}
    if script.language and script.model in _TELLABLE:
        body["language_code"] = _language(script.language)
    if script.dictionaries:
        body["pronunciation_dictionary_locators"] = script.dictionaries
    return body | {name: value for name, value in script.extra.items() if name != "voice_settings"}


def _language(tag: str) -> str:
    """ISO 639-1, or -3 where there is none."""
    primary = tag.replace("_", "-").partition("-")[0].lower()
    return {"nb": "no", "nn": "no", "tl": "fil", "cmn": "zh"}.get(primary, primary)


def _authorization(key: Secret | None) -> dict[str, str]:
    return {} if key is None else {"xi-api-key": key.reveal()}


def _gender(label: str | None) -> Any:
    return label if label in ("female", "male") else None


class _Timed:
    """Takes a stream with timings apart."""

    def __init__(self, provider: ElevenLabs, text: str, head: Head) -> None:
        self._provider = provider
        self._text = text
        self._head = head
        self._characters: list[str] = []
        self._starts_s: list[float] = []
        self._ends_s: list[float] = []

    def take(self, document: dict[str, Any]) -> bytes:
        if "audio_base64" not in document and "alignment" not in document:
            raise self._provider.error(self._head, msgspec.json.encode(document))
        if alignment := document.get("alignment"):
            self._characters += alignment["characters"]
            self._starts_s += alignment["character_start_times_seconds"]
            self._ends_s += alignment["character_end_times_seconds"]
            if not len(self._characters) == len(self._starts_s) == len(self._ends_s):
                raise ValueError("not as many times as characters")
        audio = document.get("audio_base64")
        return from_base64(audio) if audio else b""

    def finish(self) -> Delivered:
        timings = character_timings(self._text, self._characters, self._starts_s, self._ends_s)
        if not timings:
            return Delivered()
        rest = self._text[timings[-1].end :]
        early = any(character.isalnum() for character in _TAGS.sub("", rest))
        return Delivered(
            alignment=Alignment("character", timings),
            warnings=(_EARLY.format(len(rest)),) if early else (),
        )


class _Language(Struct):
    language: str
    locale: str | None = None


class _Voice(Struct):
    voice_id: str
    name: str | None = None
    labels: dict[str, str | None] | None = None
    verified_languages: list[_Language] | None = None

    @property
    def language(self) -> str | None:
        if label := (self.labels or {}).get("language"):
            return label
        return next((v.locale or v.language for v in self.verified_languages or ()), None)


class _Page(Struct):
    voices: list[_Voice]
    has_more: bool = False
    next_page_token: str | None = None


_RATE = 24_000
# What has more than 24 kHz, or more than 128 kbit/s, is not for the smaller plans.
_FORMATS = (
    VendorFormat(AudioForm("pcm", _RATE), f"pcm_{_RATE}"),
    VendorFormat(AudioForm("pcm", 44_100), "pcm_44100"),
    VendorFormat(AudioForm("pcm", 48_000), "pcm_48000"),
    VendorFormat(AudioForm("mp3"), "mp3_44100_128", 128),
    VendorFormat(AudioForm("mp3"), "mp3_44100_192", 192),
    VendorFormat(AudioForm("ulaw", 8_000), "ulaw_8000"),
    VendorFormat(AudioForm("alaw", 8_000), "alaw_8000"),
)
_EXTRA = (
    "voice_settings",
    "seed",
    "apply_text_normalization",
    "apply_language_text_normalization",
    "use_pvc_as_ivc",
)
_V2_LANGUAGES = (
    "en", "ja", "zh", "de", "hi", "fr", "ko", "pt", "it", "es", "id", "nl", "tr", "fil", "pl",
    "sv", "bg", "ro", "ar", "cs", "el", "fi", "hr", "ms", "sk", "da", "ta", "uk", "ru",
)  # fmt: skip
_V25_LANGUAGES = (*_V2_LANGUAGES, "hu", "no", "vi")


def _classic(max_chars: int, languages: tuple[str, ...]) -> Capabilities:
    """A model up to v2.5."""
    return Capabilities(
        formats=_FORMATS,
        max_chars=max_chars,
        speed=(0.7, 1.2),
        languages=languages,
        timestamps="character",
        dictionaries=True,
        context=True,
        no_logging=True,
        low_latency=True,
        # The caller's own, around the whole text: a part has its neighbours instead.
        extra=(*_EXTRA, "previous_text", "next_text"),
    )


# The newer ones refuse context and haste, and a dialogue cannot be told a speed. They take 5,000
# (v3) and 10,000 (v4) characters of one voice; but a dialogue above 2,000 may end too soon.
_DIALOGUE = Capabilities(
    formats=_FORMATS,
    max_chars=2_000,
    speakers=10,
    timestamps="character",
    dictionaries=True,
    no_logging=True,
    extra=_EXTRA,
)
_MODELS = {
    "eleven_multilingual_v2": _classic(10_000, _V2_LANGUAGES),
    "eleven_v4": _DIALOGUE,
    "eleven_v3": _DIALOGUE,
    "eleven_v4_turbo": msgspec.structs.replace(_DIALOGUE, max_chars=10_000, speakers=1),
    "eleven_flash_v2_5": _classic(40_000, _V25_LANGUAGES),
    "eleven_turbo_v2_5": _classic(40_000, _V25_LANGUAGES),
    "eleven_flash_v2": _classic(30_000, ("en",)),
    "eleven_turbo_v2": _classic(30_000, ("en",)),
}
# Models that can be told the language: v2 hears it itself, and the others know one only.
_TELLABLE = frozenset(
    {"eleven_v4", "eleven_v4_turbo", "eleven_v3", "eleven_flash_v2_5", "eleven_turbo_v2_5"}
)
