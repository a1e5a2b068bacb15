"""Synchronous calls, with the voice of this machine."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from scene_support import Scene, open_scene
from stentor.audio.decode import decode
from stentor.audio.form import AudioForm
from stentor.contract import CONTENT_TYPES, RESPONSE_FORMATS, SPEECH_PATH, ResponseFormat
from stentor.engines.base import Flow, Spoken, Utterance
from stentor.engines.pool import EnginePool
from stentor.speaking import Speaking
from support import DEADLINE_S, Server, request, story

RATES = {"pcm": 24_000, "ulaw": 8_000, "alaw": 8_000}


@pytest.fixture
async def scene(tmp_path: Path) -> Any:
    async with open_scene(tmp_path / "data", engines__workers=1) as running:
        yield running


class Held:
    """The voice, which says the first sentences and then waits for the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, free: int) -> None:
        self.asked: list[Flow] = []
        self.let_go = asyncio.Event()
        speak = EnginePool.speak

        async def held(pool: EnginePool, utterance: Utterance, flow: Flow) -> Spoken:
            self.asked.append(flow)
            if len(self.asked) > free:
                await self.let_go.wait()
            return await speak(pool, utterance, flow)

        monkeypatch.setattr(EnginePool, "speak", held)


async def until_tidy(scene: Scene) -> None:
    """Wait until nothing of any call is left."""
    async with asyncio.timeout(DEADLINE_S):
        while list((scene.gateway.config.data_dir / "spool").iterdir()):
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("response_format", RESPONSE_FORMATS)
def test_the_answer_is_audio_in_the_format_asked_for(
    server: Server, tmp_path: Path, response_format: ResponseFormat
) -> None:
    body = request(input=story(3), response_format=response_format)
    answer = server.client.post(SPEECH_PATH, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == CONTENT_TYPES[response_format]
    file = tmp_path / "audio"
    file.write_bytes(answer.content)
    if response_format == "m4b":
        assert answer.content[4:8] == b"ftyp"
        assert int(answer.headers["content-length"]) == len(answer.content)
        return
    form = AudioForm(response_format, RATES.get(response_format))
    assert decode(file, form).pcm.duration_seconds > 3


async def test_the_first_sentence_is_heard_before_the_last_is_spoken(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = Held(monkeypatch, free=3)
    body = request(input=story(8), response_format="pcm")
    async with scene.client.stream("POST", SPEECH_PATH, json=body) as stream:
        assert "content-length" not in stream.headers
        pieces = stream.aiter_raw()
        heard = len(await anext(pieces))
        assert heard > 0
        voice.let_go.set()
        async for piece in pieces:
            heard += len(piece)
    assert len(voice.asked) == 8
    assert heard > 8 * 24_000
    await until_tidy(scene)


async def test_a_wav_that_is_heard_while_it_is_made_says_that_its_length_is_not_known(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    voice = Held(monkeypatch, free=3)
    body = request(input=story(8), response_format="wav")
    async with scene.client.stream("POST", SPEECH_PATH, json=body) as stream:
        pieces = stream.aiter_raw()
        audio = await anext(pieces)
        voice.let_go.set()
        async for piece in pieces:
            audio += piece
    unknown = b"\xff" * 4
    data = audio.index(b"data")
    assert (audio[4:8], audio[data + 4 : data + 8]) == (unknown, unknown)
    file = tmp_path / "audio.wav"
    file.write_bytes(audio)
    heard = decode(file, AudioForm("wav")).pcm
    assert heard.duration_seconds == pytest.approx(
        (len(audio) - data - 8) / 2 / heard.sample_rate, abs=0.01
    )


async def test_audio_whose_loudness_is_set_comes_whole(scene: Scene) -> None:
    answer = await scene.client.post(
        SPEECH_PATH, json=request(input=story(2), loudness="podcast", response_format="wav")
    )
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert b"\xff\xff\xff\xff" not in answer.content[:8]


async def test_who_hangs_up_is_spoken_to_no_more(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = Held(monkeypatch, free=3)
    async with scene.client.stream(
        "POST", SPEECH_PATH, json=request(input=story(200), response_format="pcm")
    ) as stream:
        await anext(stream.aiter_raw())
    await until_tidy(scene)
    asked = len(voice.asked)
    voice.let_go.set()
    # The engine is free, for who still listens.
    answer = await scene.client.post(SPEECH_PATH, json=request(input=story(1)))
    assert answer.status_code == 200
    assert len(voice.asked) == asked + 1


async def test_callers_take_turns_and_each_call_is_a_flow_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "stentor.toml"
    config.write_text('[keys.ann]\nvalue = "sk-ann-0123456789"\n')
    voice = Held(monkeypatch, free=100)
    async with open_scene(tmp_path / "data", file=config) as scene:
        for _ in range(2):
            answer = await scene.client.post(
                SPEECH_PATH,
                json=request(input=story(1)),
                headers={"x-api-key": "sk-ann-0123456789", "x-stentor-priority": "high"},
            )
            assert answer.status_code == 200
        refused = await scene.client.post(SPEECH_PATH, json=request())
    first, second = voice.asked
    assert (first.owner, first.priority) == ("ann", "high")
    assert first.job != second.job
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "missing_api_key")


@pytest.mark.parametrize(
    ("fields", "headers", "status", "param"),
    [
        ({"voice": "onyx"}, {}, 400, "voice"),
        ({"input": " "}, {}, 400, "input"),
        ({"model": None}, {}, 400, "model"),
        ({}, {"x-bf-async": "perhaps"}, 400, "x-bf-async"),
        ({}, {"x-stentor-priority": "top"}, 400, "x-stentor-priority"),
        ({}, {"content-type": "text/plain"}, 415, "content-type"),
        ({"with_timestamps": True, "model": "piper/none"}, {}, 400, "model"),
    ],
)
async def test_what_is_wrong_is_said_as_to_a_submit(
    scene: Scene, fields: dict[str, Any], headers: dict[str, str], status: int, param: str
) -> None:
    answer = await scene.client.post(SPEECH_PATH, json=request(**fields), headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]["param"] == param
    assert answer.headers["content-type"] == "application/json"


async def test_a_failure_that_nobody_foresaw_is_a_500_without_the_text(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> Spoken:
        raise RuntimeError("the text of a caller")

    monkeypatch.setattr(EnginePool, "speak", broken)
    answer = await scene.client.post(SPEECH_PATH, json=request())
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert "caller" not in answer.text
    await until_tidy(scene)


async def test_a_full_disk_takes_no_calls(tmp_path: Path) -> None:
    async with open_scene(tmp_path, storage__min_free_bytes=1024**4) as scene:
        answer = await scene.client.post(SPEECH_PATH, json=request())
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "storage_full")
    assert answer.headers["retry-after"] == "30"


async def test_a_disk_that_fills_up_before_the_first_byte_is_told_as_such(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> Spoken:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(EnginePool, "speak", full)
    answer = await scene.client.post(SPEECH_PATH, json=request())
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "storage_full")


async def test_a_server_that_ends_cuts_what_is_being_heard(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    Held(monkeypatch, free=3)
    with pytest.raises(httpx.RemoteProtocolError):
        async with scene.client.stream(
            "POST", SPEECH_PATH, json=request(input=story(8), response_format="pcm")
        ) as stream:
            pieces = stream.aiter_raw()
            await anext(pieces)
            scene.gateway.feed.close()
            async for _ in pieces:
                pass
    await until_tidy(scene)


def test_what_is_being_heard_may_end_before_the_server_does(tmp_path: Path) -> None:
    server = Server(tmp_path, STENTOR_SERVER_DRAIN_SECONDS="60")
    body = request(input=story(12), response_format="pcm")
    with server.client.stream("POST", SPEECH_PATH, json=body) as stream:
        pieces = stream.iter_raw()
        heard = len(next(pieces))
        server.process.send_signal(signal.SIGTERM)
        heard += sum(len(piece) for piece in pieces)
    assert heard > 12 * 24_000
    assert server.process.wait(DEADLINE_S) == 0


async def test_a_rendering_that_is_closed_leaves_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    Held(monkeypatch, free=0)
    speaking: Speaking = scene.gateway.speaking
    answer = asyncio.create_task(scene.client.post(SPEECH_PATH, json=request()))
    async with asyncio.timeout(DEADLINE_S):
        while not speaking._tasks:
            await asyncio.sleep(0.005)
    await speaking.close()
    assert (await answer).status_code == 503
    await until_tidy(scene)
