"""Hugging Face's adapter, beside Hugging Face's own client.

The client asks the Hub which name a model has on a route and cannot be told another router; both
are replaced.
"""

from __future__ import annotations

import json
from typing import Any

import huggingface_hub.inference._providers.hf_inference as hf_inference
import pytest
from huggingface_hub import InferenceClient, constants
from huggingface_hub.hf_api import InferenceProviderMapping
from huggingface_hub.inference._providers import PROVIDERS, _common

from providers.calling import NOW, against_sdk, spoken
from stentor.providers.base import Script, Settings, Turn
from stentor.providers.faults import FaultKind, ProviderError
from stentor.providers.huggingface import HuggingFace
from stentor.providers.wire import Head
from stentor.secret import Secret
from upstream import huggingface as vendor
from upstream.server import Upstream, running

TOKEN = Secret("hf_of-a-test-0123456789")  # the client takes other tokens for the routes' own
TRACE = {"header x-amzn-trace-id"}  # the client numbers its calls
KOKORO = "hexgrad/Kokoro-82M"


def script(**changes: Any) -> Script:
    fields: dict[str, Any] = {"model": f"{KOKORO}:together", "turns": (Turn("Sing.", "af_heart"),)}
    fields |= changes
    fields.setdefault("format", HuggingFace().capabilities(fields["model"]).formats[0])
    return Script(**fields)


@pytest.fixture
def sdk(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a client of a route that is in this machine."""

    def make(upstream: Upstream, route: Any, model: str) -> InferenceClient:
        monkeypatch.setattr(constants, "INFERENCE_PROXY_TEMPLATE", upstream.url + "/{provider}")
        helper = PROVIDERS[route]["text-to-speech"]
        if route == "hf-inference":
            monkeypatch.setattr(helper, "base_url", f"{upstream.url}/{route}")
        monkeypatch.setattr(hf_inference, "_check_supported_task", lambda *_: None)
        mapping = InferenceProviderMapping(
            provider=route,
            hf_model_id=model,
            providerId=model,
            status="live",
            task="text-to-speech",
        )
        monkeypatch.setitem(_common.HARDCODED_MODEL_INFERENCE_MAPPING, route, {model: mapping})
        return InferenceClient(provider=route, token=TOKEN.reveal())

    return make


@pytest.mark.parametrize("route", ["deepinfra", "together"])
async def test_a_route_is_called_as_by_the_sdk(sdk: Any, route: str) -> None:
    async with running(vendor) as upstream:
        client = sdk(upstream, route, KOKORO)
        body = {"voice": "af_heart", "response_format": "wav"}

        def call() -> None:
            assert client.text_to_speech("Sing.", model=KOKORO, extra_body=body)

        ours = HuggingFace(Settings(base_url=upstream.url)).request(
            script(model=f"{KOKORO}:{route}"), TOKEN, NOW
        )
        found = await against_sdk(upstream, call, ours)
    assert found.keys() == TRACE, found


async def test_all_options_are_sent_as_by_the_sdk(sdk: Any) -> None:
    async with running(vendor) as upstream:
        client = sdk(upstream, "deepinfra", KOKORO)
        body = {
            "voice": "af_heart",
            "response_format": "mp3",
            "speed": 1.5,
            "service_tier": "priority",
            "extra_body": {"seed": 1},
        }

        def call() -> None:
            client.text_to_speech("Sing.", model=KOKORO, extra_body=body)

        provider = HuggingFace(Settings(base_url=upstream.url))
        mp3 = next(
            form
            for form in provider.capabilities(f"{KOKORO}:deepinfra").formats
            if form.name == "mp3"
        )
        extra = {"service_tier": "priority", "extra_body": {"seed": 1}}
        request = script(model=f"{KOKORO}:deepinfra", format=mp3, speed=1.5, extra=extra)
        found = await against_sdk(upstream, call, provider.request(request, TOKEN, NOW))
    assert found.keys() == TRACE, found


async def test_hf_inference_is_called_as_by_the_sdk(sdk: Any) -> None:
    async with running(vendor) as upstream:
        client = sdk(upstream, "hf-inference", "facebook/mms-tts-eng")

        def call() -> None:
            client.text_to_speech("Sing.", model="facebook/mms-tts-eng", temperature=0.7, top_k=9)

        ours = HuggingFace(Settings(base_url=upstream.url)).request(
            script(
                model="facebook/mms-tts-eng",
                turns=(Turn("Sing.", "default"),),
                extra={"temperature": 0.7, "top_k": 9},
            ),
            TOKEN,
            NOW,
        )
        found = await against_sdk(upstream, call, ours)
    assert found.keys() == TRACE, found


@pytest.mark.parametrize("cut", [1, 3, 4096])
@pytest.mark.parametrize(
    ("model", "encoding", "begins"),
    [(f"{KOKORO}:together", "wav", b"RIFF"), ("facebook/mms-tts-eng", "flac", b"fLaC")],
)
async def test_audio_is_whole_however_the_answer_is_cut(
    cut: int, model: str, encoding: str, begins: bytes
) -> None:
    async with running(vendor) as upstream:
        provider = HuggingFace(Settings(base_url=upstream.url))
        audio, delivered = await spoken(provider, script(model=model), cut=cut)
        whole, _ = await spoken(provider, script(model=model), cut=1 << 30)
    assert audio == whole and audio.startswith(begins)
    assert script(model=model).format.form.encoding == encoding
    assert delivered.request_id == "Root=1-67"


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [("audio/flac", "flac"), ("audio/x-wav; rate=16000", "wav"), ("audio/mpeg", "mp3")],
)
def test_the_answer_says_what_its_audio_is(content_type: str, encoding: str) -> None:
    reader = HuggingFace().response(
        script(model="facebook/mms-tts-eng"), Head(200, {"content-type": content_type})
    )
    assert reader.form.encoding == encoding


def test_without_a_word_from_the_answer_it_is_what_was_asked_for() -> None:
    reader = HuggingFace().response(script(), Head(200, {"content-type": "audio/unheard-of"}))
    assert reader.form.encoding == "wav"


@pytest.mark.parametrize(
    "kind", ["auth", "quota", "rate_limited", "invalid", "not_found", "too_long", "server"]
)
async def test_refusals_are_understood(kind: FaultKind) -> None:
    async with running(vendor) as upstream:
        upstream.refusals = [kind]
        with pytest.raises(ProviderError) as caught:
            await spoken(HuggingFace(Settings(base_url=upstream.url)), script())
    assert caught.value.kind == kind
    assert caught.value.message and TOKEN.reveal() not in caught.value.message
    # A model that is being loaded says how long that takes.
    assert caught.value.retry_after_s == {"rate_limited": 1, "server": 20}.get(kind)


@pytest.mark.parametrize("body", [b"<html><h1>Bad gateway</h1></html>", b"Bad gateway"])
def test_a_page_instead_of_json_is_understood(body: bytes) -> None:
    error = HuggingFace().error(Head(503, {"content-type": "text/html"}), body)
    assert (error.kind, error.message, error.retry_after_s) == ("server", "Bad gateway", None)


def test_an_error_instead_of_audio_is_told_in_the_vendors_words() -> None:
    reader = HuggingFace().response(script(), Head(200, {"content-type": "application/json"}))
    assert reader.feed(b'{"error": "Model is currently loading"}') == b""
    with pytest.raises(ProviderError, match="currently loading") as caught:
        reader.finish()
    assert caught.value.kind == "malformed"


@pytest.mark.parametrize(
    ("model", "options", "path", "sent"),
    [
        ("a/b", {}, "/hf-inference/models/a/b", None),
        ("a/b", {"provider": "together"}, "/together/v1/audio/speech", "a/b"),
        ("a/b:deepinfra", {"provider": "together"}, "/deepinfra/v1/openai/audio/speech", "a/b"),
        ("a/b:v2", {"provider": "together"}, "/together/v1/audio/speech", "a/b:v2"),
        ("a/ü?b", {}, "/hf-inference/models/a/%C3%BC%3Fb", None),
    ],
)
def test_the_route_is_the_models_suffix_or_else_the_option(
    model: str, options: dict[str, str], path: str, sent: str | None
) -> None:
    provider = HuggingFace(Settings(options=options))
    call = provider.request(script(model=model), TOKEN, NOW)
    assert call.url == f"https://router.huggingface.co{path}"
    assert json.loads(call.body).get("model") == sent


def test_what_an_unlisted_model_can_do_depends_on_its_route() -> None:
    provider = HuggingFace()
    assert provider.open_models
    assert provider.capabilities("a/b:deepinfra").speed == (0.25, 4.0)
    assert provider.capabilities("a/b:together").formats[0].name == "wav"
    assert not provider.capabilities("a/b").streaming


def test_the_language_is_sent_where_the_route_takes_it() -> None:
    sent = [
        json.loads(HuggingFace().request(script(model=model, language="fr-FR"), TOKEN, NOW).body)
        for model in (f"{KOKORO}:together", f"{KOKORO}:deepinfra")
    ]
    assert [body.get("language") for body in sent] == ["fr", None]


def test_known_voices_are_those_of_the_model() -> None:
    provider = HuggingFace(Settings(name="mine"))
    assert provider.known_voices(f"{KOKORO}:together")[0].id == "af_heart"
    assert provider.known_voices("a/b") == []


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ValueError, match=r"options\.provider: 'fal-ai'; expected one of hf-inf"):
        HuggingFace(Settings(options={"provider": "fal-ai"}))
    with pytest.raises(ValueError, match=r"options\.route: unknown option; huggingface has prov"):
        HuggingFace(Settings(options={"route": "together"}))
