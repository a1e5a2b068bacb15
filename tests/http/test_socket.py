"""Text that arrives piece by piece over a WebSocket, with the voice of this machine."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from scene_support import Scene, open_scene
from socket_support import PATH, talk_to, talking
from stentor.audio.decode import decode
from stentor.audio.form import AudioForm
from stentor.contract import STREAM_FORMATS, ResponseFormat
from stentor.engines.base import Flow, Spoken, Utterance
from stentor.engines.pool import EnginePool
from stentor.gateway import Gateway
from stentor.http.socket import playback, session
from stentor.http.socket.session import Session
from stentor.requests import StoredRequest
from stentor.synthesis.values import Speech
from support import DEADLINE_S, MODEL, story

RATES = {"pcm": 24_000, "ulaw": 8_000, "alaw": 8_000}


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with open_scene(tmp_path / "data", engines__workers=1) as running:
        yield running


class Held:
    """The voice, which says the first sentences and then waits for the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, free: int) -> None:
        self.asked: list[str] = []
        self.let_go = asyncio.Event()
        speak = EnginePool.speak

        async def held(pool: EnginePool, utterance: Utterance, flow: Flow) -> Spoken:
            self.asked.append(utterance.text)
            if len(self.asked) > free:
                await self.let_go.wait()
            return await speak(pool, utterance, flow)

        monkeypatch.setattr(EnginePool, "speak", held)

    async def until_asked(self, times: int) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while len(self.asked) < times:
                await asyncio.sleep(0.002)


def ms(pcm: bytes) -> int:
    """How long it is."""
    return round(len(pcm) / 48)


async def until_tidy(scene: Scene) -> None:
    """Wait until nothing of any session is left: no file, no rendering, no task."""
    async with asyncio.timeout(DEADLINE_S):
        while (
            list((scene.gateway.config.data_dir / "spool").iterdir())
            or scene.gateway.speaking._tasks
            or scene.gateway.feed._followers
            or [one for one in asyncio.all_tasks() if one.get_name().startswith("speech-")]
        ):
            await asyncio.sleep(0.002)


async def test_a_sentence_is_heard_before_the_text_ends(scene: Scene) -> None:
    async with talking(scene.port) as talk:
        await talk.text("This is the first", " sentence. T")
        done = await talk.until("sentence.done")
        assert talk.sentences == ["This is the first sentence. "]
        assert ms(talk.audio) == done["end_ms"] > 500
        await talk.text("his is the second.")
        await talk.end()
        assert talk.sentences[1] == "This is the second."
    await until_tidy(scene)


async def test_the_audio_is_as_long_as_the_sentences_and_their_pauses(scene: Scene) -> None:
    async with talking(scene.port) as talk:
        await talk.text("One is here. Two is here.\n\nThree is here.")
        done = await talk.end()
    begun, ended = talk.all("sentence.started"), talk.all("sentence.done")
    assert ms(talk.audio) == done["audio_ms"]
    assert ended[-1]["end_ms"] == done["audio_ms"]
    gaps = [
        after["start_ms"] - before["end_ms"]
        for before, after in zip(ended, begun[1:], strict=False)
    ]
    # What silence the voice brings along is a part of the pause.
    assert 150 < gaps[0] <= 350
    assert 500 < gaps[1] <= 700
    assert done["usage"]["input_chars"] == len("One is here. Two is here.\n\nThree is here.")
    assert done["usage"]["audio_seconds"] == pytest.approx(done["audio_ms"] / 1000, abs=0.001)


async def test_no_sentence_is_cut_at_an_abbreviation_that_comes_in_pieces(scene: Scene) -> None:
    async with talking(scene.port) as talk:
        await talk.text("I met Dr", ".", " Smith at 3", ".", "5 miles.")
        await talk.end()
    assert talk.sentences == ["I met Dr. Smith at 3.5 miles."]


async def test_a_flush_speaks_what_has_no_end_yet(scene: Scene) -> None:
    async with talking(scene.port) as talk:
        await talk.text("Wait a moment")
        await talk.send("flush")
        flushed = await talk.until("flushed")
        assert talk.sentences == ["Wait a moment"]
        assert (flushed["char_end"], flushed["audio_ms"]) == (13, ms(talk.audio))
        await talk.text(" please")
        await talk.end()
    assert talk.sentences == ["Wait a moment", " please"]


async def test_a_flush_with_nothing_to_speak_is_answered(scene: Scene) -> None:
    async with talking(scene.port) as talk:
        await talk.text(" ... \n")
        await talk.send("flush")
        assert (await talk.until("flushed"))["audio_ms"] == 0
        assert (await talk.end())["usage"] == {"input_chars": 0, "audio_seconds": 0.0}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"emoji": "drop"}, "😊"),
        ({"input_type": "markdown"}, "![](herald.png)"),
        ({"input_type": "markdown"}, "```python\nx = 1\n```"),
    ],
)
async def test_a_sentence_of_which_nothing_is_read_is_passed_over(
    scene: Scene, fields: dict[str, str], text: str
) -> None:
    async with talking(scene.port, **fields) as talk:
        await talk.text(text)
        await talk.send("flush")
        assert (await talk.until("flushed"))["audio_ms"] == 0
        await talk.text("\n\nThat was it.")
        await talk.end()
        assert talk.sentences == ["\n\nThat was it."]


@pytest.mark.parametrize("response_format", STREAM_FORMATS)
async def test_a_session_is_one_stream_of_its_format(
    scene: Scene, tmp_path: Path, response_format: ResponseFormat
) -> None:
    async with talking(scene.port, response_format=response_format) as talk:
        await talk.text("This is the first sentence. This is the second.")
        await talk.send("flush")
        await talk.until("flushed")
        await talk.text(" And that was all.")
        done = await talk.end()
    [started] = talk.all("audio.started")
    file = tmp_path / "audio"
    file.write_bytes(talk.audio)
    heard = decode(file, AudioForm(response_format, RATES.get(response_format))).pcm
    assert heard.duration_seconds == pytest.approx(done["audio_ms"] / 1000, abs=0.1)
    assert started["sample_rate"] == heard.sample_rate


@pytest.mark.parametrize("response_format", ["mp3", "opus", "aac", "flac"])
async def test_what_was_flushed_can_be_heard_though_an_encoder_looks_ahead(
    scene: Scene, tmp_path: Path, response_format: ResponseFormat
) -> None:
    async with talking(scene.port, response_format=response_format) as talk:
        await talk.text("This is all that there is for now.")
        await talk.send("flush")
        await talk.until("flushed")
        file = tmp_path / "audio"
        file.write_bytes(talk.audio)
        heard = decode(file, AudioForm(response_format)).pcm.duration_seconds
        assert heard * 1000 > talk.all("sentence.done")[0]["end_ms"]
        await talk.end()


async def test_words_have_their_times_in_the_audio_and_their_places_in_all_the_text(
    scene: Scene,
) -> None:
    pieces = ["Hello the", "re. It is 3", ".5 miles, Dr. Smith.", "\n\nGood", "bye now."]
    async with talking(scene.port, with_timestamps=True) as talk:
        await talk.text(*pieces)
        done = await talk.end()
    text = "".join(pieces)
    words = [word for event in talk.all("words") for word in event["words"]]
    assert [word["text"] for word in words] == text.split()
    assert [text[word["char_start"] : word["char_end"]] for word in words] == text.split()
    times = [ms for word in words for ms in (word["start_ms"], word["end_ms"])]
    assert times == sorted(times)
    assert times[-1] <= done["audio_ms"]
    for event, sentence in zip(talk.all("words"), talk.all("sentence.done"), strict=True):
        assert event["alignment_source"] == "engine"
        assert sentence["start_ms"] <= event["words"][0]["start_ms"]
        assert event["words"][-1]["end_ms"] <= sentence["end_ms"]


async def test_cancelling_stops_within_the_sentence_and_the_session_goes_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = Held(monkeypatch, free=1)
    async with talking(scene.port) as talk:
        await talk.text(story(20))
        await talk.until("sentence.done")
        await voice.until_asked(3)
        await talk.send("cancel")
        cancelled = await talk.until("cancelled")
        await until_tidy_but_for_the_session(scene)
        first = talk.all("sentence.started")[0]
        assert cancelled["audio_ms"] == ms(talk.audio)
        assert cancelled["char_end"] == first["char_end"]
        voice.let_go.set()
        await talk.text("And now for something else.")
        done = await talk.end()
        assert talk.sentences[1:] == ["And now for something else."]
    assert len(voice.asked) == 4
    assert [one["start_ms"] for one in talk.all("audio.started")] == [0, cancelled["audio_ms"]]
    assert done["audio_ms"] == ms(talk.audio)


async def until_tidy_but_for_the_session(scene: Scene) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while scene.gateway.speaking._tasks:
            await asyncio.sleep(0.002)


async def test_who_interrupts_learns_which_words_were_heard(scene: Scene) -> None:
    text = "This is the first sentence. This is the second, which nobody hears to its end."
    async with talking(scene.port, with_timestamps=True) as talk:
        await talk.text(text)
        await talk.send("flush")
        await talk.until("flushed")
        words = [word for event in talk.all("words") for word in event["words"]]
        [second] = [word for word in words if word["text"] == "second,"]
        await talk.send("cancel", played_ms=second["end_ms"] + 1)
        cancelled = await talk.until("cancelled")
        assert text[: cancelled["char_end"]].endswith("This is the second,")
        assert (cancelled["estimated"], cancelled["heard_ms"]) == (False, second["end_ms"] + 1)
        assert cancelled["dropped_chars"] == len(text) - cancelled["char_end"]


async def test_without_timings_how_far_was_heard_is_estimated(scene: Scene) -> None:
    async with talking(scene.port) as talk:
        await talk.text("This is a sentence that is broken off about here, in its middle.")
        await talk.send("flush")
        flushed = await talk.until("flushed")
        await talk.send("cancel", played_ms=flushed["audio_ms"] / 2)
        cancelled = await talk.until("cancelled")
    assert cancelled["estimated"]
    assert cancelled["char_end"] == pytest.approx(flushed["char_end"] / 2, abs=1)


async def test_cancelling_after_the_end_ends_the_session(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    Held(monkeypatch, free=0)
    async with talking(scene.port) as talk:
        await talk.text(story(3))
        await talk.send("end")
        await talk.send("cancel")
        await talk.until("cancelled")
        await talk.until("done")
        assert await talk.closed() == 1000
    await until_tidy(scene)


async def test_a_client_that_does_not_read_stops_the_synthesis(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = Held(monkeypatch, free=1000)
    stuck = asyncio.Event()

    async def full(*_: object) -> None:
        stuck.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Session, "_send", full)
    async with talking(scene.port) as talk:
        await talk.text(story(20))
        await stuck.wait()
        await voice.until_asked(2)
        await talk.send("text", text="")
        await talk.send("nonsense")
        await talk.until("error")
        assert len(voice.asked) == 2
    await until_tidy(scene)


async def test_who_hangs_up_is_spoken_to_no_more(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = Held(monkeypatch, free=1)
    async with talking(scene.port) as talk:
        await talk.text(story(200))
        await talk.until("sentence.done")
        await voice.until_asked(3)
        talk.socket.transport.abort()
    await until_tidy(scene)
    assert len(voice.asked) == 3


@pytest.mark.parametrize(
    ("message", "param", "said"),
    [
        ('{"type": "speak"}', "type", "expected one of text, flush, cancel, end, got 'speak'"),
        ('{"text": "Hello"}', "type", "expected one of"),
        ('{"type": "text"}', "text", "it is required"),
        ('{"type": "text", "text": 5}', "text", "expected a string"),
        ('{"type": "flush", "now": true}', "now", "there is no such field"),
        ('{"type": "cancel", "played_ms": -1}', "played_ms", "expected a number"),
        ('["text"]', None, "must be a JSON object"),
        ("text", None, "must be a JSON object"),
        ('{"type": "text", "text": "\\ud83d"}', None, "must be a JSON object"),
        ('{"type": "session.start"}', "type", "expected one of"),
    ],
)
async def test_a_bad_message_is_told_and_the_session_goes_on(
    scene: Scene, message: str, param: str | None, said: str
) -> None:
    async with talking(scene.port) as talk:
        await talk.socket.send(message)
        error = await talk.until("error")
        assert (error["status_code"], error["error"].get("param")) == (400, param)
        assert said in error["error"]["message"]
        assert error["error"]["type"] == "invalid_request_error"
        await talk.text("Still here.")
        await talk.end()
        assert talk.audio


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"type": "text", "text": "Hello."}, "type"),
        ({"voice": "onyx"}, "voice"),
        ({"voice": [{"speaker": "A", "voice": "joe"}]}, "voice"),
        ({"model": None}, "model"),
        ({"model": "piper/none"}, "model"),
        ({"speed": 9}, "speed"),
        ({"input": "Hello."}, "input"),
        ({"response_format": "m4b"}, "response_format"),
        ({"response_format": "ogg"}, "response_format"),
        ({"loudness": "podcast"}, "loudness"),
        ({"stream_format": "sse"}, "stream_format"),
        ({"input_type": "ssml"}, "input_type"),
        ({"audio": "base64"}, "audio"),
        ({"api_key": 5}, "api_key"),
    ],
)
async def test_a_session_that_cannot_be_had_is_refused(
    scene: Scene, fields: dict[str, Any], param: str
) -> None:
    async with talk_to(scene.port) as talk:
        start = {"type": "session.start", "model": MODEL, "voice": "joe"} | fields
        await talk.socket.send(json.dumps(start))
        error = await talk.until("error")
        assert (error["status_code"], error["error"]["param"]) == (400, param)
        assert await talk.closed() == 1008
    await until_tidy(scene)


@pytest.mark.parametrize(
    ("headers", "fields", "code"),
    [
        ({"authorization": "Bearer sk-ann-0123456789"}, {}, None),
        ({}, {"api_key": "sk-ann-0123456789"}, None),
        ({"origin": "https://example.com"}, {"api_key": "sk-ann-0123456789"}, None),
        ({}, {}, "missing_api_key"),
        ({}, {"api_key": "sk-bob-0123456789"}, "invalid_api_key"),
        ({"x-api-key": "sk-bob-0123456789"}, {"api_key": "sk-ann-0123456789"}, "invalid_api_key"),
    ],
)
async def test_a_key_comes_in_a_header_or_in_the_first_message(
    tmp_path: Path, headers: dict[str, str], fields: dict[str, str], code: str | None
) -> None:
    config = tmp_path / "stentor.toml"
    config.write_text('[keys.ann]\nvalue = "sk-ann-0123456789"\n')
    async with (
        open_scene(tmp_path / "data", file=config) as scene,
        talk_to(scene.port, headers) as talk,
    ):
        if code is None:
            await talk.start(**fields)
            return
        await talk.send("session.start", model=MODEL, voice="joe", **fields)
        error = await talk.until("error")
        assert (error["status_code"], error["error"]["code"]) == (401, code)
        assert "sk-" not in json.dumps(error)
        assert await talk.closed() == 1008


@pytest.mark.parametrize(
    ("origin", "refused"),
    [
        ("https://example.com", True),
        ("null", True),
        ("http://[broken", True),
        ("http://localhost:3000", False),
        ("http://[::1]:3000", False),
    ],
)
async def test_without_keys_no_other_sites_page_may_speak(
    scene: Scene, origin: str, refused: bool
) -> None:
    async with talk_to(scene.port, {"origin": origin}) as talk:
        if not refused:
            await talk.start()
            return
        await talk.send("session.start", model=MODEL, voice="joe")
        assert (await talk.until("error"))["error"]["code"] == "other_site"
        assert await talk.closed() == 1008


async def test_audio_comes_as_json_where_it_is_asked_for(scene: Scene) -> None:
    async with talking(scene.port, audio="json") as talk:
        await talk.text("Hello there.")
        done = await talk.end()
    assert not talk.audio
    audio = b"".join(base64.b64decode(event["audio"]) for event in talk.all("audio"))
    assert ms(audio) == done["audio_ms"]


async def test_limits_are_told_and_what_was_taken_is_spoken(tmp_path: Path) -> None:
    limits = {"socket__max_session_chars": 1500, "socket__max_waiting_chars": 1000}
    async with open_scene(tmp_path, **limits) as scene, talking(scene.port) as talk:
        await talk.text("This is taken.")
        await talk.text("a" * 1000)
        assert (await talk.until("error"))["error"]["code"] == "too_much_waiting"
        await talk.text("a" * 1500)
        assert (await talk.until("error"))["error"]["code"] == "session_too_long"
        await talk.end()
        assert talk.sentences == ["This is taken."]


async def test_no_more_flushes_are_taken_than_somebody_waits_for(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = Held(monkeypatch, free=0)
    monkeypatch.setattr(session, "MAX_WAITING_FLUSHES", 3)
    async with talking(scene.port) as talk:
        await talk.text("This comes first.")
        for _ in range(4):
            await talk.send("flush")
        error = await talk.until("error")
        assert (error["status_code"], error["error"]["code"]) == (429, "too_much_waiting")
        voice.let_go.set()
        for _ in range(3):
            await talk.until("flushed")
        await talk.send("flush")
        await talk.until("flushed")
        await talk.end()


async def test_a_message_that_is_too_large_ends_the_connection(tmp_path: Path) -> None:
    async with (
        open_scene(tmp_path, socket__max_message_bytes=1024) as scene,
        talking(scene.port) as talk,
    ):
        await talk.text("a" * 2000)
        assert await talk.closed() == 1009
        await until_tidy(scene)


async def test_a_session_in_which_nothing_happens_is_closed(tmp_path: Path) -> None:
    async with (
        open_scene(tmp_path, socket__idle_timeout_seconds=1) as scene,
        talking(scene.port) as talk,
    ):
        assert (await talk.until("error"))["error"]["code"] == "idle_timeout"
        assert await talk.closed() == 1008


async def test_a_server_that_ends_says_so(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    Held(monkeypatch, free=0)
    async with talking(scene.port) as talk:
        await talk.text(story(2))
        scene.gateway.feed.close()
        assert (await talk.until("error"))["error"]["code"] == "draining"
        assert await talk.closed() == 1012
    await until_tidy(scene)


async def test_a_full_disk_opens_no_sessions(tmp_path: Path) -> None:
    async with (
        open_scene(tmp_path, storage__min_free_bytes=1024**4) as scene,
        talk_to(scene.port) as talk,
    ):
        assert (await talk.until("error"))["error"]["code"] == "storage_full"
        assert await talk.closed() == 1013


async def test_a_sentence_that_fails_is_told_and_the_next_is_spoken(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    speak = EnginePool.speak

    async def broken(pool: EnginePool, utterance: Utterance, flow: Flow) -> Spoken:
        if "secret" in utterance.text:
            raise RuntimeError(utterance.text)
        return await speak(pool, utterance, flow)

    monkeypatch.setattr(EnginePool, "speak", broken)
    async with talking(scene.port) as talk:
        await talk.text("This is a secret. This is not.")
        await talk.send("flush")
        error = await talk.until("error")
        assert (error["error"]["code"], error["char_start"], error["char_end"]) == (
            "internal_error",
            0,
            18,
        )
        assert "secret" not in json.dumps(error)
        await talk.end()
        assert talk.sentences == ["This is not."]


async def test_a_sentence_that_cannot_even_be_begun_is_told_and_the_next_is_spoken(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = playback.checked

    def broken(gateway: Gateway, stored: StoredRequest, *rest: Any) -> Speech:
        if "secret" in stored.speech.input:
            raise RecursionError(stored.speech.input)
        return begin(gateway, stored, *rest)

    monkeypatch.setattr(playback, "checked", broken)
    async with talking(scene.port) as talk:
        await talk.text("This is a secret. This is not.")
        error = await talk.until("error")
        assert (error["error"]["code"], error["char_end"]) == ("internal_error", 18)
        assert "secret" not in json.dumps(error)
        await talk.end()
        assert talk.sentences == ["This is not."]


async def test_a_connection_outlives_the_time_that_a_request_may_take(tmp_path: Path) -> None:
    async with open_scene(tmp_path, request_timeout_s=0.2) as scene:
        raw = await scene.connect()
        raw.writer.write(f"GET {PATH} HTTP/1.1\r\nHost: test\r\n".encode())
        await raw.writer.drain()
        async with talking(scene.port) as talk:
            # The slow one is refused by the clock that the other must not hear.
            assert b"408 Request Timeout" in await raw.rest()
            await talk.text("Hello there.")
            await talk.end()


async def test_no_key_and_no_text_is_logged(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with talking(scene.port, api_key="sk-ann-0123456789") as talk:
        await talk.text("The herald is here.")
        await talk.end()
    theirs = [one for one in caplog.records if not one.name.startswith("websockets.client")]
    assert all("herald" not in one.getMessage() for one in theirs)
    assert all("sk-ann" not in one.getMessage() for one in theirs)


def test_who_opens_no_socket_does_not_pay_for_it() -> None:
    code = "import sys, stentor.cli.serve; print({'websockets', 'numpy', 'av'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert found.stdout == "set()\n"
