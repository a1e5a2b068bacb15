"""Murf: `POST /v1/speech/stream`, and `/v1/speech/generate` where the times of words are wanted.

Sources: Murf API reference, "Stream Speech", "Synthesize Speech" and "List Voices"; its FAQ for the
longest text. The stream has no timings; only Gen 2 can be asked for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal

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
from stentor.providers.faults import ProviderError
from stentor.providers.readers import JsonReader, RawReader, from_base64
from stentor.providers.spans import word_timings
from stentor.providers.wire import Alignment, Delivered, Head, HttpCall, Reader
from stentor.secret import Secret

_FORMATS = (
    VendorFormat(AudioForm("wav"), "WAV"),
    VendorFormat(AudioForm("flac"), "FLAC"),
    VendorFormat(AudioForm("pcm", 24_000), "PCM"),
    VendorFormat(AudioForm("mp3"), "MP3"),
)
_REGIONS = (
    "global", "us-east", "us-west", "eu-central", "uk", "in", "jp", "au", "kr", "me", "sa-east",
    "ca",
)  # fmt: skip
# Murf's locales are BCP 47 but for this one, and it knows no language without a region.
_LOCALES = {
    "en-gb": "en-UK",
    "en": "en-US",
    "es": "es-ES",
    "fr": "fr-FR",
    "de": "de-DE",
    "it": "it-IT",
    "pt": "pt-BR",
    "hi": "hi-IN",
    "ja": "ja-JP",
    "ko": "ko-KR",
    "zh": "zh-CN",
}
_GENDERS: dict[str, Literal["female", "male"]] = {"Female": "female", "Male": "male"}
_NO_SETTINGS = Settings()


class Murf(Provider):
    """`POST /v1/speech/stream`.

    `rate` (-50 to 50, in `extra_params`) is Murf's own speed; what it does to the duration is not
    documented, so `speed` is left to time stretching.
    """

    type = "murf"
    title = "Murf"
    reference = "https://murf.ai/api/docs/api-reference/text-to-speech/stream"
    base_url = "https://api.murf.ai"
    key_variable = "MURF_API_KEY"
    concurrency = 2  # of every region but US East, which allows 15
    option_names: ClassVar[Mapping[str, str]] = {
        "region": f"where the speech is made: {', '.join(_REGIONS)}; default: api.murf.ai"
    }

    def __init__(self, settings: Settings = _NO_SETTINGS) -> None:
        super().__init__(settings)
        region = self.options.get("region")
        if region is None:
            return
        if region not in _REGIONS:
            raise ValueError(f"options.region: {region!r}; expected one of {', '.join(_REGIONS)}")
        if not self.own_server:
            self.base_url = f"https://{region}.api.murf.ai"

    @property
    def models(self) -> Mapping[str, Capabilities]:
        return _MODELS

    def request(self, script: Script, key: Secret | None, now: datetime) -> HttpCall:
        body: dict[str, object] = {
            "text": script.text,
            "voiceId": script.voice,
            "format": script.format.name,
            "channelType": "MONO",
            "sampleRate": script.format.form.sample_rate or _RATES.get(script.model, 24_000),
        }
        locale = _locale(script.language, script.voice)
        if locale is not None:
            body["locale"] = locale
        if script.timestamps:
            path = "/v1/speech/generate"
            body["modelVersion"] = "GEN2"
            body["encodeAsBase64"] = True
            if (locale or script.voice).lower().startswith("en-"):
                body["wordDurationsAsOriginalText"] = True  # exists for English only
        else:
            path = "/v1/speech/stream"
            body["model"] = "FALCON" if script.model == "falcon" else script.model
        return HttpCall(
            "POST",
            f"{self.base_url}{path}",
            _headers(key) | {"Content-Type": "application/json"},
            msgspec.json.encode(body | script.extra),
        )

    def response(self, script: Script, head: Head) -> Reader:
        if not script.timestamps:
            return RawReader(script.format.form, head)
        return JsonReader(
            script.format.form, head, lambda document: _delivered(document, script.text)
        )

    def voices_call(self, key: Secret | None, page: str | None, now: datetime) -> HttpCall:
        return HttpCall("GET", f"{self.base_url}/v1/speech/voices?model=GEN2", _headers(key))

    def read_voices(self, body: bytes) -> VoicePage:
        try:
            entries = msgspec.json.decode(body, type=list[_Voice])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ProviderError("malformed", "the list of voices is not a list") from error
        return VoicePage(
            [
                Voice(
                    id=entry.voice_id,
                    name=entry.display_name or entry.voice_id,
                    provider=self.name,
                    model="gen2",
                    sample_rate=_RATES["gen2"],
                    language=entry.locale and entry.locale.replace("en-UK", "en-GB"),
                    gender=_GENDERS.get(entry.gender or ""),
                )
                for entry in entries
            ]
        )


class _Voice(msgspec.Struct, frozen=True, rename="camel"):
    voice_id: str
    display_name: str | None = None
    locale: str | None = None
    gender: str | None = None


def _headers(key: Secret | None) -> dict[str, str]:
    return {} if key is None else {"api-key": key.reveal()}


def _locale(language: str | None, voice: str) -> str | None:
    """Murf's locale; None where the voice already speaks the language."""
    if language is None:
        return None
    tag = language.lower()
    if "-" not in tag and voice.lower().startswith(f"{tag}-"):
        return None
    return _LOCALES.get(tag, language)


def _delivered(document: Any, text: str) -> Delivered:
    words = (
        (word["word"] or "", word["startMs"] / 1000, word["endMs"] / 1000)
        for word in document["wordDurations"] or ()
    )
    return Delivered(
        audio=from_base64(document["encodedAudio"]),
        alignment=Alignment("word", word_timings(text, words)),
        warnings=(document["warning"],) if document.get("warning") else (),
    )


_FIELDS = ("style", "rate", "pitch", "variation", "pronunciationDictionary")
_RATES = {"gen2": 44_100, "falcon-2": 24_000, "falcon": 24_000}  # in Hz, the models' defaults
_FALCON = Capabilities(
    formats=_FORMATS,
    max_chars=3000,
    extra=tuple(field for field in _FIELDS if field != "variation"),
)
_MODELS = {
    "gen2": Capabilities(formats=_FORMATS, max_chars=3000, timestamps="word", extra=_FIELDS),
    "falcon-2": _FALCON,
    "falcon": _FALCON,
}
