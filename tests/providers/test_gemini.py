"""Gemini's adapter, beside Google's own client."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from google import genai
from google.genai import types

from providers.calling import KEY, NOW, against_sdk, send, spoken
from stentor.audio.form import AudioForm
from stentor.providers.base import Script, Settings, Turn
from stentor.providers.faults import FaultKind, ProviderError
from stentor.providers.gemini import Gemini
from upstream import gemini as vendor
from upstream.server import Upstream, running
from upstream.values import Answer, Received, Sound

NEW = "gemini-3.8-flash-tts"
OLD = "gemini-2.5-flash-preview-tts"
JUSTIFIED = {
    "header x-goog-api-client",  # what the SDK says of itself
}
DIALOGUE = (
    Turn("Sing, goddess.", "Kore", "Ann"),
    Turn(" Of what?", "Puck", "Bob: the son"),
    Turn(" Of anger – μῆνιν.", "Kore", "Ann"),
)


def script(**changes: object) -> Script:
    model = str(changes.get("model", NEW))
    fields: dict[str, object] = {
        "model": NEW,
        "turns": (Turn("Sing, goddess, μῆνιν.", "Kore"),),
        "format": Gemini().capabilities(model).formats[0],
    }
    return Script(**(fields | changes))  # type: ignore[arg-type]


def provider(upstream: Upstream) -> Gemini:
    return Gemini(Settings(base_url=f"{upstream.url}/v1beta"))


def client(upstream: Upstream) -> genai.Client:
    return genai.Client(
        api_key=KEY.reveal(),
        http_options=types.HttpOptions(
            base_url=upstream.url,
            api_version="v1beta",
            retry_options=types.HttpRetryOptions(attempts=1),
        ),
    )


def unjustified(found: dict[str, tuple[Any, Any]]) -> dict[str, tuple[Any, Any]]:
    """What differs without a reason.

    The SDK leaves what is in `speechConfig` in snake_case, which JSON of protocol buffers may be.
    """
    theirs = {_camel(name): pair[0] for name, pair in found.items() if pair[0] != "(absent)"}
    ours = {name: pair[1] for name, pair in found.items() if pair[1] != "(absent)"}
    return {
        name: (theirs.get(name), ours.get(name))
        for name in (theirs.keys() | ours.keys()) - JUSTIFIED
        if theirs.get(name) != ours.get(name)
    }


def _camel(name: str) -> str:
    return re.sub("_([a-z])", lambda match: match[1].upper(), name)


def prebuilt(name: str) -> types.VoiceConfig:
    return types.VoiceConfig(prebuilt_voice_config=types.PrebuiltVoiceConfig(voice_name=name))


def two_voices(one: str, other: str) -> types.MultiSpeakerVoiceConfig:
    return types.MultiSpeakerVoiceConfig(
        speaker_voice_configs=[
            types.SpeakerVoiceConfig(speaker=one, voice_config=prebuilt("Kore")),
            types.SpeakerVoiceConfig(speaker=other, voice_config=prebuilt("Puck")),
        ]
    )


def config(**speech: Any) -> types.GenerateContentConfig:
    return types.GenerateContentConfig(
        response_modalities=["AUDIO"], speech_config=types.SpeechConfig(**speech)
    )


def speech_part(text: str, **metadata: str) -> types.Part:
    return types.Part(text=text, speech_metadata=types.SpeechMetadata(**metadata))


def streamed(upstream: Upstream, parts: list[types.Part], how: Any) -> Callable[[], Any]:
    google = client(upstream)

    def sdk() -> None:
        contents = types.Content(role="user", parts=parts)
        for _ in google.models.generate_content_stream(model=NEW, contents=contents, config=how):
            pass

    return sdk


async def test_a_plain_call_is_the_one_that_the_sdk_makes() -> None:
    async with running(vendor) as upstream:
        sdk = streamed(
            upstream,
            [types.Part(text="Sing, goddess, μῆνιν.")],
            config(voice_config=types.VoiceConfig(voice="Kore")),
        )
        found = await against_sdk(upstream, sdk, provider(upstream).request(script(), KEY, NOW))
    assert unjustified(found) == {}


async def test_a_call_with_all_options_is_the_one_that_the_sdk_makes() -> None:
    safety = {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_ONLY_HIGH"}
    async with running(vendor) as upstream:
        how = config(voice_config=types.VoiceConfig(voice="voice_abc123"), language_code="el-GR")
        how.safety_settings = [types.SafetySetting(**safety)]
        sdk = streamed(upstream, [speech_part("Sing, goddess.", style="Slowly.")], how)
        ours = script(
            turns=(Turn("Sing, goddess.", "voice_abc123"),),
            instructions="Slowly.",
            language="el-GR",
            extra={"safetySettings": [safety]},
        )
        found = await against_sdk(upstream, sdk, provider(upstream).request(ours, KEY, NOW))
    assert unjustified(found) == {}


async def test_a_dialogue_is_the_call_that_the_sdk_makes() -> None:
    async with running(vendor) as upstream:
        sdk = streamed(
            upstream,
            [
                speech_part("Sing, goddess.", speaker="Ann", style="Slowly."),
                speech_part(" Of what?", speaker="Bob the son", style="Slowly."),
                speech_part(" Of anger – μῆνιν.", speaker="Ann", style="Slowly."),
            ],
            config(multi_speaker_voice_config=two_voices("Ann", "Bob the son")),
        )
        ours = script(turns=DIALOGUE, instructions="Slowly.")
        found = await against_sdk(upstream, sdk, provider(upstream).request(ours, KEY, NOW))
    assert unjustified(found) == {}


async def test_older_models_are_called_as_the_sdk_calls_them() -> None:
    prompt = (
        "Slowly.\n\nRead the following conversation between Ann and Bob the son aloud, word for "
        "word:\n\nAnn: Sing, goddess.\nBob the son: Of what?\nAnn: Of anger – μῆνιν."
    )
    async with running(vendor) as upstream:
        how = config(multi_speaker_voice_config=two_voices("Ann", "Bob the son"))
        how.temperature = 0.7

        google = client(upstream)

        def sdk() -> None:
            google.models.generate_content(model=OLD, contents=prompt, config=how)

        ours = script(
            model=OLD, turns=DIALOGUE, instructions="Slowly. ", extra={"temperature": 0.7}
        )
        found = await against_sdk(upstream, sdk, provider(upstream).request(ours, KEY, NOW))
    assert unjustified(found) == {}


async def test_the_list_of_voices_is_asked_for_as_the_sdk_asks() -> None:
    async with running(vendor) as upstream:
        google = client(upstream)

        def sdk() -> None:
            google.voices.list(page_size=1000, page_token="2")

        ours = provider(upstream).voices_call(KEY, "2", NOW)
        assert ours is not None
        found = await against_sdk(upstream, sdk, ours)
    # There is no content that could be of a type.
    assert found.keys() <= JUSTIFIED | {"header content-type"}, found


@pytest.mark.parametrize("cut", [1, 3, 4096])
@pytest.mark.parametrize("model", [NEW, OLD])
async def test_audio_is_whole_however_the_answer_is_cut(model: str, cut: int) -> None:
    async with running(vendor) as upstream:
        one = script(model=model)
        audio, delivered = await spoken(provider(upstream), one, cut=cut)
        whole, _ = await spoken(provider(upstream), one, cut=10**9)
    assert len(audio) > 24_000 and audio == whole
    assert delivered.request_id == "TPBPaOzJEdaY1MkPy5fzkQ0"
    assert delivered.input_tokens and delivered.output_tokens is not None


async def test_audio_comes_while_the_answer_does() -> None:
    async with running(vendor) as upstream:
        gemini = provider(upstream)
        head, body = await send(gemini.request(script(), KEY, NOW))
    assert gemini.response(script(), head).feed(body[: len(body) // 2])


@pytest.mark.parametrize(
    ("mime", "form"),
    [
        ("audio/L16;codec=pcm;rate=24000", AudioForm("pcm", 24_000)),
        ("audio/l16; rate=48000; channels=2", AudioForm("pcm", 48_000, channels=2)),
        ("audio/wav", AudioForm("wav")),
    ],
)
async def test_the_form_is_what_the_answer_says(mime: str, form: AudioForm) -> None:
    _, gemini, reader = await _reading(vendor.stream([vendor.response(b"\1\2", mime, "STOP", 1)]))
    assert gemini is not None and reader.form == form


async def test_a_voice_without_a_name_gets_one() -> None:
    turns = (Turn("Yes.", "Kore"), Turn("No.", "Puck"))
    body = Gemini().request(script(turns=turns), KEY, NOW).body
    assert b'"Speaker 1"' in body and b'"Speaker 2"' in body


@pytest.mark.parametrize(
    "kind", ["auth", "quota", "rate_limited", "invalid", "not_found", "too_long", "server"]
)
async def test_refusals_are_understood(kind: FaultKind) -> None:
    async with running(vendor) as upstream:
        upstream.refusals = [kind]
        with pytest.raises(ProviderError) as caught:
            await spoken(provider(upstream), script())
    assert caught.value.kind == kind
    assert caught.value.message and KEY.reveal() not in caught.value.message
    assert caught.value.retry_after_s == (1 if kind in ("quota", "rate_limited") else None)


async def test_a_page_of_html_is_understood() -> None:
    page = Answer(502, {"content-type": "text/html"}, [b"<html><b>Bad Gateway</b></html>"])
    with pytest.raises(ProviderError) as caught:
        await _spoken_by(page)
    assert (caught.value.kind, caught.value.message) == ("server", "Bad Gateway")


async def test_an_error_in_a_stream_is_one() -> None:
    late = {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}
    events = [*vendor.chunks(b"\1\0" * 20_000, 3)[:-1], {"error": late}]
    with pytest.raises(ProviderError, match="overloaded") as caught:
        await _spoken_by(vendor.stream(events))
    assert (caught.value.kind, caught.value.status) == ("server", 503)


@pytest.mark.parametrize(
    ("events", "kind"),
    [
        (vendor.chunks(b"\1\0" * 20_000, 3)[:-1], "truncated"),
        ([vendor.response(b"", "", "OTHER", 3)], "server"),
        ([vendor.response(b"\1\0", "audio/l16", "OTHER", 3)], "truncated"),
        ([vendor.response(b"\1\0", "audio/l16", "MAX_TOKENS", 3)], "too_long"),
        ([vendor.response(b"", "", "PROHIBITED_CONTENT", 3)], "invalid"),
        ([{"promptFeedback": {"blockReason": "SAFETY"}}], "invalid"),
        ([vendor.response(b"", "", "STOP", 3)], "malformed"),
        ([vendor.response(b"\1\0", "video/mp4", "STOP", 3)], "malformed"),
        ([{"candidates": ["what?"]}], "malformed"),
        ([], "malformed"),
    ],
)
async def test_a_stream_that_does_not_end_well_is_not_taken_for_speech(
    events: list[dict[str, Any]], kind: FaultKind
) -> None:
    with pytest.raises(ProviderError) as caught:
        await _spoken_by(vendor.stream(events))
    assert caught.value.kind == kind


async def test_a_stream_that_is_cut_in_the_middle_of_an_event_is_truncated() -> None:
    whole = vendor.stream(vendor.chunks(b"\1\0" * 20_000, 3))
    body = b"".join(whole.parts)
    with pytest.raises(ProviderError) as caught:
        await _spoken_by(Answer(headers=whole.headers, parts=[body[: len(body) // 2]]))
    assert caught.value.kind == "truncated"


async def test_all_pages_of_voices_are_read() -> None:
    async with running(vendor) as upstream:
        gemini, voices, page = provider(upstream), [], None
        while True:
            call = gemini.voices_call(KEY, page, NOW)
            assert call is not None
            read = gemini.read_voices((await send(call))[1])
            voices += read.voices
            page = read.next
            if page is None:
                break
    assert [(one.id, one.name, one.gender) for one in voices] == [
        ("Kore", "Kore", "female"),
        ("Puck", "Puck", "male"),
        ("voice_abc123", "Homer", None),
    ]
    assert voices[2].language == "el-GR"


def test_a_list_of_voices_that_is_none_is_malformed() -> None:
    with pytest.raises(ProviderError, match="list of voices") as caught:
        Gemini().read_voices(b'{"voices": "all of them"}')
    assert caught.value.kind == "malformed"


def test_the_prebuilt_voices_are_known() -> None:
    voices = Gemini(Settings(name="mine")).known_voices(NEW)
    assert len(voices) == 30
    assert (voices[0].id, voices[0].provider, voices[0].gender) == ("Kore", "mine", "female")


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ValueError, match=r"options\.region: unknown option; gemini has none"):
        Gemini(Settings(options={"region": "eu"}))


async def _reading(answer: Answer) -> tuple[bytes, Gemini, Any]:
    """What reads this answer, fed with all of it."""

    def respond(received: Received, sound: Sound) -> Answer:
        return answer

    async with running(SimpleNamespace(answer=respond, refuse=vendor.refuse)) as upstream:
        gemini = provider(upstream)
        head, body = await send(gemini.request(script(), KEY, NOW))
    if head.status >= 300:
        raise gemini.error(head, body)
    reader = gemini.response(script(), head)
    audio = reader.feed(body)
    return audio, gemini, reader


async def _spoken_by(answer: Answer) -> bytes:
    audio, _, reader = await _reading(answer)
    return audio + reader.finish().audio
