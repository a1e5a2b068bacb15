"""ElevenLabs' own SDK in front of this server, and vendors behind it."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from elevenlabs.client import AsyncElevenLabs
from elevenlabs.core.api_error import ApiError
from elevenlabs.types import VoiceSettings

from stentor.audio.decode import decode
from stentor.audio.form import AudioForm
from upstream.sound import SECONDS_PER_CHARACTER, Tones
from vendors_support import MODELS as MODEL_OF
from vendors_support import Door, open_door

TEXT = "The herald had the voice of fifty men."
TONE_HZ = 220
VOICES = """
[voices."21m00Tcm4TlvDq8ikWAM"]
piper = "joe"
"""
MODELS = """
[models]
eleven_multilingual_v2 = "openai/tts-1"
"""


@asynccontextmanager
async def sdk(door: Door) -> AsyncIterator[AsyncElevenLabs]:
    """The SDK as its own documentation has it, but for the address."""
    async with httpx.AsyncClient(timeout=30) as client:
        yield AsyncElevenLabs(
            base_url=f"http://127.0.0.1:{door.scene.port}/elevenlabs",
            api_key="any",
            httpx_client=client,
        )


async def spoken(client: AsyncElevenLabs, voice: str = "voice0001", **options: Any) -> bytes:
    pieces = client.text_to_speech.convert(voice, **({"text": TEXT} | options))
    return b"".join([piece async for piece in pieces])


async def test_a_vendor_that_is_elevenlabs_is_asked_what_the_sdk_asked(tmp_path: Path) -> None:
    async with open_door(tmp_path, ["elevenlabs"]) as door, sdk(door) as client:
        audio = await spoken(
            client,
            model_id="eleven_flash_v2_5",
            output_format="mp3_44100_128",
            language_code="de",
            voice_settings=VoiceSettings(stability=0.5, style=0.1, speed=1.1),
            seed=7,
            previous_text="Before.",
            next_text="After.",
            apply_text_normalization="on",
            optimize_streaming_latency=1,
            enable_logging=False,
        )
        [call] = door.said("elevenlabs")
    assert audio == Tones().clip(AudioForm("mp3"), TEXT)
    assert call.path == "/v1/text-to-speech/voice0001/stream"
    assert call.json() == {
        "text": TEXT,
        "model_id": "eleven_flash_v2_5",
        "language_code": "de",
        "voice_settings": {"speed": 1.1, "stability": 0.5, "style": 0.1},
        "seed": 7,
        "previous_text": "Before.",
        "next_text": "After.",
        "apply_text_normalization": "on",
    }
    assert dict(call.query) == {
        "output_format": "mp3_44100_128",
        "enable_logging": "false",
        "optimize_streaming_latency": "3",
    }


async def test_a_break_in_the_text_is_a_pause_whoever_speaks(tmp_path: Path) -> None:
    text = 'The herald spoke. <break time="1.5s" /> He left; 2 < 3.'
    async with open_door(tmp_path) as door:
        answers = [
            await door.client.post(
                f"/elevenlabs/v1/text-to-speech/narrator/with-timestamps?output_format=pcm_{rate}",
                json={"text": text, "model_id": model},
            )
            for model, rate in [(MODEL_OF["elevenlabs"], 24_000), ("piper/en_US-joe-medium", 8_000)]
        ]
        said = [one.json()["text"] for one in door.said("elevenlabs")]
    assert sorted(said) == ["He left; 2 < 3.", "The herald spoke."]
    for answer in answers:
        alignment = answer.json()["alignment"]
        assert "".join(alignment["characters"]) == text
        times = alignment["character_end_times_seconds"]
        assert times[text.index("He") + 1] - times[text.index("spoke") + 4] > 1.2
        assert "break" not in "".join(answer.json()["normalized_alignment"]["characters"])


async def test_what_stands_around_a_text_stands_around_all_of_its_parts(tmp_path: Path) -> None:
    options = {"elevenlabs": "max_segment_chars = 40"}
    async with (
        open_door(tmp_path, ["elevenlabs"], options=options) as door,
        sdk(door) as client,
    ):
        await spoken(client, text="One. " + TEXT, previous_text="Before.", next_text="After.")
        bodies = {one.json()["text"]: one.json() for one in door.said("elevenlabs")}
    first, last = bodies["One."], bodies[TEXT]
    assert (first["previous_text"], first["next_text"]) == ("Before.", TEXT)
    assert (last["previous_text"], last["next_text"]) == ("One.", "After.")


@pytest.mark.parametrize(
    ("voice", "model"),
    [
        ("voice0001", "elevenlabs/eleven_multilingual_v2"),
        # Only ElevenLabs may know it.
        ("JBFqnCBsd6RMkjVDRZzb", "elevenlabs/eleven_multilingual_v2"),
        ("joe", "piper/en_US-joe-medium"),
        ("Kore", "gemini/gemini-3.8-flash-tts"),
        ("narrator", "elevenlabs/eleven_multilingual_v2"),
        ("21m00Tcm4TlvDq8ikWAM", "piper/en_US-joe-medium"),
    ],
)
async def test_who_speaks_is_who_has_the_voice(tmp_path: Path, voice: str, model: str) -> None:
    async with open_door(tmp_path, ["elevenlabs", "gemini"], more=VOICES) as door:
        answer = await door.client.post(
            f"/elevenlabs/v1/text-to-speech/{voice}", json={"text": TEXT}
        )
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-stentor-model"] == model


@pytest.mark.parametrize(
    "path", ["", "?output_format=pcm_16000", "/with-timestamps", "/stream/with-timestamps"]
)
async def test_where_another_model_stands_in_the_answer_says_so(tmp_path: Path, path: str) -> None:
    async with open_door(tmp_path, ["elevenlabs"], options={"elevenlabs": "retries = 0"}) as door:
        door.vendors["elevenlabs"].faults = ["server"]
        body = {"text": TEXT, "model_id": "eleven_v3", "fallbacks": ["piper/en_US-joe-medium"]}
        answer = await door.client.post(f"/elevenlabs/v1/text-to-speech/narrator{path}", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-stentor-model"] == "piper/en_US-joe-medium"


async def test_the_vendor_that_stands_in_for_another_is_told_of_a_passed_on_answer(
    tmp_path: Path,
) -> None:
    async with open_door(tmp_path, options={"openai": "retries = 0"}) as door:
        door.vendors["openai"].faults = ["server"]
        body = {"text": TEXT, "model_id": MODEL_OF["openai"], "fallbacks": [MODEL_OF["elevenlabs"]]}
        answer = await door.client.post("/elevenlabs/v1/text-to-speech/narrator", json=body)
    assert answer.headers["x-stentor-model"] == MODEL_OF["elevenlabs"]


@pytest.mark.parametrize("path", ["", "?output_format=pcm_16000"])
async def test_a_models_name_is_never_more_than_one_header(tmp_path: Path, path: str) -> None:
    async with open_door(tmp_path, ["openai"]) as door:
        answer = await door.client.post(
            f"/elevenlabs/v1/text-to-speech/onyx{path}",
            json={"text": TEXT, "model_id": "openai/tts\r\nx-other: 1 ü€"},
        )
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-stentor-model"] == "openai/tts%0D%0Ax-other:%201%20%C3%BC%E2%82%AC"
    assert "x-other" not in answer.headers


async def test_an_alias_that_is_called_as_elevenlabs_model_stands_for_it(tmp_path: Path) -> None:
    async with (
        open_door(tmp_path, ["elevenlabs", "openai"], more=MODELS) as door,
        sdk(door) as client,
    ):
        await spoken(client, "onyx", model_id="eleven_multilingual_v2")
        assert len(door.said("openai")) == 1
        assert door.said("elevenlabs") == []


@pytest.mark.parametrize("vendor", ["openai", "elevenlabs"])
@pytest.mark.parametrize("codec", ["pcm", "wav"])
@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
async def test_whoever_speaks_the_samples_have_the_rate_that_was_asked_for(
    tmp_path: Path, vendor: str, codec: str, rate: int
) -> None:
    async with open_door(tmp_path, [vendor]) as door, sdk(door) as client:
        audio = await spoken(
            client,
            "narrator",
            model_id="openai/tts-1" if vendor == "openai" else "eleven_flash_v2_5",
            output_format=f"{codec}_{rate}",
        )
    file = tmp_path / "audio"
    file.write_bytes(audio)
    pcm = decode(file, AudioForm(codec, rate)).pcm  # type: ignore[arg-type]
    assert pcm.sample_rate == rate
    heard = np.abs(np.fft.rfft(pcm.samples))
    assert np.argmax(heard) / pcm.duration_seconds == pytest.approx(TONE_HZ, abs=1)
    assert pcm.duration_seconds == pytest.approx(round(len(TEXT) * SECONDS_PER_CHARACTER), abs=0.1)


async def test_the_vendors_timings_are_passed_on_in_seconds(tmp_path: Path) -> None:
    async with open_door(tmp_path, ["elevenlabs"]) as door, sdk(door) as client:
        timed = await client.text_to_speech.convert_with_timestamps("voice0001", text=TEXT)
        audio, characters, ends = b"", "", []
        async for chunk in client.text_to_speech.stream_with_timestamps("voice0001", text=TEXT):
            audio += base64.b64decode(chunk.audio_base_64)
            if chunk.alignment is not None:
                characters += "".join(chunk.alignment.characters)
                ends += chunk.alignment.character_end_times_seconds
    assert audio == base64.b64decode(timed.audio_base_64) == Tones().clip(AudioForm("mp3"), TEXT)
    assert timed.alignment is not None
    assert characters == "".join(timed.alignment.characters) == TEXT
    assert ends == timed.alignment.character_end_times_seconds
    assert ends == pytest.approx([0.06 * (n + 1) for n in range(len(TEXT))], abs=0.002)


async def test_a_vendors_refusal_is_told_in_elevenlabs_shape(tmp_path: Path) -> None:
    async with open_door(tmp_path, ["elevenlabs"]) as door, sdk(door) as client:
        with pytest.raises(ApiError) as raised:
            await spoken(client, "nobody")
    assert raised.value.status_code == 400
    assert "voice" in raised.value.body["detail"]["message"]


async def test_audio_that_breaks_off_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    options = {"elevenlabs": "retries = 0"}
    async with (
        open_door(tmp_path, ["elevenlabs"], options=options) as door,
        sdk(door) as client,
    ):
        vendor = door.vendors["elevenlabs"]
        vendor.faults = ["truncated_chunked"]
        with pytest.raises((httpx.RemoteProtocolError, ApiError)):
            await spoken(client)


async def test_the_voices_of_the_account_are_listed_with_those_of_this_machine(
    tmp_path: Path,
) -> None:
    async with open_door(tmp_path, ["elevenlabs"], more=VOICES) as door, sdk(door) as client:
        listed = {one.voice_id: one for one in (await client.voices.get_all()).voices}
        assert {"joe", "voice0001", "narrator", "21m00Tcm4TlvDq8ikWAM"} <= listed.keys()
        assert listed["21m00Tcm4TlvDq8ikWAM"].high_quality_base_model_ids == [
            "piper/en_US-joe-medium"
        ]
        found: list[str] = []
        token = None
        while True:
            page = await client.voices.search(page_size=50, next_page_token=token)
            found += [one.voice_id for one in page.voices]
            if not page.has_more:
                break
            token = page.next_page_token
    assert found == list(listed)
