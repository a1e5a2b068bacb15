"""Sarvam: `POST /text-to-speech/stream`, the languages of India.

Sources: Sarvam API reference, "Text to Speech" and "Text-to-Speech Stream Audio"; "Errors &
Troubleshooting" for what its statuses mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from stentor.audio.form import AudioForm
from stentor.contract import Voice
from stentor.providers import sarvam_voices
from stentor.providers.base import Capabilities, Provider, Script, VendorFormat
from stentor.providers.faults import FaultKind, ProviderError, read_error
from stentor.providers.wire import Head, HttpCall
from stentor.secret import Secret

_RATE = 24_000  # in Hz; the highest that the stream offers
_FORMATS = (
    VendorFormat(AudioForm("wav"), "wav"),
    VendorFormat(AudioForm("flac"), "flac"),
    VendorFormat(AudioForm("mp3"), "mp3", 128),
    VendorFormat(AudioForm("aac"), "aac"),
)
_LANGUAGES = (
    "en-IN", "hi-IN", "bn-IN", "gu-IN", "kn-IN", "ml-IN", "mr-IN", "or-IN", "pa-IN", "ta-IN",
    "te-IN",
)  # fmt: skip
# The first code point of each script's block, and the language that it is taken for.
_SCRIPTS = {
    0x0900: "hi-IN",
    0x0980: "bn-IN",
    0x0A00: "pa-IN",
    0x0A80: "gu-IN",
    0x0B00: "od-IN",
    0x0B80: "ta-IN",
    0x0C00: "te-IN",
    0x0C80: "kn-IN",
    0x0D00: "ml-IN",
}
_BLOCK = 0x80
_FAULTS: dict[str, FaultKind] = {
    "insufficient_quota_error": "quota",  # 429
    "rate_limit_exceeded_error": "rate_limited",  # 429, and 503 under load
}
_FEMALE_V2 = frozenset({"anushka", "manisha", "vidya", "arya"})


class Sarvam(Provider):
    """`POST /text-to-speech/stream`.

    The language decides how numbers and the like are read. Where the caller does not name one it is
    that of the text's first Indian letter, or else English.
    """

    type = "sarvam"
    title = "Sarvam"
    reference = "https://docs.sarvam.ai/api-reference-docs/text-to-speech/convert-stream"
    base_url = "https://api.sarvam.ai"
    key_variable = "SARVAM_API_KEY"

    @property
    def models(self) -> Mapping[str, Capabilities]:
        return _MODELS

    def request(self, script: Script, key: Secret | None, now: datetime) -> HttpCall:
        body: dict[str, object] = {
            "text": script.text,
            "language_code": _language(script),
            "speaker": script.voice,
            "model": script.model,
            "speech_sample_rate": _RATE,
            "output_audio_codec": script.format.name,
        }
        if script.speed != 1.0:
            body["pace"] = script.speed
        if len(script.dictionaries) > 1:
            raise ProviderError(
                "invalid", f"{len(script.dictionaries)} pronunciation dictionaries; expected one"
            )
        if script.dictionaries:
            body["dict_id"] = script.dictionaries[0].pronunciation_dictionary_id
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["api-subscription-key"] = key.reveal()
        return HttpCall(
            "POST",
            f"{self.base_url}/text-to-speech/stream",
            headers,
            msgspec.json.encode(body | script.extra),
        )

    def error(self, head: Head, body: bytes) -> ProviderError:
        error = read_error(head, body)
        if error.code in _FAULTS:
            error.kind = _FAULTS[error.code]
        return error

    def known_voices(self, model: str) -> Sequence[Voice]:
        return [
            Voice(
                id=name,
                name=name.replace("_", " ").title(),
                provider=self.name,
                model=model,
                sample_rate=_RATE,
                language=_language_of_voice(name),
                gender=_gender(name) if model == "bulbul:v2" else None,
            )
            for name in _VOICES.get(model, ())
        ]


def _language(script: Script) -> str:
    """Sarvam's code for the language; one that it does not know is left for it to refuse."""
    if script.language is None:
        return next(
            (
                _SCRIPTS[block]
                for character in script.text
                if (block := ord(character) // _BLOCK * _BLOCK) in _SCRIPTS and character.isalpha()
            ),
            "en-IN",
        )
    language = script.language.split("-")[0].lower()
    if f"{language}-IN" not in _LANGUAGES:
        return script.language
    return "od-IN" if language == "or" else f"{language}-IN"


def _language_of_voice(name: str) -> str | None:
    """The language in the name of a voice; None where it speaks them all, or two."""
    parts = name.split("_")
    tag = f"{parts[1]}-IN" if len(parts) > 1 else ""
    return tag if tag in _LANGUAGES else None


def _gender(name: str) -> Literal["female", "male"]:
    return "female" if name in _FEMALE_V2 else "male"


_VOICES = {
    "bulbul:v3": sarvam_voices.V3,
    "bulbul:v4-flash": sarvam_voices.V4_FLASH,
    "bulbul:v2": sarvam_voices.V2,
}
# The longest texts are those of the call without streaming. The stream takes 3,500 characters by
# its reference, which names no model.
_MODELS = {
    "bulbul:v3": Capabilities(
        formats=_FORMATS,
        max_chars=2500,
        speed=(0.5, 2.0),
        languages=_LANGUAGES,
        voices=sarvam_voices.V3,
        dictionaries=True,
        extra=("temperature", "output_audio_bitrate"),
    ),
    "bulbul:v4-flash": Capabilities(
        formats=_FORMATS,
        max_chars=2500,
        speed=(0.5, 2.0),
        languages=_LANGUAGES,
        dictionaries=True,
        extra=("temperature", "output_audio_bitrate"),
    ),
    "bulbul:v2": Capabilities(
        formats=_FORMATS,
        max_chars=1500,
        speed=(0.3, 3.0),
        languages=_LANGUAGES,
        voices=sarvam_voices.V2,
        extra=(
            "pitch",
            "loudness",
            "enable_preprocessing",
            "enable_cached_responses",
            "output_audio_bitrate",
        ),
    ),
}
