"""The page about streaming text in: its example, run against a real server."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import av

from support import Server

PAGE = Path(__file__).parents[2] / "docs" / "streaming.md"


async def answer() -> AsyncIterator[str]:
    """What a language model writes."""
    for piece in ["The her", "ald is here. ", "He has a great", " voice.", " Listen!"]:
        yield piece


async def test_the_pages_example_speaks(server: Server) -> None:
    match = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert match
    example: dict[str, Any] = {}
    exec(match[1], example)
    file = io.BytesIO()
    await example["speak"](server.url.replace("http://", "ws://"), answer(), file)
    file.seek(0)
    with av.open(file, format="mp3") as container:
        seconds = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    assert 3 < seconds < 10
