"""Captions of finished jobs over HTTP."""

from __future__ import annotations

import pytest

from scene_support import Scene, SceneJob
from stentor.contract import Word
from support import JOBS

TEXT = "The herald spoke, and fifty men fell silent. Nobody moved."
PACE_MS = 400


def words(text: str = TEXT) -> list[Word]:
    """The words of a text, one every 400 ms."""
    found: list[Word] = []
    end = 0
    for number, word in enumerate(text.split()):
        start = text.index(word, end)
        end = start + len(word)
        found.append(Word(word, number * PACE_MS, number * PACE_MS + 350, start, end))
    return found


async def spoken(scene: Scene, timings: list[Word] | None, **fields: object) -> SceneJob:
    """A completed job."""
    job = await scene.job(**{"input": TEXT} | fields)
    await job.complete(b"audio", words=timings)
    return job


async def test_captions_are_the_callers_text_in_the_time_of_its_words(scene: Scene) -> None:
    job = await spoken(scene, words())
    answer = await scene.client.get(f"{job.path}/captions.vtt")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/vtt; charset=utf-8"
    head, first, second = answer.text.removesuffix("\n").split("\n\n")
    assert head == "WEBVTT"
    time, *lines = first.splitlines()
    assert time == "00:00:00.000 --> 00:00:03.200"
    assert lines == ["The herald spoke,", "and fifty men fell silent."]
    assert second.splitlines()[1:] == ["Nobody moved."]


async def test_subrip_has_the_same_captions(scene: Scene) -> None:
    job = await spoken(scene, words())
    answer = await scene.client.get(f"{job.path}/captions.srt")
    assert answer.headers["content-type"].startswith("application/x-subrip")
    first, second = answer.text.removesuffix("\n").split("\n\n")
    assert first.splitlines()[:2] == ["1", "00:00:00,000 --> 00:00:03,200"]
    assert second.splitlines()[2:] == ["Nobody moved."]


async def test_karaoke_has_the_time_of_each_word(scene: Scene) -> None:
    job = await spoken(scene, words())
    path = f"{job.path}/captions.vtt"
    karaoke = (await scene.client.get(f"{path}?karaoke=true")).text
    assert "The <00:00:00.400>herald <00:00:00.800>spoke," in karaoke
    plain = await scene.client.get(f"{path}?karaoke=false")
    assert plain.text == (await scene.client.get(path)).text
    refused = await scene.client.get(f"{job.path}/captions.srt?karaoke=true")
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "karaoke")
    assert (await scene.client.get(f"{path}?karaoke=yes")).status_code == 400


async def test_a_caller_that_has_the_captions_is_told_so(scene: Scene) -> None:
    job = await spoken(scene, words())
    path = f"{job.path}/captions.vtt"
    etag = (await scene.client.get(path)).headers["etag"]
    again = await scene.client.get(path, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    other = await scene.client.get(f"{path}?karaoke=true", headers={"If-None-Match": etag})
    assert other.status_code == 200


async def test_head_answers_with_the_headers_alone(scene: Scene) -> None:
    job = await spoken(scene, words())
    for name in ("captions.vtt", "captions.srt"):
        whole = await scene.client.get(f"{job.path}/{name}")
        head = await scene.client.head(f"{job.path}/{name}")
        assert head.status_code == 200
        assert head.content == b""
        for header in ("content-length", "content-type", "etag"):
            assert head.headers[header] == whole.headers[header]


async def test_a_job_without_timings_says_how_to_get_them(scene: Scene) -> None:
    job = await spoken(scene, None)
    for name in ("captions.vtt", "captions.srt"):
        answer = await scene.client.get(f"{job.path}/{name}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "no_timestamps")
        assert "with_timestamps: true" in answer.json()["error"]["message"]


async def test_a_job_that_has_not_completed_has_no_captions(scene: Scene) -> None:
    pending = await scene.submit()
    answer = await scene.client.get(f"{pending}/captions.vtt")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_completed")
    assert "pending" in answer.json()["error"]["message"]
    job = await scene.claim()
    answer = await scene.client.get(f"{job.path}/captions.srt")
    assert "processing" in answer.json()["error"]["message"]
    await job.fail()
    answer = await scene.client.get(f"{job.path}/captions.vtt")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_completed")
    assert "the voice broke" in answer.json()["error"]["message"]


@pytest.mark.parametrize("job_id", ["0192f0c1-2345-7abc-8def-0123456789ab", "nonsense"])
async def test_an_unknown_job_has_no_captions(scene: Scene, job_id: str) -> None:
    answer = await scene.client.get(f"{JOBS}/{job_id}/captions.vtt")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "job_not_found")


async def test_a_text_without_words_has_captions_without_any(scene: Scene) -> None:
    job = await spoken(scene, [], input="+")
    assert (await scene.client.get(f"{job.path}/captions.vtt")).text == "WEBVTT\n"
    assert (await scene.client.get(f"{job.path}/captions.srt")).text == ""
