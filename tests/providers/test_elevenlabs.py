"""ElevenLabs's adapter, beside ElevenLabs's own client."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import elevenlabs
import pytest
from elevenlabs.types import (
    DialogueInput,
    PronunciationDictionaryVersionLocator,
    ToDialogueSettingsResponseModel,
    VoiceSettings,
)

from providers.calling import KEY, NOW, against_sdk, send, spoken
from stentor.contract import DictionaryLocator
from stentor.providers.base import Script, Settings, Turn
from stentor.providers.elevenlabs import ElevenLabs
from stentor.providers.faults import FaultKind, ProviderError
from stentor.providers.wire import Head
from upstream import elevenlabs as vendor
from upstream.server import Upstream, running

TEXT = "Sing, goddess: die Wörter “kosten” 5 € – 你好 😀, naïve café."
LONG = TEXT * 8
DIALOGUE = (Turn("Wer da?", "voice0001"), Turn("Ich, naïve 😀!", "voice0002"))
# What the client says of itself.
SDK_ABOUT_ITSELF = "header x-fern-"


def script(**changes: Any) -> Script:
    model = changes.get("model", "eleven_multilingual_v2")
    fields = {
        "model": model,
        "turns": (Turn(TEXT, "voice0001"),),
        "format": ElevenLabs().capabilities(model).formats[0],
    }
    return Script(**(fields | changes))


def adapter(upstream: Upstream) -> ElevenLabs:
    return ElevenLabs(Settings(base_url=upstream.url))


def client(upstream: Upstream) -> elevenlabs.ElevenLabs:
    return elevenlabs.ElevenLabs(api_key=KEY.reveal(), base_url=upstream.url)


async def unlike(
    sdk: Callable[[elevenlabs.ElevenLabs], Any], ours: Script
) -> dict[str, tuple[Any, Any]]:
    """What differs from the SDK's call, besides what the SDK says of itself."""
    async with running(vendor) as upstream:
        call = adapter(upstream).request(ours, KEY, NOW)
        found = await against_sdk(upstream, lambda: list(sdk(client(upstream))), call)
    return {name: pair for name, pair in found.items() if not name.startswith(SDK_ABOUT_ITSELF)}


async def test_a_plain_call_is_the_one_that_the_sdk_makes() -> None:
    def sdk(client: elevenlabs.ElevenLabs) -> Any:
        return client.text_to_speech.stream(
            "voice0001",
            text=TEXT,
            model_id="eleven_multilingual_v2",
            output_format="pcm_24000",
        )

    assert await unlike(sdk, script()) == {}


async def test_a_call_with_all_options_is_the_one_that_the_sdk_makes() -> None:
    def sdk(client: elevenlabs.ElevenLabs) -> Any:
        return client.text_to_speech.stream(
            "voice0001",
            text=TEXT,
            model_id="eleven_flash_v2_5",
            output_format="mp3_44100_128",
            enable_logging=False,
            optimize_streaming_latency=3,
            language_code="de",
            voice_settings=VoiceSettings(speed=1.2, stability=0.4),
            pronunciation_dictionary_locators=[
                PronunciationDictionaryVersionLocator(
                    pronunciation_dictionary_id="d1", version_id="v1"
                )
            ],
            seed=7,
            previous_text="Before.",
            next_text="After.",
            apply_text_normalization="on",
        )

    flash = ElevenLabs().capabilities("eleven_flash_v2_5")
    ours = script(
        model="eleven_flash_v2_5",
        format=next(one for one in flash.formats if one.name == "mp3_44100_128"),
        no_logging=True,
        low_latency=True,
        language="de-AT",
        speed=1.2,
        dictionaries=(DictionaryLocator("d1", "v1"),),
        previous_text="Before.",
        next_text="After.",
        extra={
            "seed": 7,
            "apply_text_normalization": "on",
            "voice_settings": {"stability": 0.4},
        },
    )
    assert await unlike(sdk, ours) == {}


async def test_a_call_with_timestamps_is_the_one_that_the_sdk_makes() -> None:
    def sdk(client: elevenlabs.ElevenLabs) -> Any:
        return client.text_to_speech.stream_with_timestamps(
            "voice0001",
            text=TEXT,
            model_id="eleven_multilingual_v2",
            output_format="pcm_24000",
        )

    assert await unlike(sdk, script(timestamps=True)) == {}


@pytest.mark.parametrize("timestamps", [False, True])
async def test_a_dialogue_is_the_one_that_the_sdk_makes(timestamps: bool) -> None:
    def sdk(client: elevenlabs.ElevenLabs) -> Any:
        api = client.text_to_dialogue
        return (api.stream_with_timestamps if timestamps else api.stream)(
            inputs=[DialogueInput(text=turn.text, voice_id=turn.voice) for turn in DIALOGUE],
            model_id="eleven_v3",
            output_format="pcm_24000",
            language_code="de",
            settings=ToDialogueSettingsResponseModel(stability=0.5),
            seed=7,
        )

    ours = script(
        model="eleven_v3",
        turns=DIALOGUE,
        timestamps=timestamps,
        language="de",
        extra={
            "seed": 7,
            "voice_settings": {"stability": 0.5, "style": 0.1},
            "apply_language_text_normalization": True,
        },
    )
    assert await unlike(sdk, ours) == {}


async def test_the_list_of_voices_is_the_one_that_the_sdk_asks_for() -> None:
    async with running(vendor) as upstream:
        call = adapter(upstream).voices_call(KEY, "100", NOW)
        found = await against_sdk(
            upstream,
            lambda: client(upstream).voices.search(
                page_size=100, next_page_token="100", include_total_count=False
            ),
            call,
        )
    assert {name for name in found if not name.startswith(SDK_ABOUT_ITSELF)} <= {
        "header content-type"  # of a body that is not there
    }


async def test_the_language_is_not_told_to_a_model_that_hears_it_itself() -> None:
    call = ElevenLabs().request(script(language="de"), KEY, NOW)
    assert "language_code" not in json.loads(call.body)


async def test_a_voice_is_escaped() -> None:
    call = ElevenLabs().request(script(turns=(Turn("Hi.", "a/b?c"),)), KEY, NOW)
    assert "/v1/text-to-speech/a%2Fb%3Fc/stream?" in call.url


@pytest.mark.parametrize("cut", [1, 3, 4096])
@pytest.mark.parametrize("timestamps", [False, True])
async def test_audio_is_whole_however_the_answer_is_cut(cut: int, timestamps: bool) -> None:
    async with running(vendor) as upstream:
        ours = script(timestamps=timestamps)
        audio, delivered = await spoken(adapter(upstream), ours, cut=cut)
    assert len(audio) == 2 * 24_000 * max(1, round(len(TEXT) * 0.06))
    assert delivered.request_id == "req_eleven"


@pytest.mark.parametrize("turns", [(Turn(LONG, "voice0001"),), DIALOGUE])
async def test_characters_are_timed(turns: tuple[Turn, ...]) -> None:
    async with running(vendor) as upstream:
        ours = script(model="eleven_v3", turns=turns, timestamps=True)
        _, delivered = await spoken(adapter(upstream), ours)
    assert delivered.alignment is not None and delivered.alignment.unit == "character"
    timings = delivered.alignment.timings
    assert [(t.start, t.end) for t in timings] == [(n, n + 1) for n in range(len(ours.text))]
    assert timings[-1].start_ms == round((len(ours.text) - 1) * 60)
    assert delivered.warnings == ()


def line(**fields: Any) -> bytes:
    return json.dumps({"audio_base64": "AAAA", "alignment": None} | fields).encode() + b"\n"


def timed(spoken_text: str) -> dict[str, Any]:
    times = [0.1 * n for n in range(len(spoken_text))]
    return {
        "characters": list(spoken_text),
        "character_start_times_seconds": times,
        "character_end_times_seconds": times,
    }


def read(body: bytes, text: str = "One. Two. [laughs]") -> Any:
    ours = script(turns=(Turn(text, "v"),), timestamps=True)
    reader = ElevenLabs().response(ours, Head(200, {}))
    reader.feed(body)
    return reader.finish()


def test_timings_that_end_early_are_told() -> None:
    warnings = read(line(alignment=timed("One. "))).warnings
    assert len(warnings) == 1 and "13 characters" in warnings[0]


def test_a_tag_at_the_end_that_is_not_spoken_is_not_missed() -> None:
    assert read(line(alignment=timed("One. Two."))).warnings == ()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (line()[:-9], "truncated"),
        (b"", "malformed"),
        (line(audio_base64="%"), "malformed"),
        (line(alignment={"characters": ["a"]}), "malformed"),
        (line(alignment=timed("a") | {"character_end_times_seconds": []}), "malformed"),
        (b'{"detail": {"status": "quota_exceeded", "message": "none left"}}\n', "quota"),
        (b'{"detail": {"status": "oops", "message": "it broke"}}\n', "server"),
    ],
)
def test_what_is_wrong_with_a_stream_is_told(body: bytes, kind: FaultKind) -> None:
    with pytest.raises(ProviderError) as caught:
        read(body)
    assert caught.value.kind == kind


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


async def test_when_to_call_again_is_understood() -> None:
    async with running(vendor) as upstream:
        upstream.faults = ["retry_after"]
        with pytest.raises(ProviderError) as caught:
            await spoken(adapter(upstream), script())
    assert (caught.value.kind, caught.value.retry_after_s) == ("rate_limited", 1)


@pytest.mark.parametrize(
    ("fault", "kind"), [("html", "server"), ("html_ok", "malformed"), ("empty", "malformed")]
)
@pytest.mark.parametrize("timestamps", [False, True])
async def test_what_is_no_answer_of_the_vendor_is_refused(
    fault: Any, kind: FaultKind, timestamps: bool
) -> None:
    async with running(vendor) as upstream:
        upstream.faults = [fault]
        with pytest.raises(ProviderError) as caught:
            await spoken(adapter(upstream), script(timestamps=timestamps))
    assert caught.value.kind == kind


async def test_what_the_vendor_says_of_a_wrong_field_is_shown() -> None:
    async with running(vendor) as upstream:
        with pytest.raises(ProviderError, match="Field required"):
            await spoken(adapter(upstream), script(turns=(Turn("", "voice0001"),)))


async def test_every_model_is_called_as_the_vendor_takes_it() -> None:
    async with running(vendor) as upstream:
        provider = adapter(upstream)
        for model, able in provider.models.items():
            ours = script(
                model=model,
                speed=able.speed[1] if able.speed else 1.0,
                low_latency=able.low_latency,
                previous_text="Before." if able.context else "",
                turns=DIALOGUE if able.speakers > 1 else (Turn(TEXT, "voice0001"),),
                timestamps=able.timestamps is not None,
            )
            audio, _ = await spoken(provider, ours)
            assert audio, model


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
    assert (voices[1].language, voices[1].gender) == ("en", "female")
    assert (voices[0].language, voices[0].gender) == ("de-DE", None)


def test_a_list_of_voices_that_is_none_is_refused() -> None:
    with pytest.raises(ProviderError, match="no list of voices"):
        ElevenLabs().read_voices(b'{"detail": "no"}')


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ValueError, match=r"options\.region: unknown option"):
        ElevenLabs(Settings(options={"region": "eu"}))
