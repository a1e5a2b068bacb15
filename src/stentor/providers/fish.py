"""Fish Audio: `POST /v1/tts`, and `/v1/tts/stream/with-timestamp` for the times of words.

Sources: Fish Audio API reference (openapi.json, August 2026), "Errors", "Models Overview" and
"Pricing & Rate Limits"; the `fish-audio-sdk`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from stentor.audio.form import AudioForm
from stentor.contract import Voice
from stentor.providers.base import Capabilities, Provider, Script, VendorFormat, VoicePage
from stentor.providers.faults import ProviderError, read_error
from stentor.providers.languages import language_tag
from stentor.providers.readers import LinesReader, RawReader, from_base64
from stentor.providers.spans import word_timings
from stentor.providers.wire import Alignment, Delivered, Head, HttpCall, Reader, Timing
from stentor.secret import Secret

_RATE = 44_100
_FORMATS = (
    VendorFormat(AudioForm("pcm", _RATE), "pcm"),
    VendorFormat(AudioForm("pcm", 24_000), "pcm"),
    VendorFormat(AudioForm("wav"), "wav"),
    VendorFormat(AudioForm("mp3"), "mp3", 128),
)
_PAGE_SIZE = 100
_APOSTROPHES = "'’‘ʼ"
_WITHOUT_APOSTROPHES = str.maketrans("", "", _APOSTROPHES)
_NO_SUCH = re.compile(r"\b(reference|voice|model)\b.*\b(not found|not exist)", re.IGNORECASE)


class Fish(Provider):
    """`POST /v1/tts`. A voice is the id of a voice model; the account's own ones are listed."""

    type = "fish"
    title = "Fish Audio"
    reference = "https://docs.fish.audio/api-reference/endpoint/openapi-v1/text-to-speech"
    base_url = "https://api.fish.audio"
    key_variable = "FISH_API_KEY"
    concurrency = 5  # until $100 have been paid

    @property
    def models(self) -> Mapping[str, Capabilities]:
        return _MODELS

    def request(self, script: Script, key: Secret | None, now: datetime) -> HttpCall:
        extra = dict(script.extra)
        body: dict[str, object] = {"format": script.format.name}
        voices = list(dict.fromkeys(turn.voice for turn in script.turns))
        if len(voices) > 1:
            body["text"] = "".join(
                f"<|speaker:{voices.index(turn.voice)}|>{turn.text}" for turn in script.turns
            )
            body["reference_id"] = voices
        else:
            body["text"] = script.text
            if script.voice:
                body["reference_id"] = script.voice
        if script.format.form.sample_rate is not None:
            body["sample_rate"] = script.format.form.sample_rate
        if script.format.kbps is not None:
            body["mp3_bitrate"] = script.format.kbps
        prosody = extra.pop("prosody", {})
        if script.speed != 1.0 and isinstance(prosody, dict):
            prosody = prosody | {"speed": script.speed}
        if prosody:
            body["prosody"] = prosody
        if script.low_latency:
            body["latency"] = "balanced"
        path = "/v1/tts/stream/with-timestamp" if script.timestamps else "/v1/tts"
        return HttpCall(
            "POST",
            f"{self.base_url}{path}",
            _headers(key) | {"Content-Type": "application/json", "model": script.model},
            msgspec.json.encode(body | extra),
        )

    def response(self, script: Script, head: Head) -> Reader:
        if not script.timestamps:
            return RawReader(script.format.form, head)
        stream = _Stream(script.text)
        return LinesReader(script.format.form, head, stream.take, stream.finish)

    def error(self, head: Head, body: bytes) -> ProviderError:
        missing = head.status == 400 and _NO_SUCH.search(body.decode(errors="replace"))
        return read_error(head, body, kind="not_found" if missing else None)

    def voices_call(self, key: Secret | None, page: str | None, now: datetime) -> HttpCall:
        return HttpCall(
            "GET", f"{self.base_url}/model?self=true&page_size={_PAGE_SIZE}", _headers(key)
        )

    def read_voices(self, body: bytes) -> VoicePage:
        """The first hundred: an answer does not say which page it is."""
        try:
            entries = msgspec.json.decode(body, type=_Voices).items
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ProviderError("malformed", "the list of voices is not a list") from error
        return VoicePage(
            [
                Voice(
                    id=entry.id,
                    name=entry.title,
                    provider=self.name,
                    model="s2.1-pro",
                    sample_rate=_RATE,
                    language=language_tag(entry.languages[0]) if entry.languages else None,
                    gender=_gender(entry.tags),
                )
                for entry in entries
                if entry.type == "tts" and entry.state == "trained"
            ]
        )


class _Voice(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="_id")
    title: str
    type: str
    state: str
    tags: list[str] = []
    languages: list[str] = []


class _Voices(msgspec.Struct, frozen=True):
    items: list[_Voice]


class _Stream:
    """The events of `/with-timestamp`: audio, and all times so far of one part of the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._parts: dict[int, list[tuple[str, float, float]]] = {}

    def take(self, document: Any) -> bytes:
        if "audio_base64" not in document:
            status = document.get("status")
            head = Head(status if isinstance(status, int) and status >= 400 else 500, {})
            raise read_error(head, msgspec.json.encode(document))
        if document["alignment"] is not None:
            from_s = float(document["chunk_audio_offset_sec"])
            self._parts[int(document["chunk_seq"])] = [
                (
                    str(one["text"]).translate(_WITHOUT_APOSTROPHES),
                    from_s + one["start"],
                    from_s + one["end"],
                )
                for one in document["alignment"]["segments"]
            ]
        return from_base64(document["audio_base64"])

    def finish(self) -> Delivered:
        # Fish leaves apostrophes out (`Ive`) or writes others, so none are looked at.
        places = [at for at, one in enumerate(self._text) if one not in _APOSTROPHES]
        timings = tuple(
            Timing(places[one.start], places[one.end - 1] + 1, one.start_ms, one.end_ms)
            for one in word_timings(
                self._text.translate(_WITHOUT_APOSTROPHES),
                [word for _, part in sorted(self._parts.items()) for word in part],
            )
        )
        return Delivered(alignment=Alignment("word", timings) if timings else None)


def _headers(key: Secret | None) -> dict[str, str]:
    return {} if key is None else {"Authorization": f"Bearer {key.reveal()}"}


def _gender(tags: list[str]) -> Literal["female", "male"] | None:
    words = {tag.lower() for tag in tags}
    if "female" in words:
        return "female"
    return "male" if "male" in words else None


_SPEED = (0.5, 2.0)
_S1_LANGUAGES = (
    "en", "zh", "ja", "de", "fr", "es", "ko", "ar", "ru", "nl", "it", "pl", "pt",
)  # fmt: skip
_EXTRA = (
    "chunk_length", "condition_on_previous_chunks", "early_stop_threshold", "features",
    "max_new_tokens", "min_chunk_length", "normalize", "prosody", "repetition_penalty",
    "temperature", "top_p",
)  # fmt: skip
_S2 = Capabilities(
    formats=_FORMATS,
    speed=_SPEED,
    speakers=2,
    timestamps="word",
    low_latency=True,
    extra=_EXTRA,
)
_MODELS = {
    "s2.1-pro": _S2,
    "s2.1-pro-free": _S2,
    "s2-pro": _S2,
    "s1": Capabilities(
        formats=_FORMATS,
        speed=_SPEED,
        languages=_S1_LANGUAGES,
        timestamps="word",
        low_latency=True,
        extra=_EXTRA,
    ),
}
