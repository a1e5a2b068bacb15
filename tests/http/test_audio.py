"""Fetching finished audio: ranges, validators, and what they are answered with."""

from __future__ import annotations

import pytest

from stentor.errors import SpeechError
from stentor.http.audio import parse_range
from support import JOBS, Server


@pytest.fixture(scope="module")
def finished(server: Server) -> tuple[str, bytes]:
    job_id = server.finish(server.submit(response_format="mp3")["id"])["id"]
    path = f"{JOBS}/{job_id}/audio"
    return path, server.client.get(path).content


def test_the_whole_audio_comes_with_its_type_length_and_etag(
    server: Server, finished: tuple[str, bytes]
) -> None:
    path, audio = finished
    response = server.client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "audio/mpeg"
    assert response.headers["content-length"] == str(len(audio))
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["etag"].startswith('"')


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [("bytes=0-99", 0, 100), ("bytes=100-", 100, None), ("bytes=-50", -50, None)],
)
def test_a_range_is_answered_with_just_its_bytes(
    server: Server, finished: tuple[str, bytes], header: str, start: int, end: int | None
) -> None:
    path, audio = finished
    response = server.client.get(path, headers={"Range": header})
    assert response.status_code == 206
    assert response.content == audio[start:end]
    assert response.headers["content-range"].endswith(f"/{len(audio)}")


def test_a_range_beyond_the_end_is_refused_in_the_error_shape(
    server: Server, finished: tuple[str, bytes]
) -> None:
    path, audio = finished
    response = server.client.get(path, headers={"Range": f"bytes={len(audio)}-"})
    assert response.status_code == 416
    assert response.json()["error"]["code"] == "range_not_satisfiable"
    assert response.headers["content-range"] == f"bytes */{len(audio)}"


def test_a_caller_that_has_the_audio_is_told_so(
    server: Server, finished: tuple[str, bytes]
) -> None:
    path, _ = finished
    etag = server.client.get(path).headers["etag"]
    assert server.client.get(path, headers={"If-None-Match": etag}).status_code == 304


def test_a_range_of_another_version_gets_the_whole(
    server: Server, finished: tuple[str, bytes]
) -> None:
    path, audio = finished
    response = server.client.get(path, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (response.status_code, response.content) == (200, audio)


def test_head_answers_with_the_headers_alone(server: Server, finished: tuple[str, bytes]) -> None:
    path, audio = finished
    response = server.client.head(path)
    assert response.status_code == 200
    assert response.headers["content-length"] == str(len(audio))
    assert response.content == b""


@pytest.mark.parametrize(
    "header", [None, "", "bytes=", "bytes=-", "bytes=5-2", "items=0-1", "bytes=0-1,4-5"]
)
def test_a_range_that_says_nothing_usable_is_ignored(header: str | None) -> None:
    assert parse_range(header, 10) is None


def test_a_suffix_longer_than_the_file_is_the_whole_file() -> None:
    assert parse_range("bytes=-100", 10) == (0, 10)


def test_no_byte_of_an_empty_file_can_be_asked_for() -> None:
    with pytest.raises(SpeechError):
        parse_range("bytes=0-0", 0)
