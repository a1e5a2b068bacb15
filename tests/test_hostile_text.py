"""Text that nobody should send: it is spoken, or refused with a reason; it never does harm."""

from __future__ import annotations

import pytest

from support import JOBS, Server, request

SPOKEN = {
    "emoji only": "😀🎉👨‍👩‍👧",
    "right to left": "שלום עולם. مرحبا بالعالم.",
    "mixed scripts": "Hello мир, 世界 and 🌍, naïve café.",
    "control characters between words": "Hello\x00\x07 the\x1b[31m world\u202e.",
    "a word of 500 characters": "x" * 500,
    "400 digits": "0123456789" * 40,
    "markup": "Say <speak>Hello & <b>good</b> [[bye]] &amp; all</speak>",
    "ssml": "<speak>Hello &amp; <b>good</b> [[bye]] <break time='1s'/> all</speak>",
    "a very long line of clauses": "and so on, " * 100,
}
REFUSED = {
    "empty": "",
    "white space only": " \n\t\u3000\u200b",
    "control characters only": "\x00\x01\x02",
    "ornaments only": "* * * --- ...",
}


@pytest.mark.parametrize("text", SPOKEN.values(), ids=SPOKEN.keys())
def test_it_is_spoken(server: Server, text: str) -> None:
    job = server.finish(server.submit(input=text)["id"])
    assert job["status"] == "completed", job
    assert job["result"]["duration_seconds"] > 0.3
    assert job["progress"]["segments_done"] == job["progress"]["segments_total"]


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_it_is_refused_with_the_reason(server: Server, text: str) -> None:
    response = server.client.post(JOBS, json=request(input=text))
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "input"


@pytest.mark.parametrize("body", [b'"\\ud800"', b'"a\\udc00b"', b'"\\ud83d"'])
def test_half_a_character_is_refused_as_malformed(server: Server, body: bytes) -> None:
    content = b'{"model": "piper/en_US-joe-medium", "voice": "joe", "input": ' + body + b"}"
    response = server.client.post(
        JOBS, content=content, headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 400
    assert response.json()["error"]["code"] in ("invalid_json", "invalid_text")


def test_a_text_of_a_million_characters_is_accepted_and_can_be_cancelled(server: Server) -> None:
    job_id = server.submit(input="One endless paragraph goes on. " * 33_000)["id"]
    while server.client.get(f"{JOBS}/{job_id}").json()["progress"]["segments_done"] == 0:
        pass
    assert server.client.delete(f"{JOBS}/{job_id}").json()["status_code"] == 499
