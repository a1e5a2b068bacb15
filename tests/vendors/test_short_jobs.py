"""Jobs that one short call answers go through memory, and are kept with their row."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from support import JOBS
from vendors_support import open_door

TEXT = "A short text, of which nothing needs a file."


def files(data_dir: Path) -> list[str]:
    """All that is kept besides the database."""
    folders = (data_dir / name for name in ("audio", "segments", "spool"))
    return [file.name for folder in folders for file in folder.iterdir()]


async def test_a_short_job_leaves_no_file_and_its_audio_is_whole(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        result = await door.result(input=TEXT)
        assert files(door.scene.gateway.config.data_dir) == []
        audio = await door.audio(result)
        assert len(audio) == result["size_bytes"]
        part = await door.client.get(result["audio_url"], headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, audio[10:20])
        job = (await door.client.get(result["audio_url"].removesuffix("/audio"))).json()
        assert job["progress"]["segments_done"] == job["progress"]["segments_total"] == 1
        assert job["progress"]["audio_seconds"] == result["duration_seconds"]


async def test_the_same_text_is_neither_asked_nor_paid_twice(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        first = await door.result(input=TEXT)
        again = await door.result(input=TEXT)
        assert len(door.said("openai")) == 1
        assert again["sha256"] == first["sha256"]
        assert [one["outcome"] for one in again["extra_fields"]["attempts"]] == ["cached"]


async def test_two_at_once_make_one_call(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        results = await asyncio.gather(*(door.result(input=TEXT) for _ in range(4)))
        assert len(door.said("openai")) == 1
        assert len({one["sha256"] for one in results}) == 1


async def test_what_is_not_to_be_kept_is_for_its_job_alone(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        for _ in range(2):
            await door.result(input=TEXT, enable_logging=False)
        assert len(door.said("openai")) == 2


async def test_what_a_deleted_job_had_is_gone(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        result = await door.result(input=TEXT)
        path = result["audio_url"].removesuffix("/audio")
        assert (await door.client.delete(path)).status_code == 204
        assert (await door.client.get(result["audio_url"])).status_code == 404


@pytest.mark.parametrize("fault", ["server", "truncated", "html_ok", "garbage"])
async def test_a_call_that_fails_is_made_again(tmp_path: Path, fault: str) -> None:
    async with open_door(tmp_path) as door:
        door.vendors["openai"].faults = [fault]
        result = await door.result(input=TEXT)
        assert len(door.said("openai")) == 2
        outcomes = [one["outcome"] for one in result["extra_fields"]["attempts"]]
        assert len(outcomes) == 2 and outcomes[-1] == "ok"


async def test_a_vendor_that_cannot_is_followed_by_the_next(tmp_path: Path) -> None:
    async with open_door(tmp_path, ["openai", "elevenlabs"]) as door:
        door.vendors["openai"].faults = ["invalid"]
        result = await door.result(input=TEXT, fallbacks=["elevenlabs/eleven_flash_v2_5"])
        assert result["extra_fields"]["provider"] == "elevenlabs"
        outcomes = [one["outcome"] for one in result["extra_fields"]["attempts"]]
        assert outcomes == ["invalid", "ok"]
        assert files(door.scene.gateway.config.data_dir) == []


async def test_a_local_voice_follows_a_vendor_that_cannot(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        door.vendors["openai"].faults = ["invalid"]
        result = await door.result(input="Hello.", fallbacks=["piper/en_US-joe-medium"])
        assert result["extra_fields"]["provider"] == "piper"
        outcomes = [one["outcome"] for one in result["extra_fields"]["attempts"]]
        assert outcomes == ["invalid", "ok"]


async def test_all_of_an_error_is_told_when_nobody_can(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        door.vendors["openai"].faults = ["invalid"]
        job = await door.speak(input=TEXT)
        assert job["status"] == "failed"
        assert job["error"]["error"]["code"] == "provider_invalid"
        assert len(job["error"]["extra_fields"]["attempts"]) == 1


async def test_a_job_that_waits_is_polled_as_ever(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        body = {"model": "openai/tts-1", "voice": "narrator", "input": TEXT}
        accepted = await door.client.post(JOBS, json=body)
        assert (accepted.status_code, accepted.json()["status"]) == (202, "pending")
        job = (await door.client.get(f"{accepted.headers['location']}?wait=30")).json()
        assert job["status"] == "completed"
        assert job["result"]["audio"]
