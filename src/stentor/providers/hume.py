"""Hume's Octave: `POST /v0/tts/stream/file`, and `/stream/json` for the times of words.

Sources: Hume API reference, "Text-to-Speech (Streamed File)", "(Streamed JSON)" and "List voices";
its guides "Text-to-speech" (limits), "Acting instructions", "Continuation" and "Timestamps"; the
`hume` SDK.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from stentor.audio.form import AudioForm
from stentor.contract import Voice
from stentor.providers.base import Capabilities, Provider, Script, Turn, VendorFormat, VoicePage
from stentor.providers.faults import FaultKind, ProviderError, read_error
from stentor.providers.readers import LinesReader, RawReader, from_base64
from stentor.providers.spans import word_timings
from stentor.providers.wire import Alignment, Delivered, Head, HttpCall, Reader
from stentor.secret import Secret

_RATE = 48_000
_FORMATS = (
    VendorFormat(AudioForm("pcm", _RATE), "pcm"),
    VendorFormat(AudioForm("wav"), "wav"),
    VendorFormat(AudioForm("mp3"), "mp3"),
)
_MAX_CHARS = 5000  # of an utterance
_PAGE_SIZE = 100
_LIBRARY, _OWN = "HUME_AI", "CUSTOM_VOICE"
_VERSIONS = {"octave-2": "2", "octave-1": "1"}
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SPENT = re.compile(r"\b(credits?|(usage|spending) limit)\b", re.IGNORECASE)
_NO_SUCH_VOICE = re.compile(r"\bvoice\b.*\b(not found|not exist|no such)", re.IGNORECASE)


class Hume(Provider):
    """`POST /v0/tts/stream/…`; a dialogue is one call with an utterance for each turn.

    A voice is named by its id, or by its name in Hume's library, or as `CUSTOM_VOICE:name` where
    it is the account's own.
    """

    type = "hume"
    title = "Hume"
    reference = "https://dev.hume.ai/reference/text-to-speech-tts/synthesize-json-streaming"
    base_url = "https://api.hume.ai/v0"
    key_variable = "HUME_API_KEY"

    @property
    def models(self) -> Mapping[str, Capabilities]:
        return _MODELS

    def request(self, script: Script, key: Secret | None, now: datetime) -> HttpCall:
        extra = dict(script.extra)
        silence = extra.pop("trailing_silence", None)
        body: dict[str, object] = {
            "version": _VERSIONS.get(script.model, "2"),
            "utterances": [_utterance(turn, script, silence) for turn in script.turns],
            "format": {"type": script.format.name},
            "strip_headers": True,  # the pieces are one file
        }
        if script.previous_text:
            before: dict[str, object] = {"text": script.previous_text[-_MAX_CHARS:]}
            if script.voice:
                before["voice"] = _voice(script.voice)
            body["context"] = {"utterances": [before]}
        if not all(turn.voice for turn in script.turns):
            body["instant_mode"] = False  # which cannot be had without a voice
        if script.timestamps:
            body["include_timestamp_types"] = ["word"]
        return HttpCall(
            "POST",
            f"{self.base_url}/tts/stream/{'json' if script.timestamps else 'file'}",
            _headers(key) | {"Content-Type": "application/json"},
            msgspec.json.encode(body | extra),
        )

    def response(self, script: Script, head: Head) -> Reader:
        if not script.timestamps:
            return RawReader(script.format.form, head)
        stream = _Stream(script.text)
        return LinesReader(script.format.form, head, stream.take, stream.finish)

    def error(self, head: Head, body: bytes) -> ProviderError:
        return read_error(head, body, kind=_kind(head, body))

    def voices_call(self, key: Secret | None, page: str | None, now: datetime) -> HttpCall:
        provider, _, number = (page or f"{_LIBRARY}:0").partition(":")
        return HttpCall(
            "GET",
            f"{self.base_url}/tts/voices"
            f"?provider={provider}&page_number={number}&page_size={_PAGE_SIZE}",
            _headers(key),
        )

    def read_voices(self, body: bytes) -> VoicePage:
        try:
            page = msgspec.json.decode(body, type=_VoicesPage)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ProviderError(
                "malformed", "the list of voices is not a page of voices"
            ) from error
        # The answer does not say whose voices were asked for; the library is never empty.
        provider = page.voices_page[0].provider if page.voices_page else _OWN
        if page.page_number + 1 < page.total_pages:
            following: str | None = f"{provider}:{page.page_number + 1}"
        else:
            following = f"{_OWN}:0" if provider == _LIBRARY else None
        return VoicePage(
            [
                Voice(
                    # Without a provider an id means the account's voice, so the library's go by
                    # their names.
                    id=one.name if one.provider == _LIBRARY else one.id,
                    name=one.name,
                    provider=self.name,
                    model=_newest(one.compatible_octave_models),
                    sample_rate=_RATE,
                )
                for one in page.voices_page
            ],
            following,
        )


class _Voice(msgspec.Struct, frozen=True):
    id: str
    name: str
    provider: str
    compatible_octave_models: list[str] | None = None


class _VoicesPage(msgspec.Struct, frozen=True):
    page_number: int
    total_pages: int
    voices_page: list[_Voice]


class _Stream:
    """The documents of `/stream/json`: pieces of audio, and the times of words in between."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words: list[tuple[str, float, float]] = []
        self._whole = True
        self._request_id: str | None = None

    def take(self, document: Any) -> bytes:
        self._request_id = document.get("request_id") or self._request_id
        match document.get("type", "audio"):
            case "audio":
                self._whole = document["is_last_chunk"]
                return from_base64(document["audio"])
            case "timestamp":
                word = document["timestamp"]
                if word["type"] == "word":
                    time_ms = word["time"]
                    self._words.append(
                        (str(word["text"]), time_ms["begin"] / 1000, time_ms["end"] / 1000)
                    )
            case "error":
                body = msgspec.json.encode(document)
                raise read_error(Head(500, {}), body, kind=_kind(Head(500, {}), body))
        return b""

    def finish(self) -> Delivered:
        if not self._whole:
            raise ProviderError("truncated", "the audio ended before its last piece")
        timings = word_timings(self._text, self._words)
        return Delivered(
            alignment=Alignment("word", timings) if timings else None,
            request_id=self._request_id,
        )


def _headers(key: Secret | None) -> dict[str, str]:
    return {} if key is None else {"X-Hume-Api-Key": key.reveal()}


def _utterance(turn: Turn, script: Script, silence: object) -> dict[str, object]:
    utterance: dict[str, object] = {"text": turn.text}
    if turn.voice:
        utterance["voice"] = _voice(turn.voice)
    if script.instructions:
        utterance["description"] = script.instructions
    if script.speed != 1.0:
        utterance["speed"] = script.speed
    if silence is not None:
        utterance["trailing_silence"] = silence
    return utterance


def _voice(name: str) -> dict[str, str]:
    provider, colon, rest = name.partition(":")
    if colon and provider in (_LIBRARY, _OWN):
        return {"id" if _ID.fullmatch(rest) else "name": rest, "provider": provider}
    return {"id": name} if _ID.fullmatch(name) else {"name": name, "provider": _LIBRARY}


def _newest(versions: list[str] | None) -> str:
    """The model for a voice that works with these versions of Octave; None: with any."""
    if not versions or any(version.endswith("2") for version in versions):
        return "octave-2"
    return "octave-1"


def _kind(head: Head, body: bytes) -> FaultKind | None:
    """None: what the HTTP status says is right."""
    if head.status == 422:
        return "too_long" if b'"string_too_long"' in body and b'"text"' in body else None
    words = body.decode(errors="replace")
    if head.status < 500 and _SPENT.search(words):
        return "quota"
    return "not_found" if head.status == 400 and _NO_SUCH_VOICE.search(words) else None


# Where it is steady. The scale is Hume's own: twice the speed is less than twice as fast.
_SPEED = (0.75, 1.5)
_SPEAKERS = 8
_EXTRA = ("context", "instant_mode", "split_utterances", "temperature", "trailing_silence")
_MODELS = {
    "octave-2": Capabilities(
        formats=_FORMATS,
        max_chars=_MAX_CHARS,
        speed=_SPEED,
        speakers=_SPEAKERS,
        timestamps="word",
        extra=_EXTRA,
    ),
    "octave-1": Capabilities(
        formats=_FORMATS,
        max_chars=_MAX_CHARS,
        speed=_SPEED,
        languages=("en", "es"),
        speakers=_SPEAKERS,
        instructions=True,
        context=True,
        extra=_EXTRA,
    ),
}
