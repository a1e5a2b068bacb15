"""Mistral: `POST /v1/audio/speech` with the Voxtral models, as server-sent events.

Sources: Mistral API reference, "Audio Speech Endpoints" and "Audio Voices Endpoints"; the guide
"Speech Generation" (formats, 300 words at best, a 403 for texts that moderation rejects); "Migrate
from Voxtral 2" (models and aliases); the client of Mistral's own for the shapes of events.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlencode

import msgspec
import numpy as np

from stentor.audio.form import AudioForm
from stentor.audio.pcm import from_float
from stentor.contract import Voice
from stentor.providers.base import Capabilities, Provider, Script, VendorFormat, VoicePage
from stentor.providers.faults import ProviderError, one_line, read_error
from stentor.providers.languages import language_tag
from stentor.providers.readers import LinesReader, from_base64
from stentor.providers.wire import Delivered, Head, HttpCall, Reader
from stentor.secret import Secret

_SAMPLE_RATE = 24_000
_PAGE_SIZE = 100
_FORMATS = (
    VendorFormat(AudioForm("pcm", _SAMPLE_RATE), "pcm"),
    VendorFormat(AudioForm("wav"), "wav"),
    VendorFormat(AudioForm("flac"), "flac"),
    VendorFormat(AudioForm("mp3"), "mp3"),
    VendorFormat(AudioForm("opus"), "opus"),
)
_TOO_LONG = re.compile(r"\btoo (long|large)\b|string_too_long|maximum .*(length|characters|tokens)")


class Mistral(Provider):
    """`POST /v1/audio/speech` with `stream`.

    `[emotion=...]` and the like in the text direct Voxtral 3. With `ref_audio` (base64, in
    `extra_params`) the voice is the one in that recording.
    """

    type = "mistral"
    title = "Mistral"
    reference = "https://docs.mistral.ai/api/endpoint/audio/speech"
    base_url = "https://api.mistral.ai"
    key_variable = "MISTRAL_API_KEY"

    @property
    def models(self) -> Mapping[str, Capabilities]:
        return _MODELS

    def request(self, script: Script, key: Secret | None, now: datetime) -> HttpCall:
        body: dict[str, object] = {
            "model": script.model,
            "input": script.text,
            "response_format": script.format.name,
            "stream": True,
        }
        if "ref_audio" not in script.extra:
            body["voice_id"] = script.voice
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        return HttpCall(
            "POST",
            f"{self.base_url}/v1/audio/speech",
            headers | _authorization(key),
            msgspec.json.encode(body | script.extra),
        )

    def response(self, script: Script, head: Head) -> Reader:
        events = _Events(floats=script.format.form.encoding == "pcm")
        return LinesReader(script.format.form, head, events.take, events.finish)

    def error(self, head: Head, body: bytes) -> ProviderError:
        error = read_error(head, body)
        if head.status == 403:
            error.kind = "invalid"  # moderation; a key that is not good is a 401
        elif head.status == 400 and error.message.startswith("Invalid model"):
            error.kind = "not_found"
        elif head.status in (400, 422) and _TOO_LONG.search(error.message):
            error.kind = "too_long"
        return error

    def voices_call(self, key: Secret | None, page: str | None, now: datetime) -> HttpCall | None:
        query = {"page_size": str(_PAGE_SIZE), "type": "all"}
        if page is not None:
            query["page_token"] = page
        return HttpCall(
            "GET", f"{self.base_url}/v2/audio/voices?{urlencode(query)}", _authorization(key)
        )

    def read_voices(self, body: bytes) -> VoicePage:
        try:
            document = msgspec.json.decode(body)
            voices = [self._voice(entry) for entry in document["data"]]
            following: str | None = document.get("next_page_token") or None
        except (
            msgspec.DecodeError, UnicodeDecodeError, RecursionError,
            AttributeError, KeyError, TypeError,
        ) as error:  # fmt: skip
            raise ProviderError("malformed", "answered with what is no list of voices") from error
        return VoicePage(voices, following)

    def _voice(self, entry: Mapping[str, Any]) -> Voice:
        """A voice; presets go by their slug, which says more than their id."""
        preset = entry["type"] == "preset"
        languages = entry.get("languages") or [None]
        return Voice(
            id=(entry.get("slug") if preset else None) or entry["id"],
            name=entry["name"],
            provider=self.name,
            model=_NEWEST,
            sample_rate=_SAMPLE_RATE,
            language=language_tag(languages[0]),
            gender=_GENDERS.get(entry.get("gender") or ""),
        )


class _Events:
    """The events of one answer: pieces of audio, and one at the end with the usage.

    Args:
        floats: the audio is 32 bit floating point, little-endian, and is to become 16 bit.
    """

    def __init__(self, *, floats: bool) -> None:
        self._floats = floats
        self._rest = b""
        self._usage: Mapping[str, Any] | None = None

    def take(self, event: Any) -> bytes:
        kind = event.get("type") if isinstance(event, dict) else None
        if kind == "speech.audio.delta":
            data = from_base64(event["audio_data"])
            return self._to_int16(data) if self._floats else data
        if kind == "speech.audio.done":
            self._usage = event["usage"] or {}
        elif isinstance(event, dict) and ("error" in event or event.get("object") == "error"):
            words = event.get("message") or event.get("error")
            raise ProviderError("server", one_line(f"the stream broke off: {words}"))
        return b""

    def finish(self) -> Delivered:
        if self._usage is None or self._rest:
            raise ProviderError("truncated", "the stream of audio ended before its last event")
        return Delivered(
            input_tokens=self._usage.get("prompt_tokens"),
            output_tokens=self._usage.get("completion_tokens"),
        )

    def _to_int16(self, data: bytes) -> bytes:
        data = self._rest + data
        whole = len(data) - len(data) % 4
        self._rest = data[whole:]
        samples = np.frombuffer(data[:whole], "<f4")
        # What is not floating point after all must not become noise.
        if not (np.isfinite(samples).all() and (np.abs(samples) < _LOUDEST).all()):
            raise ProviderError("malformed", "the audio is not 32 bit floating point")
        return from_float(samples).astype("<i2").tobytes()


def _authorization(key: Secret | None) -> dict[str, str]:
    return {} if key is None else {"Authorization": f"Bearer {key.reveal()}"}


_LOUDEST = 16.0
_GENDERS: dict[str, Literal["female", "male"]] = {"female": "female", "male": "male"}
_NEWEST = "voxtral-mini-tts-3-0"
# 300 words at best, says the guide; words of five letters.
_MAX_CHARS = 1500
_VOXTRAL_3 = Capabilities(
    formats=_FORMATS,
    max_chars=_MAX_CHARS,
    extra=("expressiveness", "phoneme_hints", "conversation_history", "ref_audio", "metadata"),
)
_VOXTRAL_2 = Capabilities(
    formats=_FORMATS,
    max_chars=_MAX_CHARS,
    languages=("en", "fr", "es", "pt", "it", "nl", "de", "hi", "ar"),
    extra=("ref_audio", "metadata"),
)
_MODELS = {
    _NEWEST: _VOXTRAL_3,
    "voxtral-mini-tts-3": _VOXTRAL_3,
    # Which of the two it is changes within a month of Voxtral 3's release.
    "voxtral-mini-tts-latest": msgspec.structs.replace(_VOXTRAL_2, languages=None),
    "voxtral-mini-tts-2603": _VOXTRAL_2,
}
