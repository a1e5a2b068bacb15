"""Whatever goes wrong, the answer has one shape, and says what to do."""

from __future__ import annotations

import json
import socket
from typing import Any

import httpx
import pytest

from support import JOBS, Server, request


def assert_error(response: httpx.Response, status: int, param: str | None = None) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    assert response.status_code == status, body
    assert response.headers["content-type"] == "application/json"
    assert body["status_code"] == status
    assert body["is_bifrost_error"] is True
    assert body["type"] == body["error"]["type"]
    assert body["event_id"] == body["error"]["event_id"]
    assert body["error"]["code"]
    assert body["error"]["message"]
    assert body["error"].get("param") == param
    return body


@pytest.mark.parametrize(
    ("fields", "param", "says"),
    [
        ({"model": "piper"}, "model", "provider/model"),
        ({"model": "nobody/nothing"}, "model", "piper/en_US-joe-medium"),
        ({"model": 7}, "model", "expected string, got integer"),
        ({"voice": "onyx"}, "voice", "joe"),
        ({"voice": []}, "voice", "length >= 1"),
        ({"voice": [{"speaker": "A"}]}, "voice[0].voice", "required"),
        ({"voice": [{"speaker": "A", "voice": "onyx"}]}, "voice[0].voice", "joe"),
        ({"input": ""}, "input", "is empty"),
        ({"input": " \n\t "}, "input", "nothing"),
        ({"input": "* * * ... !"}, "input", "nothing"),
        ({"input": None}, "input", "expected string"),
        ({"speed": 0.1}, "speed", "0.25"),
        ({"speed": 9}, "speed", "got 9"),
        ({"speed": "fast"}, "speed", "expected number, got string"),
        ({"response_format": "ogg"}, "response_format", "mp3, opus"),
        ({"stream_format": "ndjson"}, "stream_format", "one of sse, audio, got"),
        ({"fallbacks": "piper"}, "fallbacks", "array"),
        ({"fallbacks": ["openai/tts-1"]}, "fallbacks[0]", "openai/tts-1"),
        ({"language_code": "fr"}, "language_code", "en-US"),
        (
            {"pronunciation_dictionary_locators": [{"pronunciation_dictionary_id": "x"}]},
            "pronunciation_dictionary_locators",
            "is no id of one that is kept here",
        ),
        (
            {"pronunciation_dictionary_locators": [{}]},
            "pronunciation_dictionary_locators[0].pronunciation_dictionary_id",
            "required",
        ),
        (
            {"voice": [{"speaker": "A", "voice": "joe"}, {"speaker": "a", "voice": "joe"}]},
            "voice",
            "twice",
        ),
        ({"model": "m" * 300}, "model", "length <= 256"),
        ({f"x{n}": 1 for n in range(101)}, None, "at most 100"),
        ({"enable_logging": "yes"}, "enable_logging", "boolean"),
        ({"optimize_streaming_latency": 3}, "optimize_streaming_latency", "bool"),
    ],
)
def test_a_wrong_field_is_named_with_what_was_expected(
    server: Server, fields: dict[str, Any], param: str | None, says: str
) -> None:
    body = assert_error(server.client.post(JOBS, json=request(**fields)), 400, param)
    assert says in body["error"]["message"]


@pytest.mark.parametrize("field", ["model", "input", "voice"])
def test_a_missing_field_is_named(server: Server, field: str) -> None:
    body = request()
    del body[field]
    assert_error(server.client.post(JOBS, json=body), 400, field)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 5000,
        b'{"a":' * 5000,
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"{} {}",
        b"\xff",
        b'{"model": "\\ud800"}',
        b"NaN",
    ],
)
def test_a_body_that_is_not_a_json_object_is_refused(server: Server, body: bytes) -> None:
    response = server.client.post(JOBS, content=body, headers={"Content-Type": "application/json"})
    assert_error(response, 400)


def test_a_body_of_another_type_is_refused(server: Server) -> None:
    response = server.client.post(JOBS, data={"model": "x"})
    assert "application/json" in assert_error(response, 415, "content-type")["error"]["message"]


def test_a_body_that_is_too_large_is_refused(server: Server) -> None:
    response = server.client.post(JOBS, json=request(input="a" * 17_000_000))
    assert "max_body_bytes" in assert_error(response, 413)["error"]["message"]


def test_a_text_that_is_too_long_is_refused(server: Server) -> None:
    response = server.client.post(JOBS, json=request(input="a" * 5_000_001))
    assert "max_input_chars" in assert_error(response, 413, "input")["error"]["message"]


@pytest.mark.parametrize("value", ["soon", "-1", "1.5", "", "99999999999"])
def test_a_time_to_live_that_is_not_a_number_in_range_is_refused(
    server: Server, value: str
) -> None:
    header = "x-bf-async-job-result-ttl"
    response = server.client.post(JOBS, json=request(), headers={header: value})
    assert_error(response, 400, header)


@pytest.mark.parametrize(
    "job_id", ["0192f0c1-2345-7abc-8def-0123456789ab", "nonsense", "..%2f..%2fetc%2fpasswd"]
)
@pytest.mark.parametrize("suffix", ["", "/audio"])
def test_an_unknown_job_is_not_found(server: Server, job_id: str, suffix: str) -> None:
    assert_error(server.client.get(f"{JOBS}/{job_id}{suffix}"), 404)


def test_an_unknown_path_is_not_found(server: Server) -> None:
    assert "/docs" in assert_error(server.client.get("/v1/nothing"), 404)["error"]["message"]


@pytest.mark.parametrize("path", [JOBS, f"{JOBS}/x", f"{JOBS}/x/audio", "/v1/models", "/health"])
def test_a_method_that_is_not_allowed_is_answered_with_those_that_are(
    server: Server, path: str
) -> None:
    response = server.client.patch(path)
    assert_error(response, 405)
    assert response.headers["allow"]


@pytest.mark.parametrize(
    "garbage", [b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x00\xff\r\n"]
)
def test_what_is_not_http_is_refused_in_the_same_shape(server: Server, garbage: bytes) -> None:
    url = httpx.URL(server.url)
    with socket.create_connection((url.host, url.port or 0), timeout=10) as connection:
        connection.sendall(garbage)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert json.loads(body)["error"]["code"] == "invalid_http"


@pytest.mark.parametrize("depth", [500, 990, 5000])
def test_a_field_of_any_depth_is_kept_or_refused(server: Server, depth: int) -> None:
    body = json.dumps(request()).encode()[:-1] + b', "x": ' + b"[" * depth + b"]" * depth + b"}"
    response = server.client.post(JOBS, content=body, headers={"Content-Type": "application/json"})
    if response.status_code != 202:
        assert_error(response, 400)
