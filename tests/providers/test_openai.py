"""OpenAI's adapter, beside OpenAI's own client."""

from __future__ import annotations

import openai
import pytest

from providers.calling import KEY, NOW, against_sdk, spoken
from stentor.providers.base import Script, Settings, Turn
from stentor.providers.faults import FaultKind, ProviderError
from stentor.providers.openai import OpenAI
from upstream import openai as vendor
from upstream.server import running

SDK_TELEMETRY = "the SDK's word about itself and its retries"


def script(**changes: object) -> Script:
    provider = OpenAI()
    fields: dict[str, object] = {
        "model": "gpt-4o-mini-tts",
        "turns": (Turn("Sing, goddess.", "coral"),),
        "format": provider.capabilities("gpt-4o-mini-tts").formats[0],
    }
    return Script(**(fields | changes))  # type: ignore[arg-type]


async def test_the_call_is_the_one_that_the_sdk_makes() -> None:
    async with running(vendor) as upstream:
        provider = OpenAI(Settings(base_url=upstream.url))
        client = openai.OpenAI(api_key=KEY.reveal(), base_url=upstream.url, max_retries=0)

        def sdk() -> None:
            client.audio.speech.create(
                model="gpt-4o-mini-tts",
                input="Sing, goddess.",
                voice="coral",
                response_format="pcm",
                instructions="Slowly.",
            )

        ours = provider.request(script(instructions="Slowly."), KEY, NOW)
        found = await against_sdk(upstream, sdk, ours)
    justified = {name for name in found if name.startswith("header x-stainless")}  # SDK_TELEMETRY
    assert found.keys() <= justified, found


@pytest.mark.parametrize("cut", [1, 3, 4096])
async def test_audio_is_whole_however_the_answer_is_cut(cut: int) -> None:
    async with running(vendor) as upstream:
        audio, delivered = await spoken(OpenAI(Settings(base_url=upstream.url)), script(), cut=cut)
    assert len(audio) % 2 == 0 and len(audio) > 24_000
    assert delivered.request_id == "req_1"


@pytest.mark.parametrize("kind", ["auth", "rate_limited", "invalid", "not_found", "server"])
async def test_refusals_are_understood(kind: FaultKind) -> None:
    async with running(vendor) as upstream:
        upstream.refusals = [kind]
        with pytest.raises(ProviderError) as caught:
            await spoken(OpenAI(Settings(base_url=upstream.url)), script())
    assert caught.value.kind == kind
    assert caught.value.message and KEY.reveal() not in caught.value.message
