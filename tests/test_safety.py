"""What is refused at the start rather than regretted later."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx
import pytest

from support import JOBS, STENTOR, Server, request, story


def serve(*options: str, port: int = 0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*STENTOR, "serve", "--port", str(port), *options],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_serving_beyond_loopback_without_keys_is_refused_unless_asked_for(tmp_path: Path) -> None:
    done = serve("--host", "0.0.0.0", "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert "--allow-unauthenticated" in done.stderr


def test_an_unknown_option_stops_the_start_with_its_name_and_line(tmp_path: Path) -> None:
    config = tmp_path / "stentor.toml"
    config.write_text("[server]\n\nprot = 80\n")
    done = serve("--config", str(config), "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert f"{config}:3" in done.stderr
    assert "prot" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_said_plainly(server: Server, tmp_path: Path) -> None:
    port = httpx.URL(server.url).port
    done = serve("--data-dir", str(tmp_path), port=port)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "stentor.toml").write_text(
        '[keys.alice]\nvalue = "env:ALICE_KEY"\n[keys.bob]\nvalue = "bob-secret-key"\n'
        '[models]\n"tts-1" = "piper/en_US-joe-medium"\n'
    )
    running = Server(
        folder / "data", "--config", str(folder / "stentor.toml"), ALICE_KEY="alice-secret-key"
    )
    yield running
    running.stop()


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "missing_api_key"),
        ({"Authorization": "Basic x"}, "missing_api_key"),
        ({"Authorization": "Bearer wrong"}, "invalid_api_key"),
        ({"x-api-key": "wrong"}, "invalid_api_key"),
    ],
)
def test_where_keys_are_on_a_caller_without_one_is_refused(
    guarded: Server, headers: dict[str, str], code: str
) -> None:
    response = guarded.client.post(JOBS, json=request(), headers=headers)
    assert response.status_code == 401
    assert response.json()["error"]["code"] == code
    assert guarded.client.get("/v1/models", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer alice-secret-key"},
        {"x-bf-vk": "alice-secret-key"},
        {"x-api-key": "alice-secret-key"},
    ],
)
def test_a_caller_sees_its_own_jobs_and_nobody_elses(
    guarded: Server, headers: dict[str, str]
) -> None:
    job_id = guarded.submit(headers=headers)["id"]
    bob = {"x-api-key": "bob-secret-key"}
    assert guarded.client.get(f"{JOBS}/{job_id}", headers=headers).status_code in (200, 202)
    unknown = guarded.client.get(f"{JOBS}/0192f0c1-2345-7abc-8def-0123456789ab", headers=bob)
    for response in (
        guarded.client.get(f"{JOBS}/{job_id}", headers=bob),
        guarded.client.get(f"{JOBS}/{job_id}/audio", headers=bob),
        guarded.client.delete(f"{JOBS}/{job_id}", headers=bob),
    ):
        assert response.status_code == 404
        assert response.json()["error"]["message"] == unknown.json()["error"]["message"]


def test_a_configured_alias_is_a_model(guarded: Server) -> None:
    key = {"x-api-key": "bob-secret-key"}
    assert guarded.submit(headers=key, model="tts-1")["status"] == "pending"


def test_a_full_queue_refuses_before_anything_is_accepted(tmp_path: Path) -> None:
    server = Server(tmp_path, STENTOR_JOBS_QUEUE_LIMIT="2", STENTOR_JOBS_CONCURRENCY="1")
    try:
        answers = [server.client.post(JOBS, json=request(input=story(200))) for _ in range(6)]
        refused = [answer for answer in answers if answer.status_code == 503]
        assert refused
        assert refused[0].json()["error"]["code"] == "queue_full"
        assert int(refused[0].headers["retry-after"]) > 0
        accepted = [answer.json()["id"] for answer in answers if answer.status_code == 202]
        assert 2 <= len(accepted) <= 4
        for job_id in accepted:
            assert server.client.delete(f"{JOBS}/{job_id}").status_code == 200
    finally:
        server.stop()
