"""With `enable_logging: false`, nothing of a text stays anywhere once its job is gone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from support import JOBS, Server

SECRET = "Xylophonic quagmire"
TEXT = f"{SECRET} 𝕏 ☃ ʘ. {SECRET} again, ꙮ ᚠ."


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_word_of_a_private_text_reaches_a_log_and_its_segments_go_with_it(
    tmp_path: Path, form: str
) -> None:
    log = tmp_path / "log"
    server = Server(
        tmp_path / "data",
        log=log,
        STENTOR_LOGGING_LEVEL="debug",
        STENTOR_LOGGING_FORMAT=form,
        STENTOR_JOBS_SWEEP_INTERVAL_SECONDS="1",
    )
    segments = tmp_path / "data" / "segments"
    try:
        for text in (TEXT, f"{SECRET} {SECRET}. ʘ ʘ."):
            private = server.submit(input=text, enable_logging=False)
            server.finish(private["id"])
        # A model that has gone, a body that is wrong: errors are told to the caller alone.
        wrong = {"model": SECRET, "input": SECRET, "voice": 3, "enable_logging": False}
        assert server.client.post(JOBS, json=wrong).status_code == 400
        deadline = time.monotonic() + 20
        while list(segments.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert list(segments.iterdir()) == []
    finally:
        server.stop()
    said = log.read_text()
    assert "segment.spoken" in said
    for word in [*SECRET.split(), "𝕏", "☃", "ʘ", "\\u0298"]:
        assert word.lower() not in said.lower()
