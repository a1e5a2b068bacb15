"""The life of a job over HTTP, on a real server with its real voice."""

from __future__ import annotations

import base64
import hashlib
import time
import uuid
from datetime import datetime, timedelta

import pytest

from support import JOBS, MODEL, Server, request, story


def test_the_reference_pages_curl_is_accepted_and_answered_with_a_pending_job(
    server: Server,
) -> None:
    response = server.client.post(
        JOBS,
        json=request(
            fallbacks=[MODEL],
            stream_format="sse",
            instructions="Calmly.",
            response_format="mp3",
            speed=2.125,
            language_code="en",
            pronunciation_dictionary_locators=[],
            enable_logging=True,
            optimize_streaming_latency=True,
            with_timestamps=False,
        ),
    )
    assert response.status_code == 202
    job = response.json()
    assert job["status"] == "pending"
    assert uuid.UUID(job["id"]).version == 7
    assert datetime.fromisoformat(job["created_at"]).utcoffset() == timedelta(0)
    assert response.headers["location"] == f"{JOBS}/{job['id']}"
    assert int(response.headers["retry-after"]) >= 1


def test_a_job_completes_with_its_audio_and_all_that_is_known_about_it(server: Server) -> None:
    job = server.finish(server.submit(input="The herald spoke.", response_format="wav")["id"])
    result = job["result"]
    audio = base64.b64decode(result["audio"])

    assert (job["status"], job["status_code"]) == ("completed", 200)
    assert audio[:4] == b"RIFF"
    assert result["content_type"] == "audio/wav"
    assert result["size_bytes"] == len(audio)
    assert result["sha256"] == hashlib.sha256(audio).hexdigest()
    assert 0.5 < result["duration_seconds"] < 4
    assert result["usage"]["input_chars"] == 17
    assert result["extra_fields"]["provider"] == "piper"
    assert result["extra_fields"]["model_used"] == MODEL
    assert result["extra_fields"]["request_type"] == "speech"
    assert [one["outcome"] for one in result["extra_fields"]["attempts"]] == ["ok"]
    assert server.client.get(result["audio_url"]).content == audio


def test_the_result_expires_its_time_to_live_after_completion(server: Server) -> None:
    accepted = server.submit(headers={"x-bf-async-job-result-ttl": "120"})
    assert "expires_at" not in accepted
    job = server.finish(accepted["id"])
    lived = datetime.fromisoformat(job["expires_at"]) - datetime.fromisoformat(job["completed_at"])
    assert lived == timedelta(seconds=120)


def test_a_result_with_a_time_to_live_of_zero_is_hidden_at_once(server: Server) -> None:
    job_id = server.submit(headers={"x-bf-async-job-result-ttl": "0"})["id"]
    while (response := server.client.get(f"{JOBS}/{job_id}")).status_code == 202:
        pass
    assert response.status_code == 404
    assert server.client.get(f"{JOBS}/{job_id}/audio").status_code == 404


def test_progress_moves_while_a_job_runs_and_ends_at_the_whole(server: Server) -> None:
    text = story(8)
    job_id = server.submit(input=text)["id"]
    seen = set()
    while (response := server.client.get(f"{JOBS}/{job_id}")).status_code == 202:
        seen.add(response.json()["progress"]["segments_done"])
        time.sleep(0.01)
    progress = response.json()["progress"]
    assert len(seen) >= 2
    assert progress["segments_done"] == progress["segments_total"]
    assert progress["characters_done"] == len(text)
    assert progress["audio_seconds"] == pytest.approx(
        response.json()["result"]["duration_seconds"], abs=0.01
    )


def test_a_live_job_that_is_deleted_ends_as_cancelled(server: Server) -> None:
    job_id = server.submit(input="A long story. " * 400)["id"]
    response = server.client.delete(f"{JOBS}/{job_id}")
    assert response.status_code == 200
    job = response.json()
    assert (job["status"], job["status_code"]) == ("failed", 499)
    assert job["error"]["error"]["code"] == "cancelled"
    assert server.client.get(f"{JOBS}/{job_id}").json()["status"] == "failed"


def test_a_finished_job_that_is_deleted_is_gone_with_its_audio(server: Server) -> None:
    job_id = server.finish(server.submit()["id"])["id"]
    assert (server.data_dir / "audio" / job_id).exists()
    assert server.client.delete(f"{JOBS}/{job_id}").status_code == 204
    assert server.client.get(f"{JOBS}/{job_id}").status_code == 404
    assert server.client.delete(f"{JOBS}/{job_id}").status_code == 404
    assert not (server.data_dir / "audio" / job_id).exists()


def test_fields_that_nobody_knows_are_reported_as_ignored(server: Server) -> None:
    job = server.finish(server.submit(stability=0.5, instructions="Calmly.")["id"])
    assert job["result"]["extra_fields"]["ignored_params"] == ["instructions", "stability"]


def test_a_small_job_does_not_wait_for_a_long_one_to_end(server: Server) -> None:
    long = server.submit(input="This is one of very many sentences. " * 400)["id"]
    short = server.submit(input="Me first.")["id"]
    assert server.finish(short)["status"] == "completed"
    assert server.client.get(f"{JOBS}/{long}").json()["status"] == "processing"
    server.client.delete(f"{JOBS}/{long}")


def test_the_callers_request_id_is_kept_with_the_job(server: Server) -> None:
    job = server.submit(headers={"x-request-id": "chapter-1"})
    assert server.finish(job["id"])["request_id"] == "chapter-1"
