"""Azure OpenAI's adapter, beside OpenAI's own client for Azure."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from providers.calling import KEY, NOW, against_sdk, spoken
from stentor.audio.form import AudioForm
from stentor.providers.azure import AzureOpenAI
from stentor.providers.base import Script, Settings, Turn, VendorFormat
from stentor.providers.faults import FaultKind, ProviderError
from stentor.providers.openai import MODELS
from stentor.providers.wire import Head
from upstream import azure as vendor
from upstream.server import running

SDK_TELEMETRY = "header x-stainless"  # the SDK's word about itself and its retries
VERSION = "2024-12-01-preview"


def script(**changes: object) -> Script:
    fields: dict[str, object] = {
        "model": vendor.DEPLOYMENT,
        "turns": (Turn("Sing, goddess — Ménin.", "coral"),),
        "format": VendorFormat(AudioForm("pcm", 24_000), "pcm"),
    }
    return Script(**(fields | changes))  # type: ignore[arg-type]


def local(url: str, **options: str) -> AzureOpenAI:
    return AzureOpenAI(Settings(base_url=url, options={"api_version": VERSION} | options))


@pytest.mark.parametrize(
    ("changes", "arguments"),
    [
        ({}, {}),
        ({"instructions": "Slowly."}, {"instructions": "Slowly."}),
        ({"speed": 0.5}, {"speed": 0.5}),
    ],
)
async def test_the_call_is_the_one_that_the_sdk_makes(
    changes: dict[str, object], arguments: dict[str, Any]
) -> None:
    async with running(vendor) as upstream:
        client = openai.AzureOpenAI(
            api_key=KEY.reveal(), azure_endpoint=upstream.url, api_version=VERSION, max_retries=0
        )
        found = await against_sdk(
            upstream,
            lambda: client.audio.speech.create(
                model=vendor.DEPLOYMENT,
                input="Sing, goddess — Ménin.",
                voice="coral",
                response_format="pcm",
                **arguments,
            ),
            local(upstream.url).request(script(**changes), KEY, NOW),
        )
    assert {name for name in found if not name.startswith(SDK_TELEMETRY)} == set(), found


@pytest.mark.parametrize("cut", [1, 3, 4096])
async def test_audio_is_whole_however_the_answer_is_cut(cut: int) -> None:
    async with running(vendor) as upstream:
        audio, delivered = await spoken(local(upstream.url), script(), cut=cut)
    assert len(audio) % 2 == 0 and len(audio) > 24_000
    assert delivered.request_id == "req_1"


@pytest.mark.parametrize(
    "kind", ["auth", "quota", "rate_limited", "invalid", "not_found", "too_long", "server"]
)
async def test_refusals_are_understood(kind: FaultKind) -> None:
    async with running(vendor) as upstream:
        upstream.refusals = [kind]
        with pytest.raises(ProviderError) as caught:
            await spoken(local(upstream.url), script())
    assert caught.value.kind == kind
    assert caught.value.retry_after_s == (1 if kind == "rate_limited" else None)
    assert caught.value.message and KEY.reveal() not in caught.value.message


async def test_a_deployment_that_is_not_there_is_not_found() -> None:
    async with running(vendor) as upstream:
        with pytest.raises(ProviderError) as caught:
            await spoken(local(upstream.url), script(model="other/one"))
    assert caught.value.kind == "not_found"
    assert "/deployments/other%2Fone/audio/speech" in upstream.received[-1].path


def test_a_page_instead_of_an_error_is_read_as_words() -> None:
    error = local("https://x").error(Head(502, {}), b"<html><h1>Bad gateway</h1></html>")
    assert (error.kind, error.message) == ("server", "Bad gateway")


def test_an_error_with_a_good_status_is_no_audio() -> None:
    reader = local("https://x").response(script(), Head(200, {"content-type": "application/json"}))
    reader.feed(b'{"error": {"message": "Overloaded."}}')
    with pytest.raises(ProviderError, match="Overloaded"):
        reader.finish()


def test_the_resource_gives_the_address() -> None:
    provider = AzureOpenAI(Settings(options={"resource": "my-speech"}))
    url = provider.request(script(), KEY, NOW).url
    assert url == (
        "https://my-speech.openai.azure.com/openai/deployments/narrator/audio/speech"
        "?api-version=2025-03-01-preview"
    )


def test_any_deployment_may_be_named_and_speaks_as_the_newest_model() -> None:
    provider = local("https://x")
    assert provider.open_models and provider.needs_key
    assert list(provider.models) == list(MODELS)
    facts = provider.capabilities("narrator")
    assert facts.instructions and facts.max_bytes == 2000 and facts.voices is None
    assert provider.capabilities("tts-1-hd").speed == (0.25, 4.0)
    assert provider.voices_call(KEY, None, NOW) is None


def test_deployments_can_be_told_with_their_models() -> None:
    provider = local("https://x", deployments="narrator = tts-1-hd, quick=gpt-4o-mini-tts")
    assert list(provider.models) == ["narrator", "quick"]
    assert provider.capabilities("narrator").speed == (0.25, 4.0)
    assert not provider.capabilities("narrator").instructions
    assert "marin" not in {voice.id for voice in provider.known_voices("narrator")}
    assert "marin" in {voice.id for voice in provider.known_voices("quick")}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, r"options\.resource: missing"),
        ({"resource": "a.b/c"}, r"options\.resource: 'a\.b/c' is not"),
        ({"resource": "a", "api_version": "new"}, r"options\.api_version: 'new' is no version"),
        ({"resource": "a", "deployments": "x"}, r"options\.deployments: 'x' is not NAME=MODEL"),
        ({"resource": "a", "deployments": "x=gpt-4"}, r"options\.deployments: 'x=gpt-4' is not"),
        ({"resource": "a", "region": "eu"}, r"options\.region: unknown"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        AzureOpenAI(Settings(options=options))
