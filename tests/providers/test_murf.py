"""Murf's adapter, beside Murf's own client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from murf import Murf as Client
from murf.environment import MurfEnvironment

from providers.calling import KEY, NOW, against_sdk, send, spoken
from stentor.providers.base import Script, Settings, Turn
from stentor.providers.faults import FaultKind, ProviderError
from stentor.providers.murf import Murf
from stentor.providers.wire import Head
from upstream import murf as vendor
from upstream.server import running

# The client's word about itself.
CLIENT = {"header x-fern-language", "header x-fern-sdk-name", "header x-fern-sdk-version"}
ORIGIN = {"query origin"}  # likewise, "python_sdk_2.3.0"
TEXT = "Grüße – 2 Straßen!"


def script(**changes: Any) -> Script:
    fields: dict[str, Any] = {
        "model": "gen2",
        "turns": (Turn("Sing, goddess.", "en-US-natalie"),),
        "format": Murf().capabilities("gen2").formats[0],
    }
    return Script(**(fields | changes))


def client(url: str) -> Client:
    names = MurfEnvironment.DEFAULT.__dict__
    return Client(api_key=KEY.reveal(), environment=MurfEnvironment(**dict.fromkeys(names, url)))


@pytest.mark.parametrize("model", ["gen2", "falcon-2"])
async def test_the_stream_is_asked_for_as_by_the_sdk(model: str) -> None:
    async with running(vendor) as upstream:
        sdk = client(upstream.url).text_to_speech

        def call() -> None:
            audio: Iterator[bytes] = sdk.stream(
                text="Sing, goddess.",
                voice_id="en-US-natalie",
                model=model,
                channel_type="MONO",
                format="WAV",
                sample_rate=44_100 if model == "gen2" else 24_000,
            )
            assert b"".join(audio)

        ours = Murf(Settings(base_url=upstream.url)).request(script(model=model), KEY, NOW)
        found = await against_sdk(upstream, call, ours)
    assert found.keys() == CLIENT | ORIGIN, found


async def test_all_options_are_sent_as_by_the_sdk() -> None:
    dictionary = {"live": {"type": "IPA", "pronunciation": "laɪv"}}
    async with running(vendor) as upstream:
        sdk = client(upstream.url).text_to_speech

        def call() -> None:
            list(
                sdk.stream(
                    text="Sing, goddess.",
                    voice_id="en-US-natalie",
                    model="gen2",
                    channel_type="MONO",
                    format="PCM",
                    sample_rate=24_000,
                    locale="en-UK",
                    style="Calm",
                    rate=-10,
                    pitch=5,
                    variation=2,
                    pronunciation_dictionary=dictionary,  # type: ignore[arg-type]
                )
            )

        provider = Murf(Settings(base_url=upstream.url))
        extra = {
            "style": "Calm",
            "rate": -10,
            "pitch": 5,
            "variation": 2,
            "pronunciationDictionary": dictionary,
        }
        assert extra.keys() == set(provider.capabilities("gen2").extra)
        pcm = next(
            form for form in provider.capabilities("gen2").formats if form.form.encoding == "pcm"
        )
        ours = provider.request(script(language="en-GB", format=pcm, extra=extra), KEY, NOW)
        found = await against_sdk(upstream, call, ours)
    assert found.keys() == CLIENT | ORIGIN, found


async def test_timings_are_asked_for_as_by_the_sdk() -> None:
    async with running(vendor) as upstream:
        sdk = client(upstream.url).text_to_speech

        def call() -> None:
            answer = sdk.generate(
                text="Sing, goddess.",
                voice_id="en-US-natalie",
                model_version="GEN2",
                channel_type="MONO",
                format="WAV",
                sample_rate=44_100,
                encode_as_base_64=True,
                word_durations_as_original_text=True,
            )
            assert answer.encoded_audio and answer.word_durations

        ours = Murf(Settings(base_url=upstream.url)).request(script(timestamps=True), KEY, NOW)
        found = await against_sdk(upstream, call, ours)
    assert found.keys() == CLIENT | ORIGIN, found


async def test_voices_are_listed_as_by_the_sdk() -> None:
    async with running(vendor) as upstream:
        sdk = client(upstream.url).text_to_speech
        provider = Murf(Settings(base_url=upstream.url, name="mine"))
        call = provider.voices_call(KEY, None, NOW)
        found = await against_sdk(upstream, lambda: sdk.get_voices(model="GEN2"), call)
        _, body = await send(call)
    assert found.keys() == CLIENT | ORIGIN, found
    page = provider.read_voices(body)
    assert page.next is None
    assert [(voice.id, voice.language, voice.gender) for voice in page.voices] == [
        ("en-UK-hazel", "en-GB", "female"),
        ("de-DE-ralf", "de-DE", "male"),
        ("en-US-jo", "en-US", None),
    ]
    assert {(voice.provider, voice.model) for voice in page.voices} == {("mine", "gen2")}


def test_a_list_of_voices_that_is_none_is_malformed() -> None:
    with pytest.raises(ProviderError) as caught:
        Murf().read_voices(b'{"voices": []}')
    assert caught.value.kind == "malformed"


@pytest.mark.parametrize("cut", [1, 3, 4096])
@pytest.mark.parametrize("timestamps", [False, True])
async def test_audio_is_whole_however_the_answer_is_cut(cut: int, timestamps: bool) -> None:
    request = script(turns=(Turn("Hm.", "en-US-natalie"),), timestamps=timestamps)
    async with running(vendor) as upstream:
        provider = Murf(Settings(base_url=upstream.url))
        audio, _ = await spoken(provider, request, cut=cut)
        whole, _ = await spoken(provider, request, cut=1 << 30)
    assert audio == whole and audio.startswith(b"RIFF") and len(audio) > 44_100


async def test_timings_point_into_the_text_and_skip_what_was_read_otherwise() -> None:
    async with running(vendor) as upstream:
        _, delivered = await spoken(
            Murf(Settings(base_url=upstream.url)),
            script(turns=(Turn(TEXT, "de-DE-ralf"),), timestamps=True),
        )
    assert delivered.alignment is not None and delivered.alignment.unit == "word"
    timings = delivered.alignment.timings
    assert [(TEXT[one.start : one.end], one.start_ms) for one in timings] == [
        ("Grüße", 0),
        ("Straßen", 900),
    ]


async def test_repeated_words_are_taken_in_order_and_never_within_others() -> None:
    text = "A cat, a catalogue, a cat."
    async with running(vendor) as upstream:
        _, delivered = await spoken(
            Murf(Settings(base_url=upstream.url)),
            script(turns=(Turn(text, "en-US-natalie"),), timestamps=True),
        )
    assert delivered.alignment is not None
    spans = [text[one.start : one.end] for one in delivered.alignment.timings]
    assert spans == ["A", "cat", "a", "catalogue", "a", "cat"]
    starts = [one.start for one in delivered.alignment.timings]
    assert starts == sorted(set(starts))


def test_timings_never_overlap_though_the_vendors_do() -> None:
    words = [
        {"word": "one", "startMs": 0, "endMs": 400},
        {"word": "Two.", "startMs": 300, "endMs": 200},
        {"word": None, "startMs": 500, "endMs": 600},
    ]
    document = {"wordDurations": words, "encodedAudio": "AAAA", "warning": "Shortened."}
    request = script(turns=(Turn("one two.", "en-US-natalie"),), timestamps=True)
    reader = Murf().response(request, Head(200, {}))
    reader.feed(json.dumps(document).encode())
    delivered = reader.finish()
    assert delivered.warnings == ("Shortened.",)
    assert delivered.alignment is not None
    assert [(one.start_ms, one.end_ms) for one in delivered.alignment.timings] == [
        (0, 400),
        (400, 400),
    ]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("auth", "auth"),
        ("quota", "quota"),
        ("rate_limited", "rate_limited"),
        ("invalid", "invalid"),
        ("not_found", "not_found"),
        ("too_long", "invalid"),  # Murf has no status of its own for it
        ("server", "server"),
    ],
)
async def test_refusals_are_understood(kind: FaultKind, expected: FaultKind) -> None:
    async with running(vendor) as upstream:
        upstream.refusals = [kind]
        with pytest.raises(ProviderError) as caught:
            await spoken(Murf(Settings(base_url=upstream.url)), script())
    assert caught.value.kind == expected
    assert caught.value.message and KEY.reveal() not in caught.value.message
    assert caught.value.retry_after_s == (1 if kind == "rate_limited" else None)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"encodedAudio": "AAAA", "wordDur', "truncated"),
        (b'{"audioFile": "https://murf.ai/a.wav", "wordDurations": []}', "malformed"),
        (b'{"encodedAudio": "A!", "wordDurations": []}', "malformed"),
        (b"<html>Bad gateway</html>", "malformed"),
    ],
)
def test_answers_that_are_not_whole_are_noticed(body: bytes, kind: FaultKind) -> None:
    reader = Murf().response(
        script(timestamps=True), Head(200, {"content-type": "application/json"})
    )
    reader.feed(body)
    with pytest.raises(ProviderError) as caught:
        reader.finish()
    assert caught.value.kind == kind


def test_an_error_instead_of_audio_is_told_in_the_vendors_words() -> None:
    reader = Murf().response(script(), Head(200, {"content-type": "application/json"}))
    assert reader.feed(b'{"errorMessage": "Out of order"}') == b""
    with pytest.raises(ProviderError, match="Out of order") as caught:
        reader.finish()
    assert caught.value.kind == "malformed"


def test_a_page_in_html_is_understood() -> None:
    error = Murf().error(Head(502, {}), b"<html><h1>Bad gateway</h1></html>")
    assert (error.kind, error.message) == ("server", "Bad gateway")


@pytest.mark.parametrize(
    ("language", "voice", "locale"),
    [
        (None, "en-US-natalie", None),
        ("en", "en-US-natalie", None),
        ("en", "natalie", "en-US"),
        ("en-GB", "natalie", "en-UK"),
        ("de", "en-US-natalie", "de-DE"),
        ("ta-IN", "en-US-natalie", "ta-IN"),
    ],
)
def test_languages_become_murfs_locales(
    language: str | None, voice: str, locale: str | None
) -> None:
    call = Murf().request(script(language=language, turns=(Turn("Hm.", voice),)), KEY, NOW)
    assert json.loads(call.body).get("locale") == locale


def test_the_region_decides_the_host() -> None:
    assert Murf(Settings(options={"region": "uk"})).base_url == "https://uk.api.murf.ai"
    assert Murf().base_url == "https://api.murf.ai"
    with pytest.raises(ValueError, match=r"options\.region: 'mars'; expected one of global, "):
        Murf(Settings(options={"region": "mars"}))
    with pytest.raises(ValueError, match=r"options\.reign: unknown option; murf has region"):
        Murf(Settings(options={"reign": "uk"}))
