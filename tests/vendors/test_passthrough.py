"""A text that fits, in a format that the vendor has: its bytes are the caller's."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from pathlib import Path

import pytest

from scene_support import read_events
from stentor.audio.decode import decode
from stentor.audio.form import AudioForm
from stentor.audio.probe import probe
from stentor.contract import STREAM_FORMATS, ResponseFormat
from support import JOBS
from upstream import openai
from upstream.faults import at_random
from upstream.openai import OwnServer
from upstream.sound import Tones
from upstream.values import Answer, Received, Sound
from vendors_support import MODELS, NARRATOR, open_door

TEXT = "The herald had the voice of fifty men."
RATES: dict[str, int] = {"pcm": 24_000, "ulaw": 8_000, "alaw": 8_000}


async def test_the_bytes_are_the_vendors_own(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        result = await door.result(input=TEXT)
        audio = await door.audio(result)
        assert audio == Tones().clip(AudioForm("mp3"), TEXT)
        assert base64.b64decode(result["audio"]) == audio
        assert result["sha256"] == hashlib.sha256(audio).hexdigest()
        assert result["size_bytes"] == len(audio)
        assert result["duration_seconds"] == pytest.approx(round(len(TEXT) * 0.06), abs=0.1)
        [call] = door.said("openai")
        assert call.json() == {
            "model": "tts-1",
            "input": TEXT,
            "voice": "onyx",
            "response_format": "mp3",
        }


@pytest.mark.parametrize("response_format", STREAM_FORMATS)
@pytest.mark.parametrize("vendor", ["openai", "elevenlabs", "deepgram", "gemini"])
async def test_whoever_answers_the_bytes_are_what_was_asked_for(
    tmp_path: Path, vendor: str, response_format: ResponseFormat
) -> None:
    async with open_door(tmp_path, [vendor]) as door:
        result = await door.result(
            model=MODELS[vendor], input=TEXT, response_format=response_format
        )
        file = tmp_path / "audio"
        file.write_bytes(await door.audio(result))
    facts = probe(file, AudioForm(response_format, RATES.get(response_format)))
    assert facts.misfits(response_format) == ()
    assert facts.sample_rate == result["sample_rate"]
    assert facts.duration_seconds == pytest.approx(result["duration_seconds"], abs=0.06)


async def test_the_audio_can_be_heard_while_the_vendor_still_speaks(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        vendor = door.vendors["openai"]
        vendor.faults, vendor.pieces, vendor.pace_s = ["slow"], 40, 0.02
        body = {"model": MODELS["openai"], "voice": "narrator", "input": TEXT}
        path = (await door.client.post(JOBS, json=body)).headers["location"]
        heard = b""
        sent_at_first_byte = 0
        async with door.client.stream("GET", f"{path}/audio") as stream:
            async for data in stream.aiter_bytes():
                sent_at_first_byte = sent_at_first_byte or vendor.sent
                heard += data
    whole = Tones().clip(AudioForm("mp3"), TEXT)
    assert heard == whole
    assert sent_at_first_byte < len(whole)


async def test_a_broken_answer_is_spoken_anew_and_a_listener_is_told(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        vendor = door.vendors["openai"]
        vendor.faults = ["truncated"]
        job = await door.speak(input=TEXT)
        assert [one["outcome"] for one in job["result"]["extra_fields"]["attempts"]] == [
            "truncated",
            "ok",
        ]
        assert await door.audio(job["result"]) == Tones().clip(AudioForm("mp3"), TEXT)
        events = (await door.client.get(f"{JOBS}/{job['id']}/events")).text
    assert f'"generation":{job["result"]["extra_fields"]["generation"]}' in events


async def test_audio_that_is_not_what_it_is_called_becomes_what_it_is_called(
    tmp_path: Path,
) -> None:
    server = OwnServer(only="wav")
    async with open_door(tmp_path, [], own={"box": server}) as door:
        result = await door.result(model="box/kokoro", voice="af", input=TEXT)
        audio = await door.audio(result)
    assert audio[:3] == b"ID3" or audio[0] == 0xFF
    assert decode_bytes(tmp_path, audio, "mp3") == pytest.approx(2.0, abs=0.1)


async def test_a_speed_that_the_model_has_not_is_made_here(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        usual = await door.result(model=MODELS["elevenlabs"], input=TEXT * 5)
        fast = await door.result(model=MODELS["elevenlabs"], input=TEXT * 5, speed=4.0)
        settings = door.said("elevenlabs")[-1].json()["voice_settings"]
    assert settings["speed"] == 1.2
    # The local vendor takes no notice of a speed: what is left for here is 4.0 / 1.2.
    assert fast["duration_seconds"] == pytest.approx(
        usual["duration_seconds"] / (4.0 / 1.2), rel=0.1
    )


async def test_the_same_text_is_paid_once(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        first = await door.result(input=TEXT)
        again = await door.result(input=TEXT)
        private = await door.result(input=TEXT, enable_logging=False)
        assert len(door.said("openai")) == 2
    assert again["sha256"] == first["sha256"]
    assert first["usage"]["cost"] > 0
    assert "cost" not in again["usage"]
    assert [one["outcome"] for one in again["extra_fields"]["attempts"]] == ["cached"]
    assert [one["outcome"] for one in private["extra_fields"]["attempts"]] == ["ok"]


async def test_two_identical_jobs_at_once_are_paid_once(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        results = await asyncio.gather(*(door.result(input=TEXT) for _ in range(5)))
        assert len(door.said("openai")) == 1
    assert len({one["sha256"] for one in results}) == 1
    assert sum(one["usage"].get("cost", 0) for one in results) == pytest.approx(
        len(TEXT) * 15 / 1e6
    )


async def test_own_fields_go_to_the_vendor_and_what_it_does_not_know_is_told(
    tmp_path: Path,
) -> None:
    async with open_door(tmp_path) as door:
        result = await door.result(
            model=MODELS["elevenlabs"],
            input=TEXT,
            seed=7,
            unheard_of=True,
            instructions="Sadly.",
            optimize_streaming_latency=True,
        )
        [call] = door.said("elevenlabs")
    assert call.json()["seed"] == 7
    assert "unheard_of" not in call.json()
    assert result["extra_fields"]["ignored_params"] == ["instructions", "unheard_of"]
    assert dict(call.query)["optimize_streaming_latency"]


async def test_a_client_that_cancels_stops_the_vendor(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        vendor = door.vendors["openai"]
        vendor.faults, vendor.pieces, vendor.pace_s = ["slow"], 1000, 0.05
        body = {"model": MODELS["openai"], "voice": "narrator", "input": TEXT}
        path = (await door.client.post(JOBS, json=body)).headers["location"]
        await vendor.until(lambda: vendor.answered["POST", 200] == 1)
        assert (await door.client.delete(path)).status_code == 200
        await vendor.until(lambda: vendor.abandoned == 1)
        job = (await door.client.get(path)).json()
    assert (job["status"], job["status_code"]) == ("failed", 499)
    assert not list((tmp_path / "data" / "spool").iterdir())


async def test_many_faults_and_every_job_has_audio_or_a_reason(tmp_path: Path) -> None:
    async with open_door(tmp_path, list(MODELS), patience=1) as door:
        for number, vendor in enumerate(door.vendors.values()):
            vendor.faults = at_random(0.25, number)
        names = list(MODELS.values())
        jobs = await asyncio.gather(
            *(
                door.speak(
                    model=names[n % 4],
                    fallbacks=names[:2],
                    input=f"{TEXT} {n}",
                    response_format=STREAM_FORMATS[n % 6],
                )
                for n in range(60)
            )
        )
    for job in jobs:
        if job["status"] == "completed":
            assert job["result"]["duration_seconds"] > 1, job
            cost = sum(a.get("cost", 0) for a in job["result"]["extra_fields"]["attempts"])
            assert job["result"]["usage"].get("cost", 0) == pytest.approx(cost)
        else:
            assert job["error"]["error"]["message"] and job["error"]["extra_fields"]["attempts"]
    assert sum(job["status"] == "completed" for job in jobs) > 50


def decode_bytes(folder: Path, audio: bytes, encoding: ResponseFormat) -> float:
    """How long the audio is, in seconds."""
    file = folder / "decoded"
    file.write_bytes(audio)
    return decode(file, AudioForm(encoding)).pcm.duration_seconds


def test_the_narrator_is_known_at_every_vendor() -> None:
    assert all(f"{vendor} = " in NARRATOR for vendor in MODELS)


async def test_a_listener_of_a_broken_answer_is_told_to_begin_anew(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        vendor = door.vendors["openai"]
        vendor.faults, vendor.pieces, vendor.pace_s = ["stall_middle", "slow"], 10, 0.02
        body = {"model": MODELS["openai"], "voice": "narrator", "input": TEXT}
        path = (await door.client.post(JOBS, json=body)).headers["location"]
        names, audio = [], b""
        async with door.client.stream("GET", f"{path}/events") as stream:
            async for event in read_events(stream.aiter_lines()):
                names.append(event.name)
                if event.name == "job.restarted":
                    audio = b""
                if event.name == "speech.audio.delta":
                    assert event.data["offset"] == len(audio)
                    audio += event.audio
                if event.name == "speech.audio.delta" and len(vendor.received) == 1:
                    # The vendor stands still, and is called again.
                    for connection in list(vendor.connections):
                        connection.hang_up()
    assert "job.restarted" in names
    assert names[-1] == "job.completed"
    assert audio == Tones().clip(AudioForm("mp3"), TEXT)


@pytest.mark.parametrize("response_format", ["wav", "flac"])
async def test_a_length_that_comes_late_breaks_no_listener_off(
    tmp_path: Path, response_format: ResponseFormat
) -> None:
    class Streamed:
        def answer(self, received: Received, sound: Sound) -> Answer | None:
            answered = openai.answer(received, sound)
            assert answered is not None
            [clip] = answered.parts
            whole = bytearray(clip)
            if response_format == "wav":
                at = whole.index(b"data") + 4
                whole[4:8] = whole[at : at + 4] = b"\xff" * 4
            else:
                whole[21:26] = bytes([whole[21] & 0xF0, 0, 0, 0, 0])
            return Answer(200, answered.headers, [bytes(whole)])

        refuse = staticmethod(openai.refuse)

    async with open_door(tmp_path) as door:
        vendor = door.vendors["openai"]
        vendor._vendor = Streamed()  # type: ignore[assignment]
        vendor.faults, vendor.pieces, vendor.pace_s = ["slow"], 20, 0.02
        body = {
            "model": MODELS["openai"],
            "voice": "narrator",
            "input": TEXT,
            "response_format": response_format,
        }
        path = (await door.client.post(JOBS, json=body)).headers["location"]
        heard = (await door.client.get(f"{path}/audio")).content
        job = (await door.client.get(f"{path}?wait=10")).json()
        audio = await door.audio(job["result"])
    assert heard[64:] == audio[64:]
    file = tmp_path / "audio"
    file.write_bytes(audio)
    assert probe(file, AudioForm(response_format)).misfits(response_format) == ()


async def test_timings_follow_a_speed_that_is_made_here(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        usual = await door.result(model=MODELS["elevenlabs"], input=TEXT, with_timestamps=True)
        slow = await door.result(
            model=MODELS["elevenlabs"], input=TEXT, with_timestamps=True, speed=0.35
        )
    # 0.7 is the vendor's slowest, of which its local stand-in takes no notice: 0.35 / 0.7.
    for one, other in zip(usual["words"], slow["words"], strict=True):
        assert other["start_ms"] == pytest.approx(2 * one["start_ms"], abs=30)


async def test_who_waits_for_a_call_that_is_called_off_makes_it(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        vendor = door.vendors["openai"]
        vendor.faults, vendor.pieces, vendor.pace_s = ["slow", None], 1000, 0.05
        body = {"model": MODELS["openai"], "voice": "narrator", "input": TEXT}
        first = (await door.client.post(JOBS, json=body)).headers["location"]
        await vendor.until(lambda: vendor.answered["POST", 200] == 1)
        second = (await door.client.post(JOBS, json=body)).headers["location"]
        await door.client.delete(first)
        job = (await door.client.get(f"{second}?wait=10")).json()
    assert job["status"] == "completed"
    assert [one["outcome"] for one in job["result"]["extra_fields"]["attempts"]] == ["ok"]
    assert job["result"]["usage"]["cost"] == pytest.approx(len(TEXT) * 15 / 1e6)


async def test_who_waits_for_a_call_that_fails_tries_for_oneself(tmp_path: Path) -> None:
    async with open_door(tmp_path, options={"openai": "retries = 0"}) as door:
        vendor = door.vendors["openai"]
        vendor.faults, vendor.pieces, vendor.pace_s = ["invalid"], 10, 0.01
        jobs = await asyncio.gather(door.speak(input=TEXT), door.speak(input=TEXT))
    assert sorted(job["status"] for job in jobs) == ["completed", "failed"]
    assert all(
        (job["result"] or {}).get("extra_fields", {}).get("attempts")
        or job["error"]["extra_fields"]["attempts"]
        for job in ({"result": None, "error": None} | job for job in jobs)
    )


async def test_a_cancelled_job_tells_what_was_tried(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        vendor = door.vendors["openai"]
        vendor.faults, vendor.pieces, vendor.pace_s = ["truncated", "slow"], 1000, 0.05
        body = {"model": MODELS["openai"], "voice": "narrator", "input": TEXT}
        path = (await door.client.post(JOBS, json=body)).headers["location"]
        await vendor.until(lambda: vendor.answered["POST", 200] == 2)
        await door.client.delete(path)
        job = (await door.client.get(path)).json()
    [attempt] = job["error"]["extra_fields"]["attempts"]
    assert attempt["outcome"] == "truncated"
    assert attempt["cost"] > 0
