"""OpenAI's adapter, beside OpenAI's own client, and with servers of one's own."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from providers.calling import KEY, NOW, against_sdk, send, spoken
from stentor.audio.form import AudioForm
from stentor.contract import Voice
from stentor.providers.base import Script, Settings, Turn, VendorFormat
from stentor.providers.faults import FaultKind, ProviderError
from stentor.providers.openai import ANY_FIELD, MODELS, OpenAI
from stentor.providers.wire import Head
from upstream import openai as vendor
from upstream.server import running

SDK_TELEMETRY = "header x-stainless"  # the SDK's word about itself and its retries


def hosted(url: str) -> OpenAI:
    """OpenAI itself, but here."""
    provider = OpenAI()
    provider.base_url = url
    return provider


def own(url: str) -> OpenAI:
    return OpenAI(Settings(name="mine", base_url=f"{url}/v1"))


def script(provider: OpenAI | None = None, **changes: object) -> Script:
    provider = provider or OpenAI()
    fields: dict[str, object] = {
        "model": "gpt-4o-mini-tts",
        "turns": (Turn("Sing, goddess.", "coral"),),
        "format": provider.capabilities("gpt-4o-mini-tts").formats[0],
    }
    return Script(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "arguments"),
    [
        ({}, {}),
        ({"instructions": "Slowly."}, {"instructions": "Slowly."}),
        ({"model": "tts-1-hd", "speed": 1.5}, {"model": "tts-1-hd", "speed": 1.5}),
        (
            {"format": VendorFormat(AudioForm("mp3"), "mp3"), "turns": (Turn("Ménin 🎵", "ash"),)},
            {"response_format": "mp3", "input": "Ménin 🎵", "voice": "ash"},
        ),
    ],
)
async def test_the_call_is_the_one_that_the_sdk_makes(
    changes: dict[str, object], arguments: dict[str, Any]
) -> None:
    plain = {
        "model": "gpt-4o-mini-tts",
        "input": "Sing, goddess.",
        "voice": "coral",
        "response_format": "pcm",
    }
    async with running(vendor) as upstream:
        client = openai.OpenAI(api_key=KEY.reveal(), base_url=upstream.url, max_retries=0)
        found = await against_sdk(
            upstream,
            lambda: client.audio.speech.create(**(plain | arguments)),
            hosted(upstream.url).request(script(**changes), KEY, NOW),
        )
    assert {name for name in found if not name.startswith(SDK_TELEMETRY)} == set(), found


@pytest.mark.parametrize("cut", [1, 3, 4096])
async def test_audio_is_whole_however_the_answer_is_cut(cut: int) -> None:
    async with running(vendor) as upstream:
        audio, delivered = await spoken(hosted(upstream.url), script(), cut=cut)
    assert len(audio) % 2 == 0 and len(audio) > 24_000
    assert delivered.request_id == "req_1"


@pytest.mark.parametrize(
    "kind", ["auth", "quota", "rate_limited", "invalid", "not_found", "too_long", "server"]
)
async def test_refusals_are_understood(kind: FaultKind) -> None:
    async with running(vendor) as upstream:
        upstream.refusals = [kind]
        with pytest.raises(ProviderError) as caught:
            await spoken(hosted(upstream.url), script())
    assert caught.value.kind == kind
    assert caught.value.retry_after_s == (1 if kind == "rate_limited" else None)
    assert caught.value.message and KEY.reveal() not in caught.value.message


@pytest.mark.parametrize(
    "code", ["project_spend_limit_exceeded", "organization_spend_limit_exceeded"]
)
def test_a_spend_limit_is_no_hurry(code: str) -> None:
    body = b'{"error": {"message": "Limit.", "type": "x", "code": "%s"}}' % code.encode()
    assert OpenAI().error(Head(429, {}), body).kind == "quota"


def test_a_text_that_the_schema_finds_too_long_is_too_long() -> None:
    body = (
        b"{\"error\": {\"message\": \"[{'type': 'string_too_long', 'loc': ('body', 'input')}]\","
        b' "type": "invalid_request_error", "param": null, "code": null}}'
    )
    assert OpenAI().error(Head(400, {}), body).kind == "too_long"


def test_a_page_instead_of_an_error_is_read_as_words() -> None:
    page = b"<html><head><title>502</title></head><body>Bad <b>gateway</b></body></html>"
    error = OpenAI().error(Head(502, {"content-type": "text/html"}), page)
    assert (error.kind, error.message) == ("server", "502 Bad gateway")


def test_an_error_with_a_good_status_is_no_audio() -> None:
    reader = OpenAI().response(script(), Head(200, {"content-type": "application/json"}))
    assert reader.feed(b'{"error": {"message": "Overloaded."}}') == b""
    with pytest.raises(ProviderError, match="Overloaded") as caught:
        reader.finish()
    assert caught.value.kind == "malformed"


def test_an_answer_without_audio_is_refused() -> None:
    with pytest.raises(ProviderError, match="no audio"):
        OpenAI().response(script(), Head(200, {})).finish()


def test_each_model_has_its_own_voices() -> None:
    provider = OpenAI()
    newest = [voice.id for voice in provider.known_voices("gpt-4o-mini-tts")]
    older = [voice.id for voice in provider.known_voices("tts-1")]
    assert newest[:2] == ["marin", "cedar"] and len(newest) == 13
    assert set(newest) - set(older) == {"marin", "cedar", "ballad", "verse"}
    assert provider.voices_call(KEY, None, NOW) is None


@pytest.mark.parametrize("url", ["https://eu.api.openai.com/v1", "https://api.openai.com/v1"])
def test_openai_elsewhere_is_still_openai(url: str) -> None:
    provider = OpenAI(Settings(base_url=url))
    assert provider.needs_key and not provider.open_models and provider.models == MODELS


@pytest.mark.parametrize("url", ["http://127.0.0.1:8880/v1", "https://evil-api.openai.com.x/v1"])
def test_a_server_of_ones_own_takes_any_model_and_needs_no_key(url: str) -> None:
    provider = OpenAI(Settings(base_url=url))
    assert provider.open_models and not provider.needs_key and provider.models == {}
    facts = provider.capabilities("kokoro")
    assert facts.voices is None and facts.extra == (ANY_FIELD,)
    assert [one.form.encoding for one in facts.formats] == ["wav", "flac", "mp3", "opus", "aac"]
    assert provider.known_voices("kokoro") == []


async def test_a_server_of_ones_own_gets_the_fields_that_it_alone_knows() -> None:
    async with running(vendor.OwnServer()) as upstream:
        provider = own(upstream.url)
        call = provider.request(
            script(provider, model="kokoro", extra={"lang_code": "a", "volume_multiplier": 2}),
            None,
            NOW,
        )
        head, body = await send(call)
    sent = upstream.received[-1]
    assert head.status == 200 and body[:4] == b"RIFF"
    assert sent.json()["lang_code"] == "a" and sent.json()["volume_multiplier"] == 2
    assert "authorization" not in sent.headers


@pytest.mark.parametrize("only", ["wav", "flac", "mp3", "opus", "aac"])
@pytest.mark.parametrize("cut", [1, 3, 4096])
async def test_audio_of_a_server_of_ones_own_says_itself_what_it_is(only: str, cut: int) -> None:
    async with running(vendor.OwnServer(only=only)) as upstream:
        provider = own(upstream.url)
        asked = script(provider, format=VendorFormat(AudioForm("wav"), "wav"))
        head, body = await send(provider.request(asked, None, NOW))
    reader = provider.response(asked, head)
    audio = b"".join(reader.feed(body[at : at + cut]) for at in range(0, len(body), cut))
    assert audio + reader.finish().audio == body
    assert reader.form.encoding == only


def test_less_audio_than_its_first_bytes_is_handed_out_at_the_end() -> None:
    provider = own("http://127.0.0.1")
    reader = provider.response(script(provider), Head(200, {}))
    assert reader.feed(b"RI") == b"" and reader.finish().audio == b"RI"


async def test_the_refusal_of_a_server_of_ones_own_is_told_in_its_words() -> None:
    async with running(vendor.OwnServer()) as upstream:
        upstream.refusals = ["invalid"]
        provider = own(upstream.url)
        with pytest.raises(ProviderError, match="Voice 'x' not found") as caught:
            await spoken(provider, script(provider))
    assert caught.value.kind == "invalid"


def listed(identifier: str, **more: object) -> Voice:
    fields: dict[str, Any] = {
        "id": identifier,
        "name": identifier,
        "provider": "mine",
        "model": "",
        "sample_rate": 24_000,
    }
    return Voice(**(fields | more))


VOICE_LISTS = {
    "Kokoro-FastAPI": (
        {"voices": [{"id": "af_heart", "name": "af_heart"}]},
        [listed("af_heart")],
    ),
    "Kokoro-FastAPI before 0.3": ({"voices": ["af_heart", "bm_lewis"]},
        [listed("af_heart"), listed("bm_lewis")]),
    "speaches": (
        {"voices": [{"name": "bf_emma", "language": "en-gb", "gender": "female", "id": "bf_emma"}],
         "object": "list"},
        [listed("bf_emma", language="en-GB", gender="female")],
    ),
    "vLLM-Omni": (
        {"voices": ["ryan", "mine"], "uploaded_voices": [{"name": "mine", "consent": "1"}]},
        [listed("ryan"), listed("mine")],
    ),
    "by model": (
        {"data": [{"model": "pocket-tts", "voices": [{"name": "alba", "language": "en_GB"}]}]},
        [listed("alba", model="pocket-tts", language="en-GB")],
    ),
    "bare": (
        [{"voice_id": "ru-1", "name": "Dmitry", "sample_rate": 22_050}],
        [listed("ru-1", name="Dmitry", sample_rate=22_050)],
    ),
    "none": ({"voices": []}, []),
}  # fmt: skip


@pytest.mark.parametrize("server", VOICE_LISTS)
async def test_voices_of_a_server_of_ones_own_are_read(server: str) -> None:
    document, expected = VOICE_LISTS[server]
    async with running(vendor.OwnServer(voices=document)) as upstream:
        provider = own(upstream.url)
        call = provider.voices_call(KEY, None, NOW)
        assert call is not None
        _, body = await send(call)
    page = provider.read_voices(body)
    assert page.voices == expected and page.next is None
    assert upstream.received[-1].headers["authorization"] == f"Bearer {KEY.reveal()}"


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'"text"', b'{"voices": 3}', b"\xff"])
def test_what_is_no_list_of_voices_is_refused(body: bytes) -> None:
    with pytest.raises(ProviderError) as caught:
        own("http://127.0.0.1").read_voices(body)
    assert caught.value.kind == "malformed"


def test_options_are_unknown_to_it() -> None:
    with pytest.raises(ValueError, match=r"options\.region: unknown"):
        OpenAI(Settings(options={"region": "eu"}))
