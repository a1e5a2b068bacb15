"""The document describes the server: schemathesis holds one against the other."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from stentor.http.openapi import document
from support import JOBS, Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(
        tmp_path_factory.mktemp("server"),
        STENTOR_SERVER_MAX_WAIT_SECONDS="1",
        STENTOR_JOBS_MAX_TTL_SECONDS="7200",
    )
    yield running
    running.stop(signal.SIGKILL)


schema = schemathesis.openapi.from_dict(json.loads(document()))


@schema.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_every_answer_is_one_that_the_document_describes(
    case: schemathesis.Case, server: Server
) -> None:
    response = case.call(base_url=server.url)
    assert response.status_code < 500, response.text
    case.validate_response(
        response,
        checks=[
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ],
    )


def test_the_document_is_served_and_is_openapi_3_1(server: Server) -> None:
    document_ = httpx.get(f"{server.url}/openapi.json").json()
    assert document_["openapi"].startswith("3.1")
    fields = document_["components"]["schemas"]["SpeechRequest"]["properties"]
    assert fields["speed"]["anyOf"][0]["maximum"] == 4.0
    for path in ("", "/{job_id}", "/{job_id}/audio", "/{job_id}/captions.vtt", "/{job_id}/events"):
        assert JOBS + path in document_["paths"]
    ttl = document_["paths"][JOBS]["post"]["parameters"][0]
    assert (ttl["name"], ttl["schema"]["maximum"]) == ("x-bf-async-job-result-ttl", 7200)
    job = document_["components"]["schemas"]["Job"]["properties"]
    assert job["created_at"] == {"type": "string", "format": "date-time"}
    assert set(job["status"]["enum"]) == {"pending", "processing", "completed", "failed"}
