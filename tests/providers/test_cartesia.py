"""Cartesia's adapter, beside Cartesia's own client."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import cartesia
import pytest

from providers.calling import KEY, NOW, against_sdk, send, spoken
from stentor.audio.form import AudioForm
from stentor.contract import DictionaryLocator
from stentor.providers.base import Script, Settings, Turn, VendorFormat
from stentor.providers.cartesia import Cartesia
from stentor.providers.faults import FaultKind, ProviderError
from stentor.providers.wire import Head
from upstream import cartesia as vendor
from upstream.server import Upstream, running

TEXT = "Sing, goddess: die Wörter kosten 5 € – 你好 😀, naïve café."
FORMATS = Cartesia().capabilities("sonic-3.5").formats
MP3 = next(one for one in FORMATS if one.form.encoding == "mp3")
# What the client says of itself and its retries.
SDK_ABOUT_ITSELF = ("header x-stainless-", "header x-cartesia-client")


def script(**changes: Any) -> Script:
    fields = {"model": "sonic-3.5", "turns": (Turn(TEXT, "voice0001"),), "format": FORMATS[0]}
    return Script(**(fields | changes))


def adapter(upstream: Upstream) -> Cartesia:
    return Cartesia(Settings(base_url=upstream.url))


def client(upstream: Upstream) -> cartesia.Cartesia:
    return cartesia.Cartesia(api_key=KEY.reveal(), base_url=upstream.url, max_retries=0)


async def unlike(
    sdk: Callable[[cartesia.Cartesia], Any], ours: Script
) -> dict[str, tuple[Any, Any]]:
    """What differs from the SDK's call, besides what the SDK says of itself."""
    async with running(vendor) as upstream:
        call = adapter(upstream).request(ours, KEY, NOW)
        found = await against_sdk(upstream, lambda: sdk(client(upstream)), call)
    return {name: pair for name, pair in found.items() if not name.startswith(SDK_ABOUT_ITSELF)}


async def test_a_plain_call_is_the_one_that_the_sdk_makes() -> None:
    def sdk(client: cartesia.Cartesia) -> Any:
        return client.tts.generate(
            model_id="sonic-3.5",
            transcript=TEXT,
            voice="voice0001",
            output_format={"container": "raw", "encoding": "pcm_s16le", "sample_rate": 44100},
        )

    assert await unlike(sdk, script()) == {}


async def test_a_call_with_all_options_is_the_one_that_the_sdk_makes() -> None:
    def sdk(client: cartesia.Cartesia) -> Any:
        return client.tts.generate(
            model_id="sonic-3",
            transcript=TEXT,
            voice="voice0001",
            output_format={"container": "mp3", "bit_rate": 192000, "sample_rate": 44100},
            language="no",
            generation_config={"speed": 1.5, "volume": 0.5, "emotion": "calm"},
            pronunciation_dict_id="d1",
            normalization="off",
        )

    ours = script(
        model="sonic-3",
        format=MP3,
        language="nb-NO",
        speed=1.5,
        dictionaries=(DictionaryLocator("d1"),),
        extra={"generation_config": {"volume": 0.5, "emotion": "calm"}, "normalization": "off"},
    )
    assert await unlike(sdk, ours) == {}


@pytest.mark.parametrize("asked", [FORMATS[0], MP3])
async def test_a_call_with_timestamps_is_the_one_that_the_sdk_makes(asked: VendorFormat) -> None:
    def sdk(client: cartesia.Cartesia) -> Any:
        return list(
            client.tts.generate_sse(
                model_id="sonic-3.5",
                transcript=TEXT,
                voice="voice0001",
                output_format={"container": "raw", "encoding": "pcm_s16le", "sample_rate": 44100},
                add_timestamps=True,
                use_normalized_timestamps=False,
            )
        )

    assert await unlike(sdk, script(timestamps=True, format=asked)) == {}


async def test_the_list_of_voices_is_the_one_that_the_sdk_asks_for() -> None:
    async with running(vendor) as upstream:
        call = adapter(upstream).voices_call(KEY, "voice0099", NOW)
        found = await against_sdk(
            upstream,
            lambda: client(upstream).voices.list(limit=100, starting_after="voice0099"),
            call,
        )
    assert {name for name in found if not name.startswith(SDK_ABOUT_ITSELF)} <= {
        "header content-type"  # of a body that is not there
    }


async def test_a_locale_of_the_callers_stands_for_the_language() -> None:
    call = Cartesia().request(script(language="en", extra={"locale": "en-GB"}), KEY, NOW)
    assert (body := json.loads(call.body))["locale"] == "en-GB" and "language" not in body


@pytest.mark.parametrize(
    ("dictionaries", "told"),
    [
        ((DictionaryLocator("a"), DictionaryLocator("b")), "2 of them"),
        ((DictionaryLocator("a", "v1"),), "a version"),
    ],
)
def test_what_dictionaries_cannot_do_is_told(
    dictionaries: tuple[DictionaryLocator, ...], told: str
) -> None:
    with pytest.raises(ProviderError, match=f"pronunciation_dictionary_locators: .*{told}"):
        Cartesia().request(script(dictionaries=dictionaries), KEY, NOW)


@pytest.mark.parametrize("cut", [1, 3, 4096])
@pytest.mark.parametrize("timestamps", [False, True])
async def test_audio_is_whole_however_the_answer_is_cut(cut: int, timestamps: bool) -> None:
    async with running(vendor) as upstream:
        ours = script(timestamps=timestamps, format=FORMATS[2])
        audio, _ = await spoken(adapter(upstream), ours, cut=cut)
    assert len(audio) == 2 * 24_000 * max(1, round(len(TEXT) * 0.06))


@pytest.mark.parametrize("asked", [FORMATS[1], MP3])
def test_the_form_of_timed_audio_is_what_was_asked_for(asked: VendorFormat) -> None:
    ours = script(timestamps=True, format=asked)
    written = json.loads(Cartesia().request(ours, KEY, NOW).body)["output_format"]
    assert Cartesia().response(ours, Head(200, {})).form == AudioForm("pcm", written["sample_rate"])


async def test_words_are_timed() -> None:
    async with running(vendor) as upstream:
        _, delivered = await spoken(adapter(upstream), script(timestamps=True))
    assert delivered.alignment is not None and delivered.alignment.unit == "word"
    timings = delivered.alignment.timings
    assert [TEXT[t.start : t.end] for t in timings] == [
        "Sing", "goddess", "die", "Wörter", "kosten", "5", "你好", "naïve", "café",
    ]  # fmt: skip
    assert all(t.start_ms == t.start * 60 for t in timings)


def event(**fields: Any) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


CHUNK = event(type="chunk", data="AAAA", done=False)
DONE = event(type="done", done=True)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (CHUNK, "truncated"),
        (CHUNK + event(type="flush_done", done=False), "truncated"),
        (CHUNK + DONE[:-9], "truncated"),
        (DONE, "malformed"),
        (event(type="chunk", data="%") + DONE, "malformed"),
        (event(type="timestamps", word_timestamps={"words": ["a"]}) + DONE, "malformed"),
        (CHUNK + event(type="error", status_code=429, error_code=None), "rate_limited"),
        (CHUNK + event(type="error", status_code=400, error_code="voice_not_found"), "not_found"),
        (CHUNK + event(type="error", message="it broke"), "server"),
    ],
)
def test_what_is_wrong_with_a_stream_is_told(body: bytes, kind: FaultKind) -> None:
    reader = Cartesia().response(script(timestamps=True), Head(200, {}))
    with pytest.raises(ProviderError) as caught:
        reader.feed(body)
        reader.finish()
    assert caught.value.kind == kind


def test_events_that_are_not_known_are_passed_over() -> None:
    reader = Cartesia().response(script(timestamps=True), Head(200, {}))
    assert reader.feed(event(type="flush_done") + CHUNK + DONE) == b"\0\0\0"
    assert reader.finish().alignment is None


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
    assert caught.value.message and KEY.reveal() not in caught.value.message


async def test_when_to_call_again_is_understood() -> None:
    async with running(vendor) as upstream:
        upstream.faults = ["retry_after"]
        with pytest.raises(ProviderError) as caught:
            await spoken(adapter(upstream), script())
    assert (caught.value.kind, caught.value.retry_after_s) == ("rate_limited", 1)


@pytest.mark.parametrize(
    ("fault", "kind"), [("html", ("server",)), ("html_ok", ("malformed", "truncated"))]
)
@pytest.mark.parametrize("timestamps", [False, True])
async def test_what_is_no_answer_of_the_vendor_is_refused(
    fault: Any, kind: tuple[FaultKind, ...], timestamps: bool
) -> None:
    async with running(vendor) as upstream:
        upstream.faults = [fault]
        with pytest.raises(ProviderError) as caught:
            await spoken(adapter(upstream), script(timestamps=timestamps))
    assert caught.value.kind in kind


async def test_every_form_is_asked_for_as_the_vendor_takes_it() -> None:
    async with running(vendor) as upstream:
        for one in FORMATS:
            if one.form.encoding not in ("ulaw", "alaw"):  # no local vendor speaks them
                assert (await spoken(adapter(upstream), script(format=one)))[0]


async def test_all_pages_of_voices_are_read() -> None:
    voices = []
    async with running(vendor) as upstream:
        provider, page = adapter(upstream), None
        for _ in range(3):
            _, body = await send(provider.voices_call(KEY, page, NOW))
            read = provider.read_voices(body)
            voices += read.voices
            page = read.next
    assert page is None
    assert [voice.id for voice in voices] == [f"voice{n:04}" for n in range(vendor.VOICES)]
    assert [voice.gender for voice in voices[:4]] == ["female", "male", None, None]
    assert [voice.language for voice in voices[:2]] == ["en", "en-GB"]


def test_a_list_of_voices_that_is_none_is_refused() -> None:
    with pytest.raises(ProviderError, match="no list of voices"):
        Cartesia().read_voices(b"<html>")


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ValueError, match=r"options\.version: unknown option"):
        Cartesia(Settings(options={"version": "2024-06-10"}))
