"""Hume's adapter, beside Hume's own client."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hume import HumeClient
from hume.environment import HumeClientEnvironment
from hume.tts import FormatPcm, FormatWav, PostedContextWithUtterances, PostedUtterance
from hume.tts import PostedUtteranceVoiceWithId as ById
from hume.tts import PostedUtteranceVoiceWithName as ByName

from providers.calling import KEY, NOW, against_sdk, send, spoken
from stentor.providers.base import Script, Settings, Turn
from stentor.providers.faults import FaultKind, ProviderError
from stentor.providers.hume import Hume
from stentor.providers.wire import Head
from upstream import hume as vendor
from upstream.server import running

CUSTOM_ID = "c42352c0-4566-455d-b180-0f654b65b525"
# The client's word about itself.
CLIENT = {
    f"header x-fern-{name}"
    for name in ("language", "platform", "runtime", "sdk-name", "sdk-version")
}


def script(**changes: Any) -> Script:
    fields: dict[str, Any] = {
        "model": "octave-2",
        "turns": (Turn("Sing, goddess.", "Ava Song"),),
        "format": Hume().capabilities("octave-2").formats[0],
    }
    return Script(**(fields | changes))


def client(url: str) -> HumeClient:
    environment = HumeClientEnvironment(base=url, evi=url, tts=url, stream=url)
    return HumeClient(api_key=KEY.reveal(), environment=environment)


def adapter(url: str) -> Hume:
    return Hume(Settings(base_url=f"{url}/v0"))


def read(script: Script, body: bytes) -> bytes:
    reader = Hume().response(script, Head(200, {"content-type": "application/json"}))
    return reader.feed(body) + reader.finish().audio


async def test_the_stream_is_asked_for_as_by_the_sdk() -> None:
    async with running(vendor) as upstream:
        sdk = client(upstream.url).tts

        def call() -> None:
            voice = ByName(name="Ava Song", provider="HUME_AI")
            audio = sdk.synthesize_file_streaming(
                utterances=[PostedUtterance(text="Sing, goddess.", voice=voice)],
                format=FormatPcm(),
                strip_headers=True,
                version="2",
            )
            assert b"".join(audio)

        found = await against_sdk(upstream, call, adapter(upstream.url).request(script(), KEY, NOW))
    assert found.keys() == CLIENT, found


async def test_all_options_are_sent_as_by_the_sdk() -> None:
    async with running(vendor) as upstream:
        sdk = client(upstream.url).tts

        def call() -> None:
            voice, other = ById(id=CUSTOM_ID), ByName(name="Mine", provider="CUSTOM_VOICE")
            how: dict[str, Any] = {"description": "Slowly.", "speed": 0.8, "trailing_silence": 0.5}
            audio = sdk.synthesize_file_streaming(
                utterances=[
                    PostedUtterance(text="Sing, goddess,", voice=voice, **how),
                    PostedUtterance(text=" of the anger.", voice=other, **how),
                ],
                context=PostedContextWithUtterances(
                    utterances=[PostedUtterance(text="The first book.", voice=voice)]
                ),
                format=FormatWav(),
                strip_headers=True,
                version="1",
                temperature=0.4,
                split_utterances=False,
                instant_mode=True,
            )
            assert b"".join(audio)

        capabilities = Hume().capabilities("octave-1")
        extra = {
            "temperature": 0.4,
            "split_utterances": False,
            "instant_mode": True,
            "trailing_silence": 0.5,
        }
        assert extra.keys() | {"context"} == set(capabilities.extra)
        ours = script(
            model="octave-1",
            turns=(
                Turn("Sing, goddess,", CUSTOM_ID),
                Turn(" of the anger.", "CUSTOM_VOICE:Mine"),
            ),
            format=next(one for one in capabilities.formats if one.name == "wav"),
            instructions="Slowly.",
            speed=0.8,
            previous_text="The first book.",
            extra=extra,
        )
        found = await against_sdk(upstream, call, adapter(upstream.url).request(ours, KEY, NOW))
    assert found.keys() == CLIENT, found


async def test_timings_are_asked_for_as_by_the_sdk() -> None:
    async with running(vendor) as upstream:
        sdk = client(upstream.url).tts

        def call() -> None:
            voice = ByName(name="Ava Song", provider="HUME_AI")
            chunks = sdk.synthesize_json_streaming(
                utterances=[PostedUtterance(text="Sing, goddess.", voice=voice)],
                format=FormatPcm(),
                strip_headers=True,
                version="2",
                include_timestamp_types=["word"],
            )
            assert {chunk.type for chunk in chunks} == {"audio", "timestamp"}

        ours = adapter(upstream.url).request(script(timestamps=True), KEY, NOW)
        found = await against_sdk(upstream, call, ours)
    assert found.keys() == CLIENT, found


async def test_voices_are_asked_for_as_by_the_sdk() -> None:
    async with running(vendor) as upstream:
        sdk = client(upstream.url).tts.voices
        ours = adapter(upstream.url).voices_call(KEY, "CUSTOM_VOICE:0", NOW)
        found = await against_sdk(
            upstream,
            lambda: sdk.list(provider="CUSTOM_VOICE", page_number=0, page_size=100),
            ours,
        )
    assert found.keys() == CLIENT, found


async def test_the_library_is_listed_by_name_then_the_accounts_voices_by_id() -> None:
    async with running(vendor) as upstream:
        provider = adapter(upstream.url)
        voices, pages, page = [], [], None
        while True:
            call = provider.voices_call(KEY, page, NOW)
            assert call is not None
            head, body = await send(call)
            assert head.status == 200
            read = provider.read_voices(body)
            voices += read.voices
            pages.append(page := read.next)
            if page is None:
                break
    assert pages == ["HUME_AI:1", "CUSTOM_VOICE:0", None]
    assert len(voices) == 151
    assert [(one.id, one.model) for one in (voices[0], voices[1], voices[-1])] == [
        ("Actor 0", "octave-1"),
        ("Actor 1", "octave-2"),
        (CUSTOM_ID, "octave-2"),
    ]
    assert {one.sample_rate for one in voices} == {48_000}


def test_an_account_without_voices_of_its_own_ends_the_list() -> None:
    page = {"page_number": 0, "page_size": 100, "total_pages": 0, "voices_page": []}
    found = Hume().read_voices(json.dumps(page).encode())
    assert (found.voices, found.next) == ([], None)


def test_a_list_of_voices_that_is_none_is_malformed() -> None:
    with pytest.raises(ProviderError) as caught:
        Hume().read_voices(b"<html>")
    assert caught.value.kind == "malformed"


@pytest.mark.parametrize("timestamps", [False, True])
@pytest.mark.parametrize("cut", [1, 3, 4096])
async def test_audio_is_whole_however_the_answer_is_cut(cut: int, timestamps: bool) -> None:
    async with running(vendor) as upstream:
        audio, delivered = await spoken(
            adapter(upstream.url), script(timestamps=timestamps), cut=cut
        )
    assert len(audio) == 48_000 * 2
    assert (delivered.alignment is not None) == timestamps
    if timestamps:
        assert delivered.request_id == "66e01f90-4501-4aa0-bbaf-74f45dc15aa7"


async def test_timings_point_into_the_text_of_all_turns() -> None:
    turns = (Turn("Grüße,\n日本語 ", "Ava Song"), Turn("Straße – “gut”!", "Actor 1"))
    ours = script(turns=turns, timestamps=True)
    async with running(vendor) as upstream:
        _, delivered = await spoken(adapter(upstream.url), ours)
    assert delivered.alignment is not None and delivered.alignment.unit == "word"
    timings = delivered.alignment.timings
    assert [ours.text[one.start : one.end] for one in timings] == [
        "Grüße",
        "日本語",
        "Straße",
        "gut",
    ]
    # The dash is a word of the vendor's with a time of its own.
    assert [(one.start_ms, one.end_ms) for one in timings] == [
        (0, 250),
        (250, 500),
        (500, 750),
        (1000, 1250),
    ]


def test_an_octave_1_voice_can_be_left_to_the_description() -> None:
    call = Hume().request(script(model="octave-1", turns=(Turn("Sing.", ""),)), KEY, NOW)
    body = json.loads(call.body)
    assert body["utterances"] == [{"text": "Sing."}]
    assert body["instant_mode"] is False


@pytest.mark.parametrize(
    "kind", ["auth", "quota", "rate_limited", "invalid", "not_found", "too_long", "server"]
)
async def test_refusals_are_understood(kind: FaultKind) -> None:
    async with running(vendor) as upstream:
        upstream.refusals = [kind]
        with pytest.raises(ProviderError) as caught:
            await spoken(adapter(upstream.url), script())
    assert caught.value.kind == kind
    assert caught.value.message and KEY.reveal() not in caught.value.message
    assert caught.value.retry_after_s == (1 if kind == "rate_limited" else None)


async def test_a_call_without_a_key_is_refused() -> None:
    async with running(vendor) as upstream:
        head, body = await send(adapter(upstream.url).request(script(), None, NOW))
    assert Hume().error(head, body).kind == "auth"


@pytest.mark.parametrize("timestamps", [False, True])
async def test_a_page_instead_of_an_answer_is_an_error(timestamps: bool) -> None:
    async with running(vendor) as upstream:
        upstream.faults = ["html", "html_ok"]
        for kind in ("server", "malformed"):
            with pytest.raises(ProviderError) as caught:
                await spoken(adapter(upstream.url), script(timestamps=timestamps))
            assert caught.value.kind == kind


def test_an_error_within_the_stream_is_one() -> None:
    error = {"type": "error", "code": "I0100", "message": "The decoder gave up."}
    with pytest.raises(ProviderError, match="The decoder gave up") as caught:
        read(script(timestamps=True), json.dumps(error).encode() + b"\n")
    assert (caught.value.kind, caught.value.code) == ("server", "I0100")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"type": "audio", "audio": "AAAA", "is_last_chunk": false}\n', "truncated"),
        (b'{"type": "audio", "audio": "AAAA", "is_last_ch', "truncated"),
        (b'{"type": "audio", "audio": "AA', "truncated"),
        (b'{"type": "audio", "is_last_chunk": true}\n', "malformed"),
        (b'{"type": "audio", "audio": "*", "is_last_chunk": true}\n', "malformed"),
        (b"[]\n", "malformed"),
        (b"", "malformed"),
    ],
)
def test_an_answer_that_is_not_whole_is_an_error(body: bytes, kind: FaultKind) -> None:
    with pytest.raises(ProviderError) as caught:
        read(script(timestamps=True), body)
    assert caught.value.kind == kind


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ValueError, match=r"options\.region: unknown option; hume has none"):
        Hume(Settings(options={"region": "eu"}))
