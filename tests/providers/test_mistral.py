"""Mistral's adapter, beside Mistral's own client."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mistralai.client import Mistral as Client

from providers.calling import KEY, NOW, against_sdk, send, spoken
from stentor.audio.form import AudioForm
from stentor.contract import Voice
from stentor.providers.base import Script, Settings, Turn, VendorFormat
from stentor.providers.faults import FaultKind, ProviderError
from stentor.providers.mistral import Mistral
from stentor.providers.wire import Delivered, Head
from upstream import mistral as vendor
from upstream.server import running
from upstream.sound import Tones

MODEL = "voxtral-mini-tts-3-0"
TEXT = "Chante, déesse, la colère 🎵."
STREAM = Head(200, {"content-type": "text/event-stream"})


def script(**changes: object) -> Script:
    fields: dict[str, object] = {
        "model": MODEL,
        "turns": (Turn(TEXT, "voice_592"),),
        "format": Mistral().capabilities(MODEL).formats[0],
    }
    return Script(**(fields | changes))  # type: ignore[arg-type]


def local(url: str) -> Mistral:
    return Mistral(Settings(base_url=url))


def read(body: bytes, *, cut: int = 1000, **changes: object) -> tuple[bytes, Delivered]:
    reader = Mistral().response(script(**changes), STREAM)
    audio = b"".join(reader.feed(body[at : at + cut]) for at in range(0, len(body), cut))
    delivered = reader.finish()
    return audio + delivered.audio, delivered


@pytest.mark.parametrize(
    ("changes", "arguments"),
    [
        ({}, {}),
        (
            {"extra": {"expressiveness": 3.0, "phoneme_hints": {"Ménin": ["m", "e"]}}},
            {"expressiveness": 3.0, "phoneme_hints": {"Ménin": ["m", "e"]}},
        ),
        ({"extra": {"metadata": {"a": 1}}}, {"metadata": {"a": 1}}),
        ({"format": VendorFormat(AudioForm("mp3"), "mp3")}, {"response_format": "mp3"}),
    ],
)
async def test_the_call_is_the_one_that_the_sdk_makes(
    changes: dict[str, object], arguments: dict[str, Any]
) -> None:
    plain = {
        "model": MODEL,
        "input": TEXT,
        "voice_id": "voice_592",
        "response_format": "pcm",
        "stream": True,
    }
    async with running(vendor) as upstream:
        client = Client(api_key=KEY.reveal(), server_url=upstream.url)
        found = await against_sdk(
            upstream,
            lambda: list(client.audio.speech.complete(**(plain | arguments))),
            local(upstream.url).request(script(**changes), KEY, NOW),
        )
    assert found == {}


async def test_with_a_recording_the_call_is_the_sdks_without_a_voice() -> None:
    async with running(vendor) as upstream:
        client = Client(api_key=KEY.reveal(), server_url=upstream.url)
        found = await against_sdk(
            upstream,
            lambda: list(
                client.audio.speech.complete(
                    model=MODEL,
                    input=TEXT,
                    ref_audio="UklGRg==",
                    response_format="pcm",
                    stream=True,
                )
            ),
            local(upstream.url).request(script(extra={"ref_audio": "UklGRg=="}), KEY, NOW),
        )
    assert found == {}


@pytest.mark.parametrize("page", [None, "100"])
async def test_voices_are_asked_for_as_the_sdk_does(page: str | None) -> None:
    async with running(vendor) as upstream:
        client = Client(api_key=KEY.reveal(), server_url=upstream.url)
        call = local(upstream.url).voices_call(KEY, page, NOW)
        assert call is not None
        found = await against_sdk(
            upstream,
            lambda: client.audio.voices.search(
                page_size=100, **({} if page is None else {"page_token": page})
            ),
            call,
        )
    assert found == {}


async def test_voices_are_read_page_by_page() -> None:
    voices: list[Voice] = []
    page: str | None = None
    async with running(vendor) as upstream:
        provider = local(upstream.url)
        while True:
            call = provider.voices_call(KEY, page, NOW)
            assert call is not None
            read_page = provider.read_voices((await send(call))[1])
            voices += read_page.voices
            page = read_page.next
            if page is None:
                break
    assert len(upstream.received) == 2 and len(voices) == len(vendor.VOICES)
    assert voices[3] == Voice(
        "en_paul_3", "Paul 3", "mistral", MODEL, 24_000, language="en-US", gender="male"
    )
    assert voices[-1] == Voice(
        "ffffffff-0000-4000-8000-000000000000", "Mine", "mistral", MODEL, 24_000
    )


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"data": [3]}', b'{"data": [{"id": "x"}]}'])
def test_what_is_no_list_of_voices_is_refused(body: bytes) -> None:
    with pytest.raises(ProviderError) as caught:
        Mistral().read_voices(body)
    assert caught.value.kind == "malformed"


@pytest.mark.parametrize("cut", [1, 3, 4096])
def test_audio_is_whole_however_the_answer_is_cut(cut: int) -> None:
    body = b"".join(vendor.events(vendor.speech("pcm", "x" * 10, Tones())))
    audio, delivered = read(body, cut=cut)
    assert audio == Tones().clip(AudioForm("pcm", 24_000), "x" * 10)
    assert (delivered.input_tokens, delivered.output_tokens) == (7, 41)


@pytest.mark.parametrize("name", ["wav", "flac", "mp3", "opus"])
async def test_audio_with_a_header_is_left_as_it_is(name: str) -> None:
    form = VendorFormat(AudioForm(name), name)  # type: ignore[arg-type]
    async with running(vendor) as upstream:
        audio, _ = await spoken(local(upstream.url), script(format=form))
    assert audio == Tones().clip(form.form, TEXT)


def test_samples_beyond_full_scale_are_clipped() -> None:
    samples = np.array([2.0, -2.0, 0.5], "<f4").tobytes()
    audio, _ = read(b"".join(vendor.events(samples, piece=5)))
    assert np.frombuffer(audio, "<i2").tolist() == [32767, -32768, 16384]


def test_integers_are_not_taken_for_floating_point() -> None:
    integers = Tones().clip(AudioForm("pcm", 24_000), TEXT)
    with pytest.raises(ProviderError, match="floating point") as caught:
        read(b"".join(vendor.events(integers)))
    assert caught.value.kind == "malformed"


@pytest.mark.parametrize("lost", ["the last event", "half a line", "half a sample"])
def test_an_answer_that_ends_too_soon_is_noticed(lost: str) -> None:
    audio = vendor.speech("pcm", "x" * 10, Tones())
    if lost == "half a sample":
        body = b"".join(vendor.events(audio[:-2]))
    else:
        body = b"".join(vendor.events(audio, done=False))
        body = body if lost == "the last event" else body[:-100]
    with pytest.raises(ProviderError) as caught:
        read(body)
    assert caught.value.kind == "truncated"


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ('{"object": "error", "message": "Overloaded.", "code": "3000"}', "server"),
        ('{"error": {"message": "Overloaded."}}', "server"),
        ('{"type": "speech.audio.delta"}', "malformed"),
        ('{"type": "speech.audio.delta", "audio_data": "%%%"}', "malformed"),
    ],
)
def test_an_error_within_the_stream_is_raised(line: str, kind: str) -> None:
    with pytest.raises(ProviderError) as caught:
        read(b"data: " + line.encode() + b"\n\n")
    assert caught.value.kind == kind
    assert kind != "server" or "Overloaded" in caught.value.message


def test_events_that_are_not_known_are_passed_over() -> None:
    body = b'data: {"type": "speech.audio.mark"}\n\n' + b"".join(vendor.events(b"\0" * 4000))
    assert len(read(body)[0]) == 2000


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


def test_a_text_that_moderation_rejects_says_nothing_about_the_key() -> None:
    body = b'{"object": "error", "message": "Content blocked.", "type": "x", "code": null}'
    assert Mistral().error(Head(403, {}), body).kind == "invalid"


def test_a_page_instead_of_an_error_is_read_as_words() -> None:
    error = Mistral().error(Head(502, {}), b"<html><h1>Bad gateway</h1></html>")
    assert (error.kind, error.message) == ("server", "Bad gateway")


def test_options_are_unknown_to_it() -> None:
    with pytest.raises(ValueError, match=r"options\.region: unknown"):
        Mistral(Settings(options={"region": "eu"}))
