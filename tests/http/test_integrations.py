"""The requests that Open WebUI and Home Assistant's speech integrations make, as they make them."""

from __future__ import annotations

import pytest

from support import MODEL, Server

TEXT = "The lights are on."


def test_open_webui_finds_voices_and_models_beside_the_openai_api(server: Server) -> None:
    # It sends no key with these two, and reads nothing but this.
    voices = server.client.get("/v1/audio/voices").json().get("voices", [])
    assert {voice["id"]: voice["name"] for voice in voices}["joe"] == "Joe"
    models = server.client.get("/v1/audio/models").json().get("models", [])
    assert MODEL in [model["id"] for model in models]


def test_the_models_are_the_same_under_both_names(server: Server) -> None:
    models = server.client.get("/v1/models").json()
    assert server.client.get("/v1/audio/models").json() == {"models": models["data"]}


def test_open_webui_speaks_by_the_openai_api(server: Server) -> None:
    answer = server.client.post(
        "/v1/audio/speech",
        json={"input": TEXT, "voice": "joe", "model": MODEL},
        headers={"Authorization": "Bearer none", "X-OpenWebUI-User-Name": "ann"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "audio/mpeg"


def test_open_webui_reads_why_it_was_refused(server: Server) -> None:
    answer = server.client.post(
        "/v1/audio/speech", json={"input": TEXT, "voice": "alloy", "model": "tts-1"}
    )
    assert answer.status_code == 400
    assert "tts-1" in answer.json()["error"].get("message", "")


@pytest.mark.parametrize(
    "headers",
    [
        {"xi-api-key": "any", "Content-Type": "application/json"},
        # What remains of a key that was left empty.
        {"xi-api-key": "", "Content-Type": "application/json"},
    ],
)
def test_open_webui_finds_voices_and_models_by_the_elevenlabs_api(
    server: Server, headers: dict[str, str]
) -> None:
    voices = server.client.get("/elevenlabs/v1/voices", headers=headers).json()
    assert {one["voice_id"]: one["name"] for one in voices.get("voices", [])}["joe"] == "Joe"
    models = server.client.get("/elevenlabs/v1/models", headers=headers).json()
    assert [one["name"] for one in models if one["model_id"] == MODEL] == ["en_US-joe-medium"]


@pytest.mark.parametrize("query", ["", "?output_format=mp3_44100_128"])
def test_open_webui_speaks_by_the_elevenlabs_api(server: Server, query: str) -> None:
    answer = server.client.post(
        f"/elevenlabs/v1/text-to-speech/joe{query}",
        json={
            "text": TEXT,
            "model_id": "eleven_multilingual_v2",
            "voice_settings": {"stability": 0.5, "similarity_boost": 0.5},
        },
        headers={"Accept": "audio/mpeg", "Content-Type": "application/json", "xi-api-key": "any"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "audio/mpeg"


@pytest.mark.parametrize("response_format", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
def test_home_assistant_speaks_by_the_openai_api(server: Server, response_format: str) -> None:
    answer = server.client.post(
        "/v1/audio/speech",
        json={
            "model": MODEL,
            "input": TEXT,
            "voice": "joe",
            "response_format": response_format,
            "speed": 1.0,
            "instructions": "Speak calmly.",
        },
        headers={"Authorization": "Bearer none", "Content-Type": "application/json"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.content
