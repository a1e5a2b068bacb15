"""Hugging Face's inference providers, through its router and with its token.

Sources: `huggingface_hub`, `InferenceClient.text_to_speech` and the provider helpers behind it;
DeepInfra's and Together's references for the two routes that are theirs. The routes to fal, to
Replicate and the like answer with the address of a file, so one call does not bring the audio;
they are not offered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar
from urllib.parse import quote

import msgspec

from stentor.audio.form import AudioForm, Encoding
from stentor.contract import Voice
from stentor.providers.base import (
    Capabilities,
    Provider,
    Script,
    Settings,
    VendorFormat,
)
from stentor.providers.faults import ProviderError, read_error
from stentor.providers.readers import RawReader
from stentor.providers.wire import Head, HttpCall, Reader
from stentor.secret import Secret

_NO_SETTINGS = Settings()
_ENCODINGS: dict[str, Encoding] = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/flac": "flac",
    "audio/x-flac": "flac",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/ogg": "opus",
    "audio/opus": "opus",
}
_FORMS = {name: AudioForm(encoding) for name, encoding in _ENCODINGS.items()}


class HuggingFace(Provider):
    """`router.huggingface.co`, with the route as a suffix of the model: `owner/name:together`."""

    type = "huggingface"
    title = "Hugging Face"
    reference = "https://huggingface.co/docs/inference-providers/tasks/text-to-speech"
    base_url = "https://router.huggingface.co"
    key_variable = "HF_TOKEN"
    open_models = True
    option_names: ClassVar[Mapping[str, str]] = {
        "provider": "the route of models without a suffix: hf-inference, deepinfra or together; "
        "default: hf-inference"
    }

    def __init__(self, settings: Settings = _NO_SETTINGS) -> None:
        super().__init__(settings)
        self._route = self.options.get("provider", "hf-inference")
        if self._route not in _ROUTES:
            raise ValueError(
                f"options.provider: {self._route!r}; expected one of {', '.join(_ROUTES)}"
            )

    @property
    def models(self) -> Mapping[str, Capabilities]:
        return _MODELS

    def capabilities(self, model: str) -> Capabilities:
        return _MODELS.get(model) or _ROUTES[self._split(model)[1]]

    def request(self, script: Script, key: Secret | None, now: datetime) -> HttpCall:
        model, route = self._split(script.model)
        fields: dict[str, object] = {"voice": script.voice} if script.voice != "default" else {}
        if script.speed != 1.0:
            fields["speed"] = script.speed
        if route == "hf-inference":
            path = f"models/{quote(model)}"
            body: dict[str, object] = {
                "inputs": script.text,
                "parameters": fields | script.extra,
            }
        else:
            path = "v1/openai/audio/speech" if route == "deepinfra" else "v1/audio/speech"
            body = {"model": model, "input": script.text, "response_format": script.format.name}
            if script.language and route == "together":
                body["language"] = script.language.split("-")[0]
            body |= fields | script.extra
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key.reveal()}"
        return HttpCall(
            "POST", f"{self.base_url}/{route}/{path}", headers, msgspec.json.encode(body)
        )

    def response(self, script: Script, head: Head) -> Reader:
        kind = head.headers.get("content-type", "").split(";")[0].strip().lower()
        return RawReader(_FORMS.get(kind, script.format.form), head)

    def error(self, head: Head, body: bytes) -> ProviderError:
        error = read_error(head, body)
        if head.status == 400 and "not supported by provider" in error.message:
            error.kind = "not_found"
        if head.status == 503 and error.retry_after_s is None:
            error.retry_after_s = _loading_s(body)
        return error

    def known_voices(self, model: str) -> Sequence[Voice]:
        return [
            Voice(id=name, name=name, provider=self.name, model=model, sample_rate=24_000)
            for name in _VOICES.get(self._split(model)[0], ())
        ]

    def _split(self, model: str) -> tuple[str, str]:
        """A model and its route; a colon that begins no known route belongs to the name."""
        name, _, route = model.rpartition(":")
        return (name, route) if name and route in _ROUTES else (model, self._route)


class _Loading(msgspec.Struct, frozen=True):
    estimated_time: float


def _loading_s(body: bytes) -> float | None:
    """How long a model that is being loaded takes, in seconds, if the answer says so."""
    try:
        return msgspec.json.decode(body, type=_Loading).estimated_time
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


_GENERATION = (
    "do_sample", "early_stopping", "epsilon_cutoff", "eta_cutoff", "max_length", "max_new_tokens",
    "min_length", "min_new_tokens", "num_beam_groups", "num_beams", "penalty_alpha", "temperature",
    "top_k", "top_p", "typical_p", "use_cache",
)  # fmt: skip
_HF_INFERENCE = Capabilities(
    formats=(VendorFormat(AudioForm("flac"), "flac"),),
    streaming=False,
    extra=_GENERATION,
)
_DEEPINFRA = Capabilities(
    formats=(
        VendorFormat(AudioForm("wav"), "wav"),
        VendorFormat(AudioForm("flac"), "flac"),
        VendorFormat(AudioForm("mp3"), "mp3"),
        VendorFormat(AudioForm("opus"), "opus"),
    ),
    speed=(0.25, 4.0),
    extra=("service_tier", "extra_body"),
)
_TOGETHER = Capabilities(
    formats=(VendorFormat(AudioForm("wav"), "wav"), VendorFormat(AudioForm("mp3"), "mp3")),
    extra=("sample_rate", "segment"),
)
_ROUTES = {"hf-inference": _HF_INFERENCE, "deepinfra": _DEEPINFRA, "together": _TOGETHER}
# Kokoro has voices of other languages besides, and the routes mix them ("af_bella+af_heart").
_VOICES = {
    "hexgrad/Kokoro-82M": (
        "af_heart", "af_alloy", "af_aoede", "af_bella", "af_jessica", "af_kore", "af_nicole",
        "af_nova", "af_river", "af_sarah", "af_sky", "am_adam", "am_echo", "am_eric", "am_fenrir",
        "am_liam", "am_michael", "am_onyx", "am_puck", "am_santa",
    ),
    "canopylabs/orpheus-3b-0.1-ft": (
        "tara", "leah", "jess", "leo", "dan", "mia", "zac", "zoe",
    ),
}  # fmt: skip
_MODELS = {
    "hexgrad/Kokoro-82M:together": _TOGETHER,
    "hexgrad/Kokoro-82M:deepinfra": _DEEPINFRA,
    "canopylabs/orpheus-3b-0.1-ft:together": _TOGETHER,
    "canopylabs/orpheus-3b-0.1-ft:deepinfra": _DEEPINFRA,
}
