"""Synchronous calls over vendors, as the official OpenAI client makes them."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import anyio
import httpx
import numpy as np
import openai
import pytest
from openai import AsyncOpenAI

from stentor.audio.decode import decode
from stentor.audio.form import AudioForm
from stentor.audio.probe import probe
from stentor.contract import SPEECH_PATH, STREAM_FORMATS, ResponseFormat
from support import JOBS
from upstream import openai as openai_vendor
from upstream.openai import OwnServer
from upstream.sound import Tones, encoded
from upstream.values import Answer, Received, Sound
from vendors_support import MODELS, Door, open_door

TEXT = "The herald had the voice of fifty men."
MP3 = Tones().clip(AudioForm("mp3"), TEXT)
BODY = {"model": MODELS["openai"], "voice": "narrator", "input": TEXT}
NO_RETRIES = {"openai": "retries = 0"}


@asynccontextmanager
async def client_of(door: Door, key: str = "any", retries: int = 0) -> AsyncIterator[AsyncOpenAI]:
    """The official client, to which only the address is told."""
    url = f"http://127.0.0.1:{door.scene.port}/v1"
    async with AsyncOpenAI(base_url=url, api_key=key, max_retries=retries) as client:
        yield client


async def events_of(client: AsyncOpenAI) -> AsyncIterator[dict[str, Any]]:
    """The events of a call, by the client's own decoder."""
    stream = await client.post(
        "/audio/speech",
        body=BODY | {"stream_format": "sse"},
        cast_to=cast("type[httpx.Response]", object),
        stream=True,
        stream_cls=openai.AsyncStream[Any],
    )
    async for event in stream:
        yield event


def slowly(door: Door, pieces: int = 40, pace_s: float = 0.02) -> None:
    """Let the vendor take its time over the next answer."""
    vendor = door.vendors["openai"]
    vendor.faults, vendor.pieces, vendor.pace_s = ["slow"], pieces, pace_s


async def test_the_official_client_gets_the_vendors_own_bytes(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door, client_of(door) as client:
        answer = await client.audio.speech.create(
            model=MODELS["openai"], voice="onyx", input=TEXT, stream_format="audio"
        )
        [call] = door.said("openai")
    assert answer.content == MP3
    assert answer.response.headers["content-type"] == "audio/mpeg"
    assert call.json()["voice"] == "onyx"


async def test_the_answer_begins_before_the_vendor_has_finished(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door, client_of(door) as client:
        slowly(door)
        heard, sent_at_first_byte = b"", 0
        async with client.audio.speech.with_streaming_response.create(
            model=MODELS["openai"], voice="onyx", input=TEXT
        ) as answer:
            assert answer.headers["x-accel-buffering"] == "no"
            assert answer.headers["cache-control"] == "no-store"
            async for data in answer.iter_bytes():
                sent_at_first_byte = sent_at_first_byte or door.vendors["openai"].sent
                heard += data
    assert heard == MP3
    assert 0 < sent_at_first_byte < len(MP3) / 2


async def test_events_carry_the_audio_and_end_with_its_usage(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door, client_of(door) as client:
        slowly(door)
        events = [event async for event in events_of(client)]
    *deltas, done = events
    assert {one["type"] for one in deltas} == {"speech.audio.delta"}
    assert len(deltas) > 1
    assert b"".join(base64.b64decode(one["audio"]) for one in deltas) == MP3
    assert done["type"] == "speech.audio.done"
    assert done["usage"]["input_chars"] == len(TEXT)
    assert done["result"]["extra_fields"]["model_used"] == MODELS["openai"]
    assert "audio" not in done["result"]


@pytest.mark.parametrize("response_format", STREAM_FORMATS)
@pytest.mark.parametrize("vendor", ["openai", "elevenlabs", "deepgram", "gemini"])
async def test_whoever_answers_the_bytes_are_what_was_asked_for(
    tmp_path: Path, vendor: str, response_format: ResponseFormat
) -> None:
    async with open_door(tmp_path, [vendor]) as door:
        body = BODY | {"model": MODELS[vendor], "response_format": response_format}
        answer = await door.client.post(SPEECH_PATH, json=body)
        assert answer.status_code == 200, answer.text
        file = tmp_path / "audio"
        file.write_bytes(answer.content)
    rates = {"pcm": 24_000, "ulaw": 8_000, "alaw": 8_000}
    form = AudioForm(response_format, rates.get(response_format))
    assert probe(file, form).encoding == response_format
    assert decode(file, form).pcm.duration_seconds > 1.9


async def test_audio_that_is_not_what_it_is_called_becomes_that_before_it_leaves(
    tmp_path: Path,
) -> None:
    async with open_door(tmp_path, [], own={"box": OwnServer(only="wav")}) as door:
        door.vendors["box"].cut = 1000
        body = BODY | {"model": "box/kokoro", "voice": "af"}
        answer = await door.client.post(SPEECH_PATH, json=body)
    file = tmp_path / "audio"
    file.write_bytes(answer.content)
    assert answer.headers["content-type"] == "audio/mpeg"
    assert probe(file, AudioForm("mp3")).encoding == "mp3"


@dataclass(frozen=True)
class Box:
    """A server that answers with these bytes, whatever it is asked for."""

    data: bytes

    def answer(self, received: Received, sound: Sound) -> Answer | None:
        return Answer(headers={"content-type": "audio/mpeg"}, parts=[self.data])

    refuse = staticmethod(openai_vendor.refuse)


async def test_what_only_the_form_is_wrong_of_is_put_right_before_it_leaves(tmp_path: Path) -> None:
    mono = Tones().clip(AudioForm("wav"), TEXT)
    samples = np.frombuffer(mono[44:], np.int16)
    stereo = encoded(np.stack([samples, samples], axis=1), 24_000, "mp3")
    async with open_door(tmp_path, [], own={"box": Box(stereo)}) as door:
        door.vendors["box"].cut = 500
        answer = await door.client.post(
            SPEECH_PATH, json=BODY | {"model": "box/kokoro", "voice": "af"}
        )
    file = tmp_path / "audio"
    file.write_bytes(answer.content)
    assert probe(file, AudioForm("mp3")).channels == 1


async def test_a_fault_that_shows_after_the_first_byte_is_told_and_the_audio_is_whole(
    tmp_path: Path,
) -> None:
    odd = MP3 + b"no frame of audio" * 10
    async with open_door(tmp_path, [], own={"box": Box(odd)}) as door:
        vendor = door.vendors["box"]
        vendor.faults, vendor.pieces, vendor.pace_s = ["slow", "slow"], 20, 0.02
        body = BODY | {"model": "box/kokoro", "voice": "af"}
        answer = await door.client.post(SPEECH_PATH, json=body)
        events = await door.client.post(SPEECH_PATH, json=body | {"stream_format": "sse"})
    assert answer.content == odd
    done = json.loads(events.text.strip().rpartition("data: ")[2])
    [warning] = done["result"]["warnings"]
    assert "as the provider made it" in warning and "not frames of audio" in warning


async def test_timings_come_with_the_audio_in_one_result(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        body = BODY | {"model": MODELS["elevenlabs"], "with_timestamps": True}
        answer = await door.client.post(SPEECH_PATH, json=body)
    result = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert base64.b64decode(result["audio"]) == MP3
    assert result["size_bytes"] == len(MP3)
    assert "".join(result["alignment"]["characters"]) == TEXT
    assert [word["text"] for word in result["words"]][:2] == ["The", "herald"]


async def test_a_client_that_hangs_up_stops_the_vendor(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door, client_of(door) as client:
        slowly(door, pieces=1000, pace_s=0.05)
        async with client.audio.speech.with_streaming_response.create(
            model=MODELS["openai"], voice="onyx", input=TEXT
        ) as answer:
            await anext(answer.iter_bytes())
        await door.vendors["openai"].until(lambda: door.vendors["openai"].abandoned == 1)
    assert not list((tmp_path / "data" / "spool").iterdir())


async def test_a_client_that_hangs_up_before_the_first_byte_stops_the_vendor(
    tmp_path: Path,
) -> None:
    async with open_door(tmp_path) as door:
        vendor = door.vendors["openai"]
        vendor.faults = ["stall_before"]
        raw = await door.scene.connect()
        body = json.dumps(BODY).encode()
        raw.writer.write(
            b"POST %b HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n%b"
            % (SPEECH_PATH.encode(), len(body), body)
        )
        await vendor.until(lambda: vendor.requests["POST"] == 1)
        raw.close()
        await vendor.until(lambda: vendor.abandoned == 1)


async def test_a_failure_after_the_first_byte_cuts_and_nobody_else_is_asked(
    tmp_path: Path,
) -> None:
    async with open_door(tmp_path) as door:
        vendor = door.vendors["openai"]
        vendor.faults, vendor.pieces = ["stall_middle", None], 10
        body = BODY | {"fallbacks": [MODELS["elevenlabs"]]}
        heard = b""
        with pytest.raises(httpx.RemoteProtocolError):
            async with door.client.stream("POST", SPEECH_PATH, json=body) as stream:
                assert stream.status_code == 200
                async for data in stream.aiter_bytes():
                    heard += data
                    for connection in list(vendor.connections):
                        connection.hang_up()
        assert heard and MP3.startswith(heard)
        assert len(door.said("openai")) == 1
        assert not door.said("elevenlabs")


async def test_a_failure_after_the_first_event_is_an_event(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door, client_of(door) as client:
        vendor = door.vendors["openai"]
        vendor.faults, vendor.pieces = ["stall_middle"], 10
        heard = 0
        with pytest.raises(openai.APIError) as failed:
            async for event in events_of(client):
                heard += len(base64.b64decode(event["audio"]))
                for connection in list(vendor.connections):
                    connection.hang_up()
    assert 0 < heard < len(MP3)
    assert failed.value.code == "provider_truncated"
    assert "openai/tts-1" in failed.value.message


async def test_a_failure_before_the_first_byte_is_covered_by_the_fallback(tmp_path: Path) -> None:
    async with open_door(tmp_path, options=NO_RETRIES) as door:
        door.vendors["openai"].faults = ["server"]
        body = BODY | {"fallbacks": [MODELS["elevenlabs"]]}
        answer = await door.client.post(SPEECH_PATH, json=body)
        assert len(door.said("elevenlabs")) == 1
    assert (answer.status_code, answer.content) == (200, MP3)


async def test_a_refusal_is_the_clients_typed_exception(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door, client_of(door) as client:
        speak = client.audio.speech.create
        with pytest.raises(openai.BadRequestError) as bad:
            await speak(model="nobody/nothing", voice="onyx", input=TEXT)
        assert (bad.value.param, bad.value.code) == ("model", "unknown_model")
        assert bad.value.type == "invalid_request_error"
        with pytest.raises(openai.NotFoundError) as missing:
            locators = [{"pronunciation_dictionary_id": f"pd_{'0' * 32}"}]
            await speak(
                model=MODELS["openai"],
                voice="onyx",
                input=TEXT,
                extra_body={"pronunciation_dictionary_locators": locators},
            )
        assert missing.value.code == "dictionary_not_found"
        door.vendors["openai"].faults = ["invalid"]
        with pytest.raises(openai.BadRequestError) as refused:
            await speak(model=MODELS["openai"], voice="onyx", input=TEXT)
        assert refused.value.code == "provider_invalid"
        assert cast("dict[str, Any]", refused.value.response.json())["is_bifrost_error"] is False


async def test_a_call_without_a_known_key_is_an_authentication_error(tmp_path: Path) -> None:
    keys = '[keys.ann]\nvalue = "sk-ann-0123456789"'
    async with open_door(tmp_path, more=keys) as door:
        async with client_of(door, key="sk-other") as client:
            with pytest.raises(openai.AuthenticationError) as failed:
                await client.audio.speech.create(model=MODELS["openai"], voice="onyx", input=TEXT)
        assert failed.value.code == "invalid_api_key"
        async with client_of(door, key="sk-ann-0123456789") as client:
            answer = await client.audio.speech.create(
                model=MODELS["openai"], voice="onyx", input=TEXT
            )
        assert answer.content == MP3


async def test_the_client_waits_as_long_as_the_vendor_asks_before_it_tries_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_door(tmp_path, options=NO_RETRIES) as door:
        door.vendors["openai"].faults = ["rate_limited"]
        async with client_of(door) as client:
            with pytest.raises(openai.RateLimitError) as failed:
                await client.audio.speech.create(model=MODELS["openai"], voice="onyx", input=TEXT)
            assert failed.value.response.headers["retry-after"] == "1"
            assert failed.value.code == "provider_rate_limited"
        waited: list[float] = []

        async def wait(seconds: float) -> None:
            waited.append(seconds)

        monkeypatch.setattr(anyio, "sleep", wait)
        door.vendors["openai"].faults = ["rate_limited"]
        async with client_of(door, retries=1) as client:
            answer = await client.audio.speech.create(
                model=MODELS["openai"], voice="onyx", input=TEXT
            )
    assert answer.content == MP3
    assert waited == [1.0]


@pytest.mark.parametrize(
    "headers",
    [{"x-bf-async": "true"}, {"Prefer": "respond-async"}],
    ids=lambda one: next(iter(one)),
)
async def test_a_call_becomes_a_job_when_it_asks_to(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    async with open_door(tmp_path) as door:
        answer = await door.client.post(SPEECH_PATH, json=BODY, headers=headers)
        assert answer.status_code == 202
        assert answer.headers["location"] == f"{JOBS}/{answer.json()['id']}"
        job = (await door.client.get(f"{answer.headers['location']}?wait=30")).json()
    assert base64.b64decode(job["result"]["audio"]) == MP3


async def test_a_text_above_the_limit_becomes_a_job(tmp_path: Path) -> None:
    limit = f"[server]\nsync_max_chars = {len(TEXT)}"
    async with open_door(tmp_path, more=limit) as door:
        short = await door.client.post(SPEECH_PATH, json=BODY)
        long = await door.client.post(SPEECH_PATH, json=BODY | {"input": f"{TEXT}!"})
        await door.client.get(f"{long.headers['location']}?wait=30")
    assert (short.status_code, long.status_code) == (200, 202)
