"""What the server says of itself."""

from __future__ import annotations

from support import MODEL, Server


def test_the_models_are_listed(server: Server) -> None:
    body = server.client.get("/v1/models").json()
    assert body["object"] == "list"
    assert MODEL in [model["id"] for model in body["data"]]


def test_the_voices_are_listed_as_objects(server: Server) -> None:
    voices = server.client.get("/v1/audio/voices").json()["voices"]
    assert voices[0] == {
        "id": "joe",
        "name": "Joe",
        "provider": "piper",
        "model": MODEL,
        "sample_rate": 22050,
        "language": "en-US",
        "gender": "male",
    }


def test_health_and_readiness_are_answered(server: Server) -> None:
    assert server.client.get("/health").json()["status"] == "ok"
    assert server.client.get("/ready").json()["status"] == "ok"


def test_the_page_that_renders_the_api_needs_nothing_from_elsewhere(server: Server) -> None:
    page = server.client.get("/docs", follow_redirects=True)
    assert page.status_code == 200
    assert "http://" not in page.text
    assert "https://" not in page.text
    for part in ("/static/swagger-ui-bundle.js", "/static/swagger-ui.css", "/openapi.json"):
        assert part in page.text
        assert server.client.get(part).status_code == 200
