"""Azure Speech: `POST /cognitiveservices/v1` with SSML, in a region of one's own.

Sources: "Text to speech REST API" (endpoints, headers, formats, statuses), "Customize voice and
sound with SSML", "What are high definition voices?" (which SSML they know), "Speech service quotas
and limits" (10 minutes of audio a call; longer audio is cut off without a word).

Word timings are told over the service's WebSocket only, not here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal
from xml.sax.saxutils import escape, quoteattr

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
from stentor.providers.faults import ProviderError, read_error
from stentor.providers.languages import language_tag
from stentor.providers.wire import Head, HttpCall
from stentor.secret import Secret

_DEFAULT_REGION = "eastus"
_REGION = re.compile(r"[a-z0-9]{1,40}")
_DEFAULT_LOCALE = "en-US"
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?-[A-Z]{2}(-[a-z]+)?(?=-)")
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_STYLE = ("style", "styledegree", "role")
_PROSODY = ("pitch", "volume")
_SPEECH = "http://www.w3.org/2001/10/synthesis"
_MSTTS = "https://www.w3.org/2001/mstts"
_NO_SETTINGS = Settings()

NEURAL = "neural"
NEURAL_HD = "neural-hd"


class AzureSpeech(Provider):
    """`POST /cognitiveservices/v1`.

    The service has no models: the voice decides. `neural` and `neural-hd` stand for what the two
    kinds of voices can do and cost.
    """

    type = "azure-speech"
    title = "Azure Speech"
    reference = "https://learn.microsoft.com/azure/ai-services/speech-service/rest-text-to-speech"
    base_url = ""
    key_variable = "AZURE_SPEECH_KEY"
    concurrency = 20  # of 200 calls a second
    option_names: ClassVar[Mapping[str, str]] = {
        "region": f"of the resource, such as westeurope; default: {_DEFAULT_REGION}"
    }

    def __init__(self, settings: Settings = _NO_SETTINGS) -> None:
        super().__init__(settings)
        region = self.options.get("region", _DEFAULT_REGION)
        if not _REGION.fullmatch(region):
            raise ValueError(
                f"options.region: {region!r} is no region; expected one such as westeurope"
            )
        if not self.base_url:
            self.base_url = f"https://{region}.tts.speech.microsoft.com"

    @property
    def models(self) -> Mapping[str, Capabilities]:
        return _MODELS

    def request(self, script: Script, key: Secret | None, now: datetime) -> HttpCall:
        headers = {
            "Content-Type": "application/ssml+xml",
            "X-Microsoft-OutputFormat": script.format.name,
            "User-Agent": "stentor",
        }
        return HttpCall(
            "POST",
            f"{self.base_url}/cognitiveservices/v1",
            headers | _authorization(key),
            ssml(script).encode(),
        )

    def error(self, head: Head, body: bytes) -> ProviderError:
        error = read_error(head, body)
        # A free resource whose month is spent; the body of other errors is mostly empty.
        if head.status in (403, 429) and "quota" in error.message.lower():
            error.kind = "quota"
        return error

    def voices_call(self, key: Secret | None, page: str | None, now: datetime) -> HttpCall | None:
        return HttpCall(
            "GET", f"{self.base_url}/cognitiveservices/voices/list", _authorization(key)
        )

    def read_voices(self, body: bytes) -> VoicePage:
        try:
            voices = [
                self._voice(entry)
                for entry in msgspec.json.decode(body)
                if entry.get("Status") != "Deprecated"
            ]
        except (
            msgspec.DecodeError, UnicodeDecodeError, RecursionError,
            AttributeError, KeyError, TypeError, ValueError,
        ) as error:  # fmt: skip
            raise ProviderError("malformed", "answered with what is no list of voices") from error
        return VoicePage(voices)

    def _voice(self, entry: Mapping[str, Any]) -> Voice:
        name: str = entry["ShortName"]
        return Voice(
            id=name,
            name=entry.get("DisplayName") or name,
            provider=self.name,
            model=NEURAL_HD if _is_hd(name) else NEURAL,
            sample_rate=int(entry["SampleRateHertz"]),
            language=language_tag(entry["Locale"]),
            gender=_GENDERS.get(entry.get("Gender", "")),
        )


def ssml(script: Script) -> str:
    """The document that has a script spoken.

    Characters that XML 1.0 has no way to write are left out.
    """
    spoken = escape(_NOT_XML.sub("", script.text))
    prosody = {name: script.extra[name] for name in _PROSODY if name in script.extra}
    if script.speed != 1.0:
        prosody["rate"] = f"{script.speed * 100 - 100:+.2f}%"
    spoken = _element("prosody", prosody, spoken)
    style = {name: script.extra[name] for name in _STYLE if name in script.extra}
    spoken = _element("mstts:express-as", style, spoken)
    locale = _locale(script.voice)
    language = script.language or locale
    # A voice of many languages is held to one by <lang>, which wants a region.
    if "-" in language and language.lower() != locale.lower() and _is_multilingual(script.voice):
        spoken = _element("lang", {"xml:lang": language}, spoken)
    voice = {"name": script.voice}
    if "temperature" in script.extra:
        voice["parameters"] = f"temperature={script.extra['temperature']}"
    return _element(
        "speak",
        {"version": "1.0", "xmlns": _SPEECH, "xmlns:mstts": _MSTTS, "xml:lang": language},
        _element("voice", voice, spoken),
    )


def _element(name: str, attributes: Mapping[str, object], content: str) -> str:
    """The content in an element; as it is, if the element would say nothing."""
    if not attributes:
        return content
    written = "".join(
        f" {attribute}={quoteattr(_NOT_XML.sub('', str(value)))}"
        for attribute, value in attributes.items()
    )
    return f"<{name}{written}>{content}</{name}>"


def _locale(voice: str) -> str:
    """The voice's own: names begin with it, as `zh-CN-liaoning-XiaobeiNeural` does."""
    found = _LOCALE.match(voice)
    return found[0] if found else _DEFAULT_LOCALE


def _is_multilingual(voice: str) -> bool:
    return "Multilingual" in voice or _is_hd(voice)


def _is_hd(voice: str) -> bool:
    """Whether it is a high definition voice: `voicename:basemodel`."""
    return ":" in voice and "HD" in voice.partition(":")[2]


def _authorization(key: Secret | None) -> dict[str, str]:
    return {} if key is None else {"Ocp-Apim-Subscription-Key": key.reveal()}


_GENDERS: dict[str, Literal["female", "male"]] = {"Female": "female", "Male": "male"}
# Voices are made at 24 kHz; asking for 48 kHz invokes a finer model of the same voice, if any.
_FORMATS = (
    VendorFormat(AudioForm("pcm", 24_000), "raw-24khz-16bit-mono-pcm"),
    VendorFormat(AudioForm("pcm", 48_000), "raw-48khz-16bit-mono-pcm"),
    VendorFormat(AudioForm("wav"), "riff-24khz-16bit-mono-pcm"),
    VendorFormat(AudioForm("mp3"), "audio-48khz-192kbitrate-mono-mp3", 192),
    VendorFormat(AudioForm("mp3"), "audio-24khz-160kbitrate-mono-mp3", 160),
    VendorFormat(AudioForm("opus"), "ogg-48khz-16bit-mono-opus"),
    VendorFormat(AudioForm("opus"), "ogg-24khz-16bit-mono-opus"),
    VendorFormat(AudioForm("pcm", 44_100), "raw-44100hz-16bit-mono-pcm"),
    VendorFormat(AudioForm("pcm", 22_050), "raw-22050hz-16bit-mono-pcm"),
    VendorFormat(AudioForm("pcm", 16_000), "raw-16khz-16bit-mono-pcm"),
    VendorFormat(AudioForm("pcm", 8_000), "raw-8khz-16bit-mono-pcm"),
    VendorFormat(AudioForm("ulaw", 8_000), "raw-8khz-8bit-mono-mulaw"),
    VendorFormat(AudioForm("alaw", 8_000), "raw-8khz-8bit-mono-alaw"),
)
# What is longer than ten minutes is cut off silently: at the slowest rate that can be asked for,
# 3,000 bytes of any script stay below that.
_MAX_BYTES = 3000
_MODELS = {
    NEURAL: Capabilities(
        formats=_FORMATS,
        max_bytes=_MAX_BYTES,
        speed=(0.5, 2.0),
        extra=_STYLE + _PROSODY,
    ),
    NEURAL_HD: Capabilities(formats=_FORMATS, max_bytes=_MAX_BYTES, extra=("temperature",)),
}
