"""Groq: `POST /openai/v1/audio/speech` with the Orpheus models.

Sources: Groq API reference, "Create speech"; "Orpheus Text to Speech" (voices, WAV only, 200
characters); "Spend Limits". PlayAI's models were shut down at the end of 2025.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from stentor.audio.form import AudioForm
from stentor.contract import Voice
from stentor.providers.base import Capabilities, Provider, Script, VendorFormat
from stentor.providers.faults import ProviderError
from stentor.providers.openai import SAMPLE_RATE, speech_error
from stentor.providers.wire import Head, HttpCall
from stentor.secret import Secret

_FORMATS = (VendorFormat(AudioForm("wav"), "wav"),)
_WOMEN = frozenset({"autumn", "diana", "hannah", "lulwa", "noura", "aisha"})
_QUOTA_CODE = "blocked_api_access"  # the spend limit is reached; a 400
_TERMS_CODE = "model_terms_required"  # the account has yet to accept the model's terms; a 400


class Groq(Provider):
    """`POST /audio/speech`.

    The reference names a `speed`, but nothing says that Orpheus keeps to it.
    """

    type = "groq"
    title = "Groq"
    reference = "https://console.groq.com/docs/text-to-speech/orpheus"
    base_url = "https://api.groq.com/openai/v1"
    key_variable = "GROQ_API_KEY"

    @property
    def models(self) -> Mapping[str, Capabilities]:
        return _MODELS

    def request(self, script: Script, key: Secret | None, now: datetime) -> HttpCall:
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key.reveal()}"
        body = {
            "model": script.model,
            "input": script.text,
            "voice": script.voice,
            "response_format": script.format.name,
        }
        return HttpCall(
            "POST",
            f"{self.base_url}/audio/speech",
            headers,
            msgspec.json.encode(body | script.extra),
        )

    def error(self, head: Head, body: bytes) -> ProviderError:
        error = speech_error(head, body)
        if error.code == _QUOTA_CODE:
            error.kind = "quota"
        elif error.code == _TERMS_CODE:
            error.kind = "auth"
        return error

    def known_voices(self, model: str) -> Sequence[Voice]:
        facts = self.capabilities(model)
        return [
            Voice(
                id=name,
                name=name.title(),
                provider=self.name,
                model=model,
                sample_rate=SAMPLE_RATE,
                language=(facts.languages or (None,))[0],
                gender="female" if name in _WOMEN else "male",
            )
            for name in facts.voices or ()
        ]


_MODELS = {
    "canopylabs/orpheus-v1-english": Capabilities(
        formats=_FORMATS,
        max_chars=200,
        languages=("en",),
        voices=("autumn", "diana", "hannah", "austin", "daniel", "troy"),
        extra=("sample_rate",),
    ),
    "canopylabs/orpheus-arabic-saudi": Capabilities(
        formats=_FORMATS,
        max_chars=200,
        languages=("ar-SA",),
        voices=("abdullah", "fahad", "sultan", "lulwa", "noura", "aisha"),
        extra=("sample_rate",),
    ),
}
