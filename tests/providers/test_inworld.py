"""Inworld's adapter, beside Inworld's own client."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest
from inworld_tts import InworldTTS

from providers.calling import KEY, NOW, against_sdk, send, spoken
from stentor.audio.form import AudioForm
from stentor.providers.base import Script, Settings, Turn, VendorFormat
from stentor.providers.faults import FaultKind, ProviderError
from stentor.providers.inworld import Inworld
from stentor.providers.wire import Head
from upstream import inworld as vendor
from upstream.server import running

# The client spells out its defaults, which are the vendor's.
DEFAULTS = {"body.temperature", "body.audioConfig.speakingRate"}


def script(**changes: Any) -> Script:
    fields: dict[str, Any] = {
        "model": "inworld-tts-2",
        "turns": (Turn("Sing, goddess.", "Ashley"),),
        "format": Inworld().capabilities("inworld-tts-2").formats[0],
    }
    return Script(**(fields | changes))


def client(url: str) -> InworldTTS:
    return InworldTTS(api_key=KEY.reveal(), base_url=url, max_retries=0)


def read(script: Script, *documents: Any) -> bytes:
    body = b"".join(json.dumps(document).encode() + b"\n" for document in documents)
    reader = Inworld().response(script, Head(200, {"content-type": "application/json"}))
    return reader.feed(body) + reader.finish().audio


def piece(audio: bytes, **more: Any) -> dict[str, Any]:
    return {"result": {"audioContent": base64.b64encode(audio).decode(), **more}}


async def test_the_stream_is_asked_for_as_by_the_sdk() -> None:
    async with running(vendor) as upstream:

        async def listen() -> None:
            with client(upstream.url) as sdk:
                chunks = sdk.stream(
                    "Sing, goddess.", voice="Ashley", model="inworld-tts-2", encoding="PCM"
                )
                assert [chunk async for chunk in chunks]

        ours = Inworld(Settings(base_url=upstream.url)).request(script(), KEY, NOW)
        found = await against_sdk(upstream, lambda: asyncio.run(listen()), ours)
    assert found.keys() == DEFAULTS, found


@pytest.mark.parametrize(
    ("model", "own", "sdk_own"),
    [
        ("inworld-tts-2", {"deliveryMode": "STABLE"}, {"delivery_mode": "STABLE"}),
        ("inworld-tts-1.5-max", {"temperature": 0.7}, {"temperature": 0.7}),
    ],
)
async def test_all_options_are_sent_as_by_the_sdk(
    model: str, own: dict[str, Any], sdk_own: dict[str, Any]
) -> None:
    async with running(vendor) as upstream:

        async def listen() -> None:
            with client(upstream.url) as sdk:
                chunks = sdk.stream(
                    "Sing, goddess.",
                    voice="Ashley",
                    model=model,
                    encoding="MP3",
                    speaking_rate=1.25,
                    language="en-US",
                    apply_text_normalization="OFF",
                    **sdk_own,
                )
                assert [chunk async for chunk in chunks]

        formats = Inworld().capabilities(model).formats
        ours = script(
            model=model,
            format=next(one for one in formats if one.name == "MP3"),
            speed=1.25,
            language="en-US",
            extra={"applyTextNormalization": "OFF", **own},
        )
        call = Inworld(Settings(base_url=upstream.url)).request(ours, KEY, NOW)
        found = await against_sdk(upstream, lambda: asyncio.run(listen()), call)
    # TTS-2 takes no temperature, whatever the client says.
    assert found.keys() == {"body.temperature"} - {f"body.{name}" for name in own}, found


async def test_timings_are_asked_for_as_by_the_sdk() -> None:
    async with running(vendor) as upstream:

        async def listen() -> None:
            with client(upstream.url) as sdk:
                chunks = sdk.stream_with_timestamps(
                    "Sing, goddess.",
                    timestamp_type="WORD",
                    voice="Ashley",
                    model="inworld-tts-2",
                    encoding="PCM",
                )
                assert [chunk async for chunk in chunks if chunk["timestamps"]]

        ours = Inworld(Settings(base_url=upstream.url)).request(script(timestamps=True), KEY, NOW)
        found = await against_sdk(upstream, lambda: asyncio.run(listen()), ours)
    assert found.keys() == DEFAULTS, found


async def test_voices_are_asked_for_as_by_the_sdk() -> None:
    async with running(vendor) as upstream:
        ours = Inworld(Settings(base_url=upstream.url)).voices_call(KEY, None, NOW)
        with client(upstream.url) as sdk:
            found = await against_sdk(upstream, sdk.list_voices, ours)
    assert not found


async def test_voices_are_listed_with_their_languages() -> None:
    async with running(vendor) as upstream:
        provider = Inworld(Settings(base_url=upstream.url))
        _, body = await send(provider.voices_call(KEY, None, NOW))
    page = provider.read_voices(body)
    assert page.next is None
    assert [(one.id, one.name, one.language, one.gender) for one in page.voices] == [
        ("Ashley", "Ashley", "en-US", "female"),
        ("w__mine", "Mine", None, None),
    ]


@pytest.mark.parametrize("body", [b"<html>", b'{"voices": 3}', b"\xff"])
def test_a_list_of_voices_that_is_none_is_malformed(body: bytes) -> None:
    with pytest.raises(ProviderError) as caught:
        Inworld().read_voices(body)
    assert caught.value.kind == "malformed"


@pytest.mark.parametrize("timestamps", [False, True])
@pytest.mark.parametrize("cut", [1, 3, 4096])
async def test_audio_is_whole_however_the_answer_is_cut(cut: int, timestamps: bool) -> None:
    async with running(vendor) as upstream:
        provider = Inworld(Settings(base_url=upstream.url))
        audio, delivered = await spoken(provider, script(timestamps=timestamps), cut=cut)
    assert len(audio) == 48_000 * 2
    assert (delivered.alignment is not None) == timestamps


async def test_pieces_that_are_wav_files_of_their_own_become_bare_samples() -> None:
    as_wav = VendorFormat(AudioForm("pcm", 24_000), "LINEAR16")
    bare = VendorFormat(AudioForm("pcm", 24_000), "PCM")
    async with running(vendor) as upstream:
        provider = Inworld(Settings(base_url=upstream.url))
        stripped, _ = await spoken(provider, script(format=as_wav))
        expected, _ = await spoken(provider, script(format=bare))
    assert stripped == expected


def test_a_wav_header_without_samples_is_no_audio() -> None:
    with pytest.raises(ProviderError, match="no audio"):
        read(script(), piece(vendor.wav(b"", 48_000)))


async def test_timings_point_into_the_text() -> None:
    text = "Grüße – 日本語, “gut”!"
    ours = script(turns=(Turn(text, "Ashley"),), timestamps=True)
    async with running(vendor) as upstream:
        _, delivered = await spoken(Inworld(Settings(base_url=upstream.url)), ours)
    assert delivered.alignment is not None and delivered.alignment.unit == "word"
    timings = delivered.alignment.timings
    assert [text[one.start : one.end] for one in timings] == ["Grüße", "日本語", "gut"]
    # Spaces and marks are tokens with times of their own.
    assert [one.start_ms for one in timings] == [0, 800, 1600]


def test_timings_may_come_after_the_audio() -> None:
    times = {
        "words": ["Sing"],
        "wordStartTimeSeconds": [0.1],
        "wordEndTimeSeconds": [0.4],
    }
    reader = Inworld().response(script(timestamps=True), Head(200, {}))
    late = {"result": {"timestampInfo": {"wordAlignment": times}}}
    body = "\n".join(json.dumps(one) for one in (piece(b"\1\0"), late))
    audio = reader.feed(body.encode())
    delivered = reader.finish()
    assert audio + delivered.audio == b"\1\0"
    assert delivered.alignment is not None
    assert [(one.start, one.end, one.end_ms) for one in delivered.alignment.timings] == [
        (0, 4, 400)
    ]


@pytest.mark.parametrize(
    "kind", ["auth", "quota", "rate_limited", "invalid", "not_found", "too_long", "server"]
)
async def test_refusals_are_understood(kind: FaultKind) -> None:
    async with running(vendor) as upstream:
        upstream.refusals = [kind]
        with pytest.raises(ProviderError) as caught:
            await spoken(Inworld(Settings(base_url=upstream.url)), script())
    assert caught.value.kind == kind
    assert caught.value.message == vendor.status(kind)["message"]
    assert caught.value.retry_after_s == (1 if kind == "rate_limited" else None)


@pytest.mark.parametrize(
    "kind", ["auth", "quota", "rate_limited", "invalid", "not_found", "too_long", "server"]
)
def test_an_error_within_the_stream_is_understood_the_same(kind: FaultKind) -> None:
    with pytest.raises(ProviderError) as caught:
        read(script(), piece(b"\1\0"), {"error": vendor.status(kind)})
    assert caught.value.kind == kind
    assert caught.value.message == vendor.status(kind)["message"]


async def test_a_call_without_a_key_is_refused() -> None:
    async with running(vendor) as upstream:
        provider = Inworld(Settings(base_url=upstream.url))
        head, body = await send(provider.request(script(), None, NOW))
    assert provider.error(head, body).kind == "auth"


async def test_a_page_instead_of_an_answer_is_an_error() -> None:
    async with running(vendor) as upstream:
        upstream.faults = ["html", "html_ok", "empty"]
        for kind in ("server", "malformed", "malformed"):
            with pytest.raises(ProviderError) as caught:
                await spoken(Inworld(Settings(base_url=upstream.url)), script())
            assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"result": {"audioContent": "AA', "truncated"),
        (b'{"result": {"audioContent": "A*"}}', "malformed"),
        (b'{"result": {"timestampInfo": {"wordAlignment": {"words": ["a"]}}}}', "malformed"),
        (b'{"results": {}}', "malformed"),
        (b'{"result": {}}', "malformed"),
        (b"[1]", "malformed"),
    ],
)
def test_an_answer_that_is_not_whole_is_an_error(body: bytes, kind: FaultKind) -> None:
    reader = Inworld().response(script(timestamps=True), Head(200, {}))
    with pytest.raises(ProviderError) as caught:
        reader.feed(body + b"\n" * (kind != "truncated"))
        reader.finish()
    assert caught.value.kind == kind


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ValueError, match=r"options\.region: unknown option; inworld has none"):
        Inworld(Settings(options={"region": "eu"}))
