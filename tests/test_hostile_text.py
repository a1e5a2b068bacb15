"""Text that nobody should send: it is spoken, or refused with a reason; it never does harm."""

from __future__ import annotations

import pytest

from support import JOBS, Server, request

SPOKEN = {
    "emoji only": "😀🎉👨‍👩‍👧",
    "right to left": "שלום עולם. مرحبا بالعالم.",
    "mixed scripts": "Hello мир, 世界 and 🌍, naïve café.",
    "control characters between words": "Hello\x00\x07 the\x1b[31m world\u202e.",
    "a word longer than a segment": "x" * 310,
    "120 digits": "0123456789" * 12,
    "markup": "Say <speak>Hello & <b>good</b> [[bye]] &amp; all</speak>",
    "ssml": "<speak>Hello &amp; <b>good</b> [[bye]] <break time='1s'/> all</speak>",
    "a sentence longer than two segments": "and so on, " * 60,
}
REFUSED = {
    "empty": "",
    "white space only": " \n\t\u3000\u200b",
    "control characters only": "\x00\x01\x02",
    "ornaments only": "* * * --- ...",
}


@pytest.mark.parametrize("text", SPOKEN.values(), ids=SPOKEN.keys())
def test_it_is_spoken(server: Server, text: str) -> None:
    # As fast as the voice itself speaks.
    job = server.finish(server.submit(input=text, speed=1.5)["id"])
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
    server.until_spoken(job_id)
    assert server.client.delete(f"{JOBS}/{job_id}").json()["status_code"] == 499
