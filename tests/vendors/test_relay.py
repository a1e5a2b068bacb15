"""A vendor's bytes that are the answer as they are: past files, threads and renderings."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from stentor.audio.form import AudioForm
from stentor.audio.mpeg import id3v2_end, mp3_frame
from stentor.audio.probe import byte_seconds, probe
from stentor.contract import SPEECH_PATH, ResponseFormat
from stentor.synthesis import passing
from upstream import openai as openai_vendor
from upstream.faults import Fault
from upstream.openai import OwnServer
from upstream.sound import Tones
from upstream.values import Answer, Received, Sound
from vendors_support import MODELS, Door, open_door

TEXT = "The herald had the voice of fifty men."
MP3 = Tones().clip(AudioForm("mp3"), TEXT)
WAV = Tones().clip(AudioForm("wav"), TEXT)
BODY = {"model": MODELS["openai"], "voice": "narrator", "input": TEXT}
BOTH = BODY | {"fallbacks": [MODELS["elevenlabs"]]}
BOX = BODY | {"model": "box/kokoro", "voice": "af"}
NO_RETRIES = {"openai": "retries = 0", "elevenlabs": "retries = 0", "box": "retries = 0"}


@dataclass(frozen=True)
class Box:
    """A server that answers with these bytes, whatever it is asked for."""

    data: Sequence[bytes]

    def answer(self, received: Received, sound: Sound) -> Answer | None:
        return Answer(headers={"content-type": "audio/mpeg"}, parts=self.data)

    refuse = staticmethod(openai_vendor.refuse)


def spool(folder: Path) -> list[Path]:
    return list((folder / "data" / "spool").iterdir())


async def spoken(door: Door, body: dict[str, Any] = BODY) -> httpx.Response:
    return await door.client.post(SPEECH_PATH, json=body)


def is_free(door: Door, provider: str) -> bool:
    """Whether nobody has a place at a provider, and it is not left alone."""
    account = door.scene.gateway.voices.catalogue._accounts[provider]
    breaker = account.breaker("tts-1" if provider == "openai" else "kokoro")
    return account.places._free == account.places.size and breaker.wait_s == 0 and breaker.enter()


@pytest.mark.parametrize("cut", [None, 1, 100, 5000])
async def test_the_bytes_are_the_vendors_however_they_are_cut(
    tmp_path: Path, cut: int | None
) -> None:
    async with open_door(tmp_path) as door:
        door.vendors["openai"].cut = cut
        answer = await spoken(door)
    assert answer.content == MP3
    assert answer.headers["transfer-encoding"] == "chunked"


async def test_nothing_is_written_to_disk_and_the_audio_comes_before_the_vendor_is_done(
    tmp_path: Path,
) -> None:
    async with open_door(tmp_path) as door:
        vendor = door.vendors["openai"]
        vendor.faults, vendor.pieces, vendor.pace_s = ["slow"], 40, 0.01
        heard, files, sent = b"", [], 0
        async with door.client.stream("POST", SPEECH_PATH, json=BODY) as stream:
            async for data in stream.aiter_bytes():
                sent = sent or vendor.sent
                files += spool(tmp_path)
                heard += data
        assert is_free(door, "openai")
    assert heard == MP3
    assert files == []
    assert 0 < sent < len(MP3) / 2


@pytest.mark.parametrize("cut", [None, 44, 46, 60, 100])
async def test_a_header_that_comes_alone_says_nothing_of_the_length(
    tmp_path: Path, cut: int | None
) -> None:
    first = [WAV[:cut]] if cut else []
    async with open_door(tmp_path, [], own={"box": Box([*first, WAV[cut:] if cut else WAV])}) as d:
        d.vendors["box"].cut = cut
        answer = await spoken(d, BOX | {"response_format": "wav"})
    assert answer.content == WAV


@pytest.mark.parametrize("response_format", ["wav", "pcm", "ulaw", "alaw"])
def test_the_length_is_told_by_the_rate(response_format: ResponseFormat) -> None:
    rate = {"pcm": 24_000, "ulaw": 8_000, "alaw": 8_000}.get(response_format)
    clip = Tones().clip(AudioForm(response_format, rate), TEXT)
    each = byte_seconds(clip[:60], response_format)
    assert each is not None
    assert each * len(clip) == pytest.approx(round(len(TEXT) * 0.06), rel=0.1)


@pytest.mark.parametrize("only", ["wav", "flac", "opus", "aac"])
async def test_audio_of_another_format_is_converted_without_a_second_call(
    tmp_path: Path, only: str
) -> None:
    async with open_door(tmp_path, [], own={"box": OwnServer(only=only)}) as door:
        door.vendors["box"].cut = 700
        answer = await spoken(door, BOX)
        assert len(door.said("box")) == 1
    file = tmp_path / "audio"
    file.write_bytes(answer.content)
    facts = probe(file, AudioForm("mp3"))
    assert (facts.encoding, facts.channels) == ("mp3", 1)
    assert facts.duration_seconds == pytest.approx(2.0, abs=0.2)


async def test_audio_behind_a_tag_is_the_vendors_own(tmp_path: Path) -> None:
    tag = b"ID3\x04\x00\x00\x00\x00\x10\x00" + bytes(2048)
    async with open_door(tmp_path, [], own={"box": Box([tag + MP3])}) as door:
        door.vendors["box"].cut = 300
        answer = await spoken(door, BOX)
    assert answer.content == tag + MP3


@pytest.mark.parametrize("frames", [1, 2])
async def test_a_few_frames_are_an_answer_to_a_short_text(tmp_path: Path, frames: int) -> None:
    start = end = id3v2_end(MP3, 0)
    tag = mp3_frame(MP3, start)
    assert tag is not None
    start = end = start + tag.size
    for _ in range(frames):
        frame = mp3_frame(MP3, end)
        assert frame is not None
        end += frame.size
    async with open_door(tmp_path, [], own={"box": Box([MP3[start:end]])}) as door:
        answer = await spoken(door, BOX | {"input": "Hm."})
        assert len(door.said("box")) == 1
    assert answer.status_code == 200
    assert answer.content == MP3[start:end]


@pytest.mark.parametrize(
    "fault",
    [
        *("server", "auth", "quota", "rate_limited", "html", "html_ok", "empty", "garbage"),
        *("reset_before", "stall_before"),
    ],
)
async def test_what_fails_before_a_byte_is_spoken_by_the_next_vendor(
    tmp_path: Path, fault: Fault
) -> None:
    async with open_door(tmp_path, options=NO_RETRIES, patience=0.3) as door:
        door.vendors["openai"].faults = [fault]
        answer = await spoken(door, BOTH)
        assert len(door.said("openai")) == len(door.said("elevenlabs")) == 1
    assert (answer.status_code, answer.content) == (200, MP3)


async def test_what_failed_in_one_call_is_not_in_the_next(tmp_path: Path) -> None:
    """The beginning of an mp3 is held while it is too short to tell; then the call breaks."""
    async with open_door(tmp_path, [], own={"box": Box([MP3[:120]])}) as door:
        door.vendors["box"].faults = ["truncated_chunked", "empty", "empty", "empty"]
        answer = await spoken(door, BOX)
    assert answer.status_code == 502
    assert answer.json()["is_bifrost_error"] is False


async def test_a_model_of_this_machine_stands_in_for_a_vendor(tmp_path: Path) -> None:
    async with open_door(tmp_path, options=NO_RETRIES) as door:
        door.vendors["openai"].faults = ["server"]
        local = door.scene.gateway.voices.catalogue.voices()[0].model
        answer = await spoken(door, BODY | {"fallbacks": [local]})
    assert answer.status_code == 200
    file = tmp_path / "audio"
    file.write_bytes(answer.content)
    assert probe(file, AudioForm("mp3")).duration_seconds > 1


@pytest.mark.parametrize("relayed_first", [True, False])
async def test_the_first_error_is_told_with_all_attempts(
    tmp_path: Path, relayed_first: bool
) -> None:
    """One of them can be passed on, the other needs work: a speed that its model has not."""
    names = ["openai", "elevenlabs"][:: 1 if relayed_first else -1]
    body = BODY | {"model": MODELS[names[0]], "fallbacks": [MODELS[names[1]]], "speed": 3.0}
    async with open_door(tmp_path, options=NO_RETRIES) as door:
        door.vendors[names[0]].faults = ["rate_limited"]
        door.vendors[names[1]].faults = ["server"]
        answer = await spoken(door, body)
    error = answer.json()
    assert answer.status_code == 429
    assert error["extra_fields"]["model_requested"] == MODELS[names[0]]
    attempts = [(one["provider"], one["outcome"]) for one in error["extra_fields"]["attempts"]]
    assert attempts == [(names[0], "rate_limited"), (names[1], "server")]


@pytest.mark.parametrize("fault", ["truncated", "truncated_chunked", "reset"])
async def test_an_answer_that_breaks_off_is_cut_and_nobody_else_is_asked(
    tmp_path: Path, fault: Fault
) -> None:
    heard = b""
    async with open_door(tmp_path, options=NO_RETRIES) as door:
        door.vendors["openai"].faults = [fault]
        with pytest.raises(httpx.RemoteProtocolError):
            async with door.client.stream("POST", SPEECH_PATH, json=BOTH) as stream:
                async for data in stream.aiter_bytes():
                    heard += data
        assert not door.said("elevenlabs")
        assert (await spoken(door)).content == MP3
        assert is_free(door, "openai")
    assert heard and MP3.startswith(heard)


async def test_audio_too_short_for_the_text_is_cut_at_its_end(tmp_path: Path) -> None:
    async with open_door(tmp_path, options=NO_RETRIES, own={"box": Box([MP3[:3000]])}) as door:
        with pytest.raises(httpx.RemoteProtocolError):
            await spoken(door, BOX | {"input": TEXT * 40})


async def test_who_hangs_up_gives_its_place_back_and_leaves_nothing(tmp_path: Path) -> None:
    options = {"openai": "concurrency = 1\nretries = 0"}
    async with open_door(tmp_path, options=options) as door:
        vendor = door.vendors["openai"]
        vendor.faults, vendor.pieces, vendor.pace_s = ["slow"], 1000, 0.02
        async with door.client.stream("POST", SPEECH_PATH, json=BODY) as stream:
            await anext(stream.aiter_bytes())
        await vendor.until(lambda: vendor.abandoned == 1)
        assert (await spoken(door)).content == MP3
        assert is_free(door, "openai")
        assert spool(tmp_path) == []


async def test_who_does_not_read_keeps_no_place_and_misses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passing, "PATIENCE_S", 0.05)
    options = {"openai": "concurrency = 1\nretries = 0\nmax_segment_chars = 4096"}
    long = "It goes on and on. " * 200
    body = BODY | {"input": long, "response_format": "wav"}
    async with open_door(tmp_path, options=options) as door:
        async with door.client.stream("POST", SPEECH_PATH, json=body) as stream:
            pieces = stream.aiter_bytes()
            heard = await anext(pieces)
            # There is one place, and the reader stands still.
            assert (await spoken(door)).content == MP3
            assert len(spool(tmp_path)) == 1
            heard += b"".join([data async for data in pieces])
        assert is_free(door, "openai")
        assert spool(tmp_path) == []
    assert heard == Tones().clip(AudioForm("wav"), long)


async def test_a_pipelined_request_is_answered_after_the_one_before_it(tmp_path: Path) -> None:
    body = json.dumps(BODY).encode()
    request = b"POST %b HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n%b" % (
        SPEECH_PATH.encode(),
        len(body),
        body,
    )
    async with open_door(tmp_path) as door:
        raw = await door.scene.connect()
        raw.writer.write(request * 3)
        for _ in range(3):
            assert b" 200 " in await raw.until(b"\r\n\r\n")
            answer = await raw.until(b"0\r\n\r\n")
            assert b"".join(answer.split(b"\r\n")[1:-3:2])[:100] == MP3[:100]
        raw.close()


async def test_a_body_is_asked_for_before_it_is_sent(tmp_path: Path) -> None:
    body = json.dumps(BODY).encode()
    async with open_door(tmp_path) as door:
        raw = await door.scene.connect()
        raw.writer.write(
            b"POST %b HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
            % (SPEECH_PATH.encode(), len(body))
        )
        assert b" 100 " in await raw.until(b"\r\n\r\n")
        raw.writer.write(body)
        assert b" 200 " in await raw.until(b"\r\n\r\n")
        await raw.until(b"\r\n0\r\n\r\n")
        raw.close()


async def test_a_server_that_drains_lets_a_relay_end_and_begins_no_other(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        vendor = door.vendors["openai"]
        vendor.faults, vendor.pieces, vendor.pace_s = ["slow"], 40, 0.01
        async with door.client.stream("POST", SPEECH_PATH, json=BODY) as stream:
            pieces = stream.aiter_bytes()
            heard = await anext(pieces)
            draining = asyncio.create_task(door.scene.gateway.drain())
            while not door.scene.gateway.draining:
                await asyncio.sleep(0)
            assert (await spoken(door)).status_code == 503
            assert (await door.client.get("/ready")).status_code == 503
            async for data in pieces:
                heard += data
        await draining
    assert heard == MP3
