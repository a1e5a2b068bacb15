"""Fish Audio's adapter, beside Fish Audio's own client.

The client packs its bodies with MessagePack; they are compared as what they hold.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import ormsgpack
import pytest
from fishaudio import FishAudio
from fishaudio.types import Prosody, TTSConfig

from providers.calling import KEY, NOW, against_sdk, send, spoken
from stentor.providers.base import Script, Settings, Turn
from stentor.providers.faults import FaultKind, ProviderError
from stentor.providers.fish import Fish
from stentor.providers.wire import Head, HttpCall
from upstream import fish as vendor
from upstream.parity import differences
from upstream.server import Upstream, running

VOICE = "802e3bc2b27e49c2995d23ef70e6ac89"
OTHER = "9a9cf47702da476aa4629e2506d4a857"
PACKED = "header content-type"  # MessagePack, which raw audio of voices would need
# The client spells out its own defaults, which are not all the vendor's.
DEFAULTS = {
    f"body.{name}"
    for name in (
        "chunk_length", "condition_on_previous_chunks", "early_stop_threshold", "latency",
        "max_new_tokens", "min_chunk_length", "mp3_bitrate", "normalize", "opus_bitrate",
        "references", "repetition_penalty", "temperature", "top_p",
    )
}  # fmt: skip


def script(**changes: Any) -> Script:
    fields: dict[str, Any] = {
        "model": "s2-pro",
        "turns": (Turn("Sing, goddess.", VOICE),),
        "format": Fish().capabilities("s2-pro").formats[0],
    }
    return Script(**(fields | changes))


def client(url: str) -> FishAudio:
    return FishAudio(api_key=KEY.reveal(), base_url=url)


async def compared(
    upstream: Upstream, sdk: Callable[[], Any], call: HttpCall
) -> dict[str, tuple[Any, Any]]:
    """As `against_sdk`, with the client's body unpacked."""
    seen = len(upstream.received)
    await against_sdk(upstream, sdk, call)
    theirs, ours = upstream.received[-2:]
    assert len(upstream.received) == seen + 2
    body = json.dumps(ormsgpack.unpackb(theirs.body)).encode()
    return differences(dataclasses.replace(theirs, body=body), ours)


def event(**document: Any) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


async def test_the_stream_is_asked_for_as_by_the_sdk() -> None:
    async with running(vendor) as upstream:
        sdk = client(upstream.url).tts

        def call() -> None:
            config = TTSConfig(sample_rate=44_100)
            assert sdk.convert(
                text="Sing, goddess.", reference_id=VOICE, format="pcm", config=config
            )

        ours = Fish(Settings(base_url=upstream.url)).request(script(), KEY, NOW)
        found = await compared(upstream, call, ours)
    assert found.keys() == DEFAULTS | {PACKED}, found


async def test_all_options_are_sent_as_by_the_sdk() -> None:
    own: dict[str, Any] = {
        "chunk_length": 150,
        "condition_on_previous_chunks": False,
        "early_stop_threshold": 0.9,
        "max_new_tokens": 512,
        "min_chunk_length": 20,
        "normalize": False,
        "repetition_penalty": 1.1,
        "temperature": 0.5,
        "top_p": 0.6,
    }
    async with running(vendor) as upstream:
        sdk = client(upstream.url).tts

        def call() -> None:
            assert sdk.convert(
                text="Sing, goddess.",
                reference_id=VOICE,
                format="mp3",
                latency="balanced",
                speed=1.25,
                config=TTSConfig(prosody=Prosody(volume=-3.0), mp3_bitrate=128, **own),
                model="s1",
            )

        capabilities = Fish().capabilities("s1")
        # Flags of the service are not in the client yet.
        assert own.keys() | {"features", "prosody"} == set(capabilities.extra)
        ours = script(
            model="s1",
            format=next(one for one in capabilities.formats if one.name == "mp3"),
            speed=1.25,
            low_latency=True,
            extra={"prosody": {"volume": -3.0}, **own},
        )
        provider = Fish(Settings(base_url=upstream.url))
        found = await compared(upstream, call, provider.request(ours, KEY, NOW))
    assert found.keys() == {PACKED, "body.opus_bitrate", "body.references"}, found


async def test_timings_are_had_by_the_same_request_at_a_path_that_the_sdk_does_not_know() -> None:
    async with running(vendor) as upstream:
        provider = Fish(Settings(base_url=upstream.url))
        for timestamps in (False, True):
            await send(provider.request(script(timestamps=timestamps), KEY, NOW))
    found = differences(*upstream.received)
    assert found == {"path": ("/v1/tts", "/v1/tts/stream/with-timestamp")}


async def test_voices_are_asked_for_as_by_the_sdk() -> None:
    async with running(vendor) as upstream:
        ours = Fish(Settings(base_url=upstream.url)).voices_call(KEY, None, NOW)
        found = await against_sdk(
            upstream,
            lambda: client(upstream.url).voices.list(page_size=100, self_only=True),
            ours,
        )
    # The client spells out the first page, and asks for an order of its own.
    assert found.keys() == {"query page_number", "query sort_by"}, found


async def test_voices_that_can_speak_are_listed() -> None:
    async with running(vendor) as upstream:
        provider = Fish(Settings(base_url=upstream.url))
        _, body = await send(provider.voices_call(KEY, None, NOW))
    page = provider.read_voices(body)
    assert page.next is None
    assert [(one.id, one.name, one.language, one.gender) for one in page.voices] == [
        (f"{1:032x}", "Voice 1", "en", "female"),
        (f"{2:032x}", "Voice 2", None, None),
    ]


@pytest.mark.parametrize("body", [b"<html>", b'{"total": 0}', b"\xff"])
def test_a_list_of_voices_that_is_none_is_malformed(body: bytes) -> None:
    with pytest.raises(ProviderError) as caught:
        Fish().read_voices(body)
    assert caught.value.kind == "malformed"


def test_a_dialogue_names_each_voice_once_and_tags_who_speaks() -> None:
    turns = (Turn("Sing!", VOICE), Turn("Why me?", OTHER), Turn("You can.", VOICE))
    body = json.loads(Fish().request(script(turns=turns), KEY, NOW).body)
    assert body["reference_id"] == [VOICE, OTHER]
    assert body["text"] == "<|speaker:0|>Sing!<|speaker:1|>Why me?<|speaker:0|>You can."


def test_without_a_voice_the_models_own_speaks() -> None:
    body = json.loads(Fish().request(script(turns=(Turn("Sing!", ""),)), KEY, NOW).body)
    assert "reference_id" not in body


def test_prosody_that_is_no_object_is_left_for_the_vendor_to_refuse() -> None:
    ours = script(speed=1.5, extra={"prosody": 3})
    assert json.loads(Fish().request(ours, KEY, NOW).body)["prosody"] == 3


@pytest.mark.parametrize("timestamps", [False, True])
@pytest.mark.parametrize("cut", [1, 3, 4096])
async def test_audio_is_whole_however_the_answer_is_cut(cut: int, timestamps: bool) -> None:
    async with running(vendor) as upstream:
        provider = Fish(Settings(base_url=upstream.url))
        audio, delivered = await spoken(provider, script(timestamps=timestamps), cut=cut)
    assert len(audio) == 44_100 * 2
    assert (delivered.alignment is not None) == timestamps


async def test_timings_point_into_the_text() -> None:
    turns = (Turn("I’ve grüßend – can’t", VOICE), Turn(" 日本語 'll “gut”!", OTHER))
    ours = script(turns=turns, timestamps=True)
    async with running(vendor) as upstream:
        _, delivered = await spoken(Fish(Settings(base_url=upstream.url)), ours)
    assert delivered.alignment is not None and delivered.alignment.unit == "word"
    timings = delivered.alignment.timings
    assert [ours.text[one.start : one.end] for one in timings] == [
        "I’ve",
        "grüßend",
        "can’t",
        "日本語",
        "ll",
        "gut",
    ]
    assert [(one.start_ms, one.end_ms) for one in timings] == [
        (number * 250 + 50, number * 250 + 250) for number in range(6)
    ]


def test_an_alignment_that_never_came_is_none() -> None:
    reader = Fish().response(script(timestamps=True), Head(200, {}))
    silent = {"content": "", "alignment": None, "chunk_seq": 0, "chunk_audio_offset_sec": 0}
    assert reader.feed(event(audio_base64="AQA=", **silent)) == b"\1\0"
    assert reader.finish().alignment is None


@pytest.mark.parametrize(
    "kind", ["auth", "quota", "rate_limited", "invalid", "not_found", "too_long", "server"]
)
async def test_refusals_are_understood(kind: FaultKind) -> None:
    async with running(vendor) as upstream:
        upstream.refusals = [kind]
        with pytest.raises(ProviderError) as caught:
            await spoken(Fish(Settings(base_url=upstream.url)), script())
    assert caught.value.kind == kind
    assert caught.value.message and KEY.reveal() not in caught.value.message
    assert caught.value.retry_after_s == (1 if kind == "rate_limited" else None)


def test_what_a_field_lacks_is_told() -> None:
    body = b'[{"loc": ["format"], "type": "enum", "msg": "not one of wav, pcm", "ctx": {}}]'
    error = Fish().error(Head(422, {}), body)
    assert (error.kind, error.message) == ("invalid", "not one of wav, pcm")


async def test_a_call_without_a_key_is_refused() -> None:
    async with running(vendor) as upstream:
        provider = Fish(Settings(base_url=upstream.url))
        head, body = await send(provider.request(script(), None, NOW))
    assert provider.error(head, body).kind == "auth"


@pytest.mark.parametrize("timestamps", [False, True])
async def test_a_page_instead_of_an_answer_is_an_error(timestamps: bool) -> None:
    async with running(vendor) as upstream:
        upstream.faults = ["html", "html_ok", "empty"]
        for kind in ("server", "malformed", "malformed"):
            with pytest.raises(ProviderError) as caught:
                await spoken(Fish(Settings(base_url=upstream.url)), script(timestamps=timestamps))
            assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (event(status=402, message="Insufficient Balance"), "quota"),
        (event(error="The synthesis failed."), "server"),
        (b'data: {"audio_base64": "AQ', "truncated"),
        (event(audio_base64="AQA=", alignment={}, chunk_seq=0), "malformed"),
        (event(audio_base64="*", alignment=None), "malformed"),
        (b"data: [1]\n", "malformed"),
    ],
)
def test_an_event_that_tells_of_a_failure_or_is_cut_is_an_error(
    body: bytes, kind: FaultKind
) -> None:
    reader = Fish().response(script(timestamps=True), Head(200, {}))
    with pytest.raises(ProviderError) as caught:
        reader.feed(body)
        reader.finish()
    assert caught.value.kind == kind


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ValueError, match=r"options\.region: unknown option; fish has none"):
        Fish(Settings(options={"region": "eu"}))
