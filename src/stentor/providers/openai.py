"""OpenAI, and every server that speaks its `/audio/speech`, such as vLLM or Kokoro-FastAPI.

Source: OpenAI API reference, "Create speech" (POST /v1/audio/speech).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from stentor.audio.form import AudioForm
from stentor.contract import Voice
from stentor.providers.base import Capabilities, Provider, Script, VendorFormat
from stentor.providers.wire import HttpCall
from stentor.secret import Secret

_FORMATS = (
    VendorFormat(AudioForm("pcm", 24_000), "pcm"),
    VendorFormat(AudioForm("wav"), "wav"),
    VendorFormat(AudioForm("flac"), "flac"),
    VendorFormat(AudioForm("mp3"), "mp3"),
    VendorFormat(AudioForm("opus"), "opus"),
    VendorFormat(AudioForm("aac"), "aac"),
)
_VOICES = (
    "alloy", "ash", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer",
)  # fmt: skip
_NEWER_VOICES = ("ballad", "verse", "marin", "cedar")


class OpenAI(Provider):
    """`POST /audio/speech`."""

    type = "openai"
    title = "OpenAI"
    reference = "https://platform.openai.com/docs/api-reference/audio/createSpeech"
    base_url = "https://api.openai.com/v1"
    key_variable = "OPENAI_API_KEY"

    @property
    def models(self) -> Mapping[str, Capabilities]:
        return _MODELS

    def request(self, script: Script, key: Secret | None, now: datetime) -> HttpCall:
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
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key.reveal()}"
        return HttpCall(
            "POST",
            f"{self.base_url}/audio/speech",
            headers,
            msgspec.json.encode(body | script.extra),
        )

    def known_voices(self, model: str) -> Sequence[Voice]:
        names = self.capabilities(model).voices or ()
        return [
            Voice(id=name, name=name.title(), provider=self.name, model=model, sample_rate=24_000)
            for name in names
        ]


_SPEED = (0.25, 4.0)
_MODELS = {
    # 2,000 tokens: a byte of UTF-8 is never more than one.
    "gpt-4o-mini-tts": Capabilities(
        formats=_FORMATS,
        max_chars=4096,
        max_bytes=2000,
        voices=_VOICES + _NEWER_VOICES,
        instructions=True,
    ),
    "tts-1": Capabilities(formats=_FORMATS, max_chars=4096, voices=_VOICES, speed=_SPEED),
    "tts-1-hd": Capabilities(formats=_FORMATS, max_chars=4096, voices=_VOICES, speed=_SPEED),
}
