"""Deepgram's adapter, beside Deepgram's own client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import deepgram
import pytest
from deepgram.environment import DeepgramClientEnvironment

from providers.calling import KEY, NOW, against_sdk, send, spoken
from stentor.providers.base import Script, Settings, Turn
from stentor.providers.deepgram import Deepgram
from stentor.providers.faults import FaultKind, ProviderError
from stentor.providers.wire import Head
from upstream import deepgram as vendor
from upstream.server import Upstream, running

TEXT = "Sing, goddess: die Wörter kosten 5 € – 你好 😀, naïve café."
FORMATS = Deepgram().capabilities("aura-2").formats
# What the client says of itself.
SDK_ABOUT_ITSELF = ("header x-fern-", "header x-deepgram-")


def script(**changes: Any) -> Script:
    fields = {"model": "aura-2", "turns": (Turn(TEXT, "thalia-en"),), "format": FORMATS[0]}
    return Script(**(fields | changes))


def adapter(upstream: Upstream) -> Deepgram:
    return Deepgram(Settings(base_url=upstream.url))


def client(upstream: Upstream) -> deepgram.DeepgramClient:
    url = upstream.url
    here = DeepgramClientEnvironment(base=url, production=url, agent=url, agent_rest=url)
    return deepgram.DeepgramClient(api_key=KEY.reveal(), environment=here)


async def unlike(
    sdk: Callable[[deepgram.DeepgramClient], Any], ours: Script
) -> dict[str, tuple[Any, Any]]:
    """What differs from the SDK's call, besides what the SDK says of itself."""
    async with running(vendor) as upstream:
        call = adapter(upstream).request(ours, KEY, NOW)
        found = await against_sdk(upstream, lambda: list(sdk(client(upstream))), call)
    return {name: pair for name, pair in found.items() if not name.startswith(SDK_ABOUT_ITSELF)}


async def test_a_plain_call_is_the_one_that_the_sdk_makes() -> None:
    def sdk(client: deepgram.DeepgramClient) -> Any:
        return client.speak.v1.audio.generate(
            text=TEXT,
            model="aura-2-thalia-en",
            encoding="linear16",
            container="none",
            sample_rate=24000,
        )

    assert await unlike(sdk, script()) == {}


async def test_a_call_with_all_options_is_the_one_that_the_sdk_makes() -> None:
    def sdk(client: deepgram.DeepgramClient) -> Any:
        return client.speak.v1.audio.generate(
            text=TEXT,
            model="aura-asteria-en",
            encoding="opus",
            container="ogg",
            mip_opt_out=True,
            tag=["one", "two"],
        )

    ours = script(
        model="aura",
        turns=(Turn(TEXT, "asteria-en"),),
        format=next(one for one in FORMATS if one.name == "opus"),
        no_logging=True,
        extra={"tag": ["one", "two"]},
    )
    assert await unlike(sdk, ours) == {}


async def test_a_call_of_flux_is_the_one_that_the_sdk_makes() -> None:
    def sdk(client: deepgram.DeepgramClient) -> Any:
        return client.speak.v2.audio.generate(
            text=TEXT,
            model="flux-haley-en",
            encoding="linear16",
            container="wav",
            sample_rate=24000,
            expressivity=-1,
        )

    ours = script(
        model="flux",
        turns=(Turn(TEXT, "haley-en"),),
        format=FORMATS[1],
        extra={"expressivity": -1},
    )
    assert await unlike(sdk, ours) == {}


async def test_the_list_of_voices_is_the_one_that_the_sdk_asks_for() -> None:
    async with running(vendor) as upstream:
        call = adapter(upstream).voices_call(KEY, None, NOW)
        found = await against_sdk(upstream, lambda: client(upstream).manage.v1.models.list(), call)
    assert {name for name in found if not name.startswith(SDK_ABOUT_ITSELF)} <= {
        "header content-type"  # of a body that is not there
    }


@pytest.mark.parametrize("voice", ["thalia-en", "aura-2-thalia-en"])
def test_a_voice_may_have_the_whole_name(voice: str) -> None:
    call = Deepgram().request(script(turns=(Turn(TEXT, voice),)), KEY, NOW)
    assert "model=aura-2-thalia-en&" in call.url


@pytest.mark.parametrize("cut", [1, 3, 4096])
async def test_audio_is_whole_however_the_answer_is_cut(cut: int) -> None:
    async with running(vendor) as upstream:
        audio, _ = await spoken(adapter(upstream), script(), cut=cut)
    assert len(audio) == 2 * 24_000 * max(1, round(len(TEXT) * 0.06))


@pytest.mark.parametrize(
    ("model", "voice"), [("aura-2", "thalia-en"), ("aura", "asteria-en"), ("flux", "wes-en")]
)
async def test_what_is_billed_is_read_from_the_headers(model: str, voice: str) -> None:
    async with running(vendor) as upstream:
        ours = script(model=model, turns=(Turn(TEXT, voice),))
        _, delivered = await spoken(adapter(upstream), ours)
    assert (delivered.characters, delivered.request_id) == (len(TEXT), "uuid-7")


@pytest.mark.parametrize("headers", [{}, {"x-dg-characters": "many"}])
def test_audio_without_a_count_is_audio_all_the_same(headers: dict[str, str]) -> None:
    reader = Deepgram().response(script(), Head(200, headers))
    assert reader.feed(b"\0\0") == b"\0\0"
    assert reader.finish().characters is None


@pytest.mark.parametrize(
    "kind",
    ["auth", "quota", "rate_limited", "invalid", "not_found", "too_long", "server"],
)
async def test_refusals_are_understood(kind: FaultKind) -> None:
    async with running(vendor) as upstream:
        upstream.refusals = [kind]
        with pytest.raises(ProviderError) as caught:
            await spoken(adapter(upstream), script())
    assert caught.value.kind == kind
    assert caught.value.code and caught.value.message
    assert KEY.reveal() not in caught.value.message


async def test_a_text_that_is_too_long_is_understood_whatever_the_status() -> None:
    body = b'{"err_code": "Bad Request", "err_msg": "Input exceeds maximum character limit of 9."}'
    assert Deepgram().error(Head(400, {}), body).kind == "too_long"


async def test_what_the_vendor_says_of_a_wrong_body_is_shown() -> None:
    async with running(vendor) as upstream:
        with pytest.raises(ProviderError, match="Invalid JSON submitted") as caught:
            await spoken(adapter(upstream), script(turns=(Turn("", "thalia-en"),)))
    assert caught.value.kind == "invalid"


async def test_when_to_call_again_is_understood() -> None:
    async with running(vendor) as upstream:
        upstream.faults = ["retry_after"]
        with pytest.raises(ProviderError) as caught:
            await spoken(adapter(upstream), script())
    assert (caught.value.kind, caught.value.retry_after_s) == ("rate_limited", 1)


@pytest.mark.parametrize(
    ("fault", "kind"), [("html", "server"), ("html_ok", "malformed"), ("empty", "malformed")]
)
async def test_what_is_no_answer_of_the_vendor_is_refused(fault: Any, kind: FaultKind) -> None:
    async with running(vendor) as upstream:
        upstream.faults = [fault]
        with pytest.raises(ProviderError) as caught:
            await spoken(adapter(upstream), script())
    assert caught.value.kind == kind


def test_a_document_instead_of_audio_is_refused() -> None:
    reader = Deepgram().response(script(), Head(200, {"content-type": "application/json"}))
    reader.feed(b'{"request_id": "uuid"}')
    with pytest.raises(ProviderError, match="instead of audio"):
        reader.finish()


async def test_every_form_is_asked_for_as_the_vendor_takes_it() -> None:
    async with running(vendor) as upstream:
        for one in FORMATS:
            if one.form.encoding not in ("ulaw", "alaw"):  # no local vendor speaks them
                assert (await spoken(adapter(upstream), script(format=one)))[0]


async def test_voices_are_told_apart_from_their_models() -> None:
    async with running(vendor) as upstream:
        provider = adapter(upstream)
        _, body = await send(provider.voices_call(KEY, None, NOW))
    page = provider.read_voices(body)
    assert page.next is None
    assert [(v.model, v.id, v.language, v.gender) for v in page.voices] == [
        ("aura-2", "thalia-en", "en-US", "female"),
        ("aura-2", "celeste-es", "es", "female"),
        ("aura-2", "julius-de", "de", "male"),
        ("aura", "asteria-en", "en-US", "female"),
        ("flux", "haley-en", "en-US", "female"),
        ("flux", "wes-en", "en-US", "male"),
    ]


def test_what_is_no_voice_of_a_known_model_is_left_out() -> None:
    listed = b'{"tts": [{"canonical_name": "nova-9-x-en"}, {"canonical_name": null}]}'
    with pytest.raises(ProviderError, match="no list of models"):
        Deepgram().read_voices(listed)
    assert Deepgram().read_voices(listed.replace(b"null", b'"opus-en"')).voices == []


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ValueError, match=r"options\.region: unknown option"):
        Deepgram(Settings(options={"region": "eu"}))
