"""Sarvam's adapter, beside Sarvam's own client."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sarvamai import SarvamAI
from sarvamai.environment import SarvamAIEnvironment

from providers.calling import KEY, NOW, against_sdk, spoken
from stentor.contract import DictionaryLocator
from stentor.providers.base import Script, Settings, Turn
from stentor.providers.faults import FaultKind, ProviderError
from stentor.providers.sarvam import Sarvam
from stentor.providers.wire import Head
from upstream import sarvam as vendor
from upstream.server import running

# The client's word about itself and the machine that it runs on.
CLIENT = {
    "header x-fern-language",
    "header x-fern-platform",
    "header x-fern-runtime",
    "header x-fern-sdk-name",
    "header x-fern-sdk-version",
}


def script(**changes: Any) -> Script:
    fields: dict[str, Any] = {
        "model": "bulbul:v3",
        "turns": (Turn("Sing, goddess.", "shubh"),),
        "format": Sarvam().capabilities("bulbul:v3").formats[0],
    }
    return Script(**(fields | changes))


def client(url: str) -> SarvamAI:
    return SarvamAI(
        api_subscription_key=KEY.reveal(),
        environment=SarvamAIEnvironment(base=url, creative=url, production=url),
    )


async def test_the_stream_is_asked_for_as_by_the_sdk() -> None:
    async with running(vendor) as upstream:
        sdk = client(upstream.url).text_to_speech

        def call() -> None:
            audio = sdk.convert_stream(
                text="Sing, goddess.",
                language_code="en-IN",
                speaker="shubh",
                model="bulbul:v3",
                speech_sample_rate=24_000,
                output_audio_codec="wav",
            )
            assert b"".join(audio)

        ours = Sarvam(Settings(base_url=upstream.url)).request(script(), KEY, NOW)
        found = await against_sdk(upstream, call, ours)
    assert found.keys() == CLIENT, found


async def test_all_options_are_sent_as_by_the_sdk() -> None:
    async with running(vendor) as upstream:
        sdk = client(upstream.url).text_to_speech

        def call() -> None:
            list(
                sdk.convert_stream(
                    text="Sing, goddess.",
                    language_code="od-IN",
                    speaker="shubh",
                    model="bulbul:v3",
                    speech_sample_rate=24_000,
                    output_audio_codec="mp3",
                    output_audio_bitrate="192k",
                    pace=1.25,
                    temperature=0.3,
                    dict_id="p_1",
                )
            )

        provider = Sarvam(Settings(base_url=upstream.url))
        formats = provider.capabilities("bulbul:v3").formats
        extra = {"temperature": 0.3, "output_audio_bitrate": "192k"}
        assert extra.keys() == set(provider.capabilities("bulbul:v3").extra)
        ours = provider.request(
            script(
                language="or",
                speed=1.25,
                format=next(form for form in formats if form.name == "mp3"),
                dictionaries=(DictionaryLocator("p_1"),),
                extra=extra,
            ),
            KEY,
            NOW,
        )
        found = await against_sdk(upstream, call, ours)
    assert found.keys() == CLIENT, found


async def test_the_older_models_own_fields_are_sent_as_by_the_sdk() -> None:
    async with running(vendor) as upstream:
        sdk = client(upstream.url).text_to_speech
        extra: dict[str, Any] = {
            "pitch": 0.5,
            "loudness": 1.5,
            "enable_preprocessing": True,
            "enable_cached_responses": True,
            "output_audio_bitrate": "64k",
        }

        def call() -> None:
            list(
                sdk.convert_stream(
                    text="नमस्ते",
                    language_code="hi-IN",
                    speaker="anushka",
                    model="bulbul:v2",
                    speech_sample_rate=24_000,
                    output_audio_codec="wav",
                    **extra,
                )
            )

        provider = Sarvam(Settings(base_url=upstream.url))
        assert extra.keys() == set(provider.capabilities("bulbul:v2").extra)
        ours = provider.request(
            script(model="bulbul:v2", turns=(Turn("नमस्ते", "anushka"),), extra=extra), KEY, NOW
        )
        found = await against_sdk(upstream, call, ours)
    assert found.keys() == CLIENT, found


def test_two_dictionaries_are_refused() -> None:
    two = (DictionaryLocator("p_1"), DictionaryLocator("p_2"))
    with pytest.raises(ProviderError, match="2 pronunciation dictionaries; expected one") as caught:
        Sarvam().request(script(dictionaries=two), KEY, NOW)
    assert caught.value.kind == "invalid"


@pytest.mark.parametrize("cut", [1, 3, 4096])
async def test_audio_is_whole_however_the_answer_is_cut(cut: int) -> None:
    request = script(turns=(Turn("नमस्ते", "shubh"),))
    async with running(vendor) as upstream:
        provider = Sarvam(Settings(base_url=upstream.url))
        audio, delivered = await spoken(provider, request, cut=cut)
        whole, _ = await spoken(provider, request, cut=1 << 30)
    assert audio == whole and audio.startswith(b"RIFF") and len(audio) > 24_000
    assert delivered.request_id == "20261124_1"


@pytest.mark.parametrize(
    ("text", "language", "code"),
    [
        ("Sing, goddess.", None, "en-IN"),
        ("१२, ok", None, "en-IN"),
        ("OK, नमस्ते", None, "hi-IN"),
        ("ନମସ୍କାର", None, "od-IN"),
        ("வணக்கம்", None, "ta-IN"),
        ("नमस्कार", "mr", "mr-IN"),
        ("Hello", "en-US", "en-IN"),
        ("ନମସ୍କାର", "or-IN", "od-IN"),
        ("Hallo", "de-DE", "de-DE"),  # the vendor says what it thinks of it
    ],
)
def test_the_language_is_the_callers_or_else_the_scripts(
    text: str, language: str | None, code: str
) -> None:
    call = Sarvam().request(script(turns=(Turn(text, "shubh"),), language=language), KEY, NOW)
    assert json.loads(call.body)["language_code"] == code


@pytest.mark.parametrize(
    "kind", ["auth", "quota", "rate_limited", "invalid", "not_found", "too_long", "server"]
)
async def test_refusals_are_understood(kind: FaultKind) -> None:
    async with running(vendor) as upstream:
        upstream.refusals = [kind]
        with pytest.raises(ProviderError) as caught:
            await spoken(Sarvam(Settings(base_url=upstream.url)), script())
    assert caught.value.kind == kind
    assert caught.value.message and KEY.reveal() not in caught.value.message
    assert caught.value.code and caught.value.code.endswith("_error")


def test_a_503_under_load_is_a_limit() -> None:
    body = b'{"error": {"message": "High load", "code": "rate_limit_exceeded_error"}}'
    error = Sarvam().error(Head(503, {"retry-after": "7"}), body)
    assert (error.kind, error.retry_after_s, error.message) == ("rate_limited", 7, "High load")


def test_a_page_in_html_is_understood() -> None:
    error = Sarvam().error(Head(504, {}), b"<html><h1>Gateway timeout</h1></html>")
    assert (error.kind, error.message) == ("server", "Gateway timeout")


def test_an_error_instead_of_audio_is_told_in_the_vendors_words() -> None:
    reader = Sarvam().response(script(), Head(200, {"content-type": "application/json"}))
    assert reader.feed(b'{"error": {"message": "Out of order"}}') == b""
    with pytest.raises(ProviderError, match="Out of order") as caught:
        reader.finish()
    assert caught.value.kind == "malformed"


def test_an_empty_answer_is_malformed() -> None:
    reader = Sarvam().response(script(), Head(200, {"content-type": "audio/wav"}))
    with pytest.raises(ProviderError) as caught:
        reader.finish()
    assert caught.value.kind == "malformed"


def test_voices_know_their_language_where_their_names_say_it() -> None:
    provider = Sarvam(Settings(name="mine"))
    voices = {voice.id: voice for voice in provider.known_voices("bulbul:v4-flash")}
    assert len(voices) > 200
    assert voices["shubh_hi_devotional"].language == "hi-IN"
    assert voices["shubh_enhi_ads"].language is None
    assert next(iter(voices)) == "shubh_enhi_ads", "the default comes first"
    older = {voice.id: voice.gender for voice in provider.known_voices("bulbul:v2")}
    assert (older["anushka"], older["karun"]) == ("female", "male")
    assert not provider.known_voices("bulbul:v9")


def test_voices_are_those_of_the_sdk() -> None:
    from typing import get_args

    from sarvamai.types.text_to_speech_speaker import TextToSpeechSpeaker

    literal, _ = get_args(TextToSpeechSpeaker)
    provider = Sarvam()
    ours = {voice.id for model in provider.models for voice in provider.known_voices(model)}
    assert ours == set(get_args(literal))


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ValueError, match=r"options\.region: unknown option; sarvam has none"):
        Sarvam(Settings(options={"region": "in"}))
