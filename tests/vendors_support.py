"""A gateway on a real socket, whose providers are local vendors on real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from scene_support import Scene, open_scene
from support import JOBS
from upstream import deepgram, elevenlabs, gemini, openai
from upstream.server import Upstream, running
from upstream.values import Received, Vendor

VENDORS: dict[str, Vendor] = {  # type: ignore[dict-item]
    "openai": openai,
    "elevenlabs": elevenlabs,
    "deepgram": deepgram,
    "gemini": gemini,
}
MODELS = {
    "openai": "openai/tts-1",
    "elevenlabs": "elevenlabs/eleven_flash_v2_5",
    "deepgram": "deepgram/aura-2",
    "gemini": "gemini/gemini-2.5-flash-preview-tts",
}
NARRATOR = """
[voices.narrator]
openai = "onyx"
elevenlabs = "voice0001"
deepgram = "aura-2-thalia-en"
gemini = "Kore"
piper = "joe"
"""
# A vendor that stands still is given up soon, and none is left alone unless a test wants that.
PROVIDER = """
[providers.{name}]
{type}
base_url = "{url}"
api_key = "secret-{name}"
connect_timeout_seconds = 5
first_byte_timeout_seconds = {patience}
idle_timeout_seconds = {patience}
retry_seconds = 10
{options}
"""


class Door:
    """The gateway and its vendors."""

    def __init__(self, scene: Scene, vendors: dict[str, Upstream]) -> None:
        self.scene = scene
        self.client = scene.client
        self.vendors = vendors

    async def speak(self, headers: dict[str, str] | None = None, **fields: Any) -> dict[str, Any]:
        """Submit a job and wait for its end, however it ends."""
        body = {"model": MODELS["openai"], "voice": "narrator", "input": "Hello."} | fields
        answer = await self.client.post(
            JOBS, json=body, headers={"Prefer": "wait=30", **(headers or {})}
        )
        assert answer.status_code == 200, answer.text
        job: dict[str, Any] = answer.json()
        return job

    async def result(self, **fields: Any) -> dict[str, Any]:
        """Submit a job that must be completed; its result."""
        job = await self.speak(**fields)
        assert job["status"] == "completed", job["error"]
        result: dict[str, Any] = job["result"]
        return result

    async def audio(self, result: dict[str, Any]) -> bytes:
        """The bytes of a result."""
        return (await self.client.get(result["audio_url"])).content

    def said(self, vendor: str) -> list[Received]:
        """The calls for speech that a vendor got."""
        return [one for one in self.vendors[vendor].received if one.method == "POST"]


@asynccontextmanager
async def open_door(
    folder: Path,
    names: Iterable[str] = ("openai", "elevenlabs"),
    *,
    more: str = "",
    options: dict[str, str] | None = None,
    own: dict[str, Vendor] | None = None,
    patience: float = 5,
) -> AsyncIterator[Door]:
    """Serve, with these vendors as providers.

    Args:
        more: TOML.
        options: more TOML for a provider's own table.
        own: vendors of the test's own, by name, which speak as OpenAI does.
        patience: how long a vendor may stand still, in seconds.
    """
    async with AsyncExitStack() as stack:
        vendors: dict[str, Upstream] = {}
        tables = []
        for name, vendor in ({name: VENDORS[name] for name in names} | (own or {})).items():
            vendors[name] = await stack.enter_async_context(running(vendor))
            tables.append(
                PROVIDER.format(
                    name=name,
                    type=""
                    if "file =" in (options or {}).get(name, "")
                    else f'type = "{name if name in VENDORS else "openai"}"',
                    url=vendors[name].url if name in VENDORS else f"{vendors[name].url}/v1",
                    patience=patience,
                    options=(options or {}).get(name, ""),
                )
            )
        file = folder / "stentor.toml"
        file.write_text(f"{more}\n{NARRATOR}\n{''.join(tables)}")
        scene = await stack.enter_async_context(
            open_scene(folder / "data", file=file, working=True)
        )
        door = Door(scene, vendors)
        yield door
        async with asyncio.timeout(10):
            # Nothing is left behind, once what was called off has come to its end.
            while list((folder / "data" / "spool").iterdir()):
                await asyncio.sleep(0.01)


def _type(name: str, options: str) -> str:
    """The line that says which vendor it is, unless a file of its own does."""
    if "file =" in options:
        return ""
    return f'type = "{name if name in VENDORS else "openai"}"'
