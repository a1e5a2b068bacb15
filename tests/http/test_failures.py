"""What the log says of faults that nobody foresaw."""

from __future__ import annotations

import pytest
import structlog
from structlog.testing import capture_logs

from scene_support import Scene
from support import JOBS, request

SECRET = "the text of a caller"


@pytest.mark.parametrize(
    ("method", "path"), [("POST", JOBS), ("GET", JOBS), ("GET", "{job}"), ("GET", "{job}/audio")]
)
async def test_a_fault_is_logged_with_its_place_but_without_its_message(
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
) -> None:
    job = await scene.submit()

    async def broken(*_: object, **__: object) -> None:
        try:
            raise ValueError(SECRET)
        except ValueError as error:
            raise RuntimeError(SECRET) from error

    for name in ("submit", "get", "list_jobs"):
        monkeypatch.setattr(type(scene.gateway.store), name, broken)
    structlog.reset_defaults()
    with capture_logs() as logs:
        response = await scene.client.request(
            method, path.format(job=job), json=request() if method == "POST" else None
        )
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "internal_error"
    [line] = [line for line in logs if line["event"] == "http.unhandled"]
    assert (line["error"], line["cause"]) == ("RuntimeError", "ValueError")
    assert line["frames"][-1].endswith("in broken")
    assert SECRET not in str(logs) + caplog.text + response.text
