"""`docs/providers.md`: its example is a working provider, and its tables are configuration."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from providers.calling import KEY, NOW, send, spoken
from stentor.audio.form import AudioForm
from stentor.config import load
from stentor.providers.base import Provider, Script, Settings, Turn
from stentor.providers.catalogue import load_file
from stentor.providers.faults import FaultKind, ProviderError
from upstream.server import running
from upstream.values import Answer, Received, Sound

PAGE = (Path(__file__).parents[2] / "docs" / "providers.md").read_text(encoding="utf-8")
VARIABLES = {
    "OPENAI_API_KEY": "key-a",
    "ELEVENLABS_A": "key-b",
    "ELEVENLABS_B": "key-c",
    "MURF_API_KEY": "key-d",
    "ACME_API_KEY": "key-e",
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


class AcmeVendor:
    """The vendor of the example."""

    def answer(self, received: Received, sound: Sound) -> Answer | None:
        if not received.headers.get("authorization", "").startswith("Bearer "):
            return self.refuse("auth", received)
        headers = {"content-type": "application/json"}
        if (received.method, received.path) == ("GET", "/voices"):
            after = dict(received.query).get("after")
            page: dict[str, Any] = (
                {"voices": [{"id": "v2", "name": "Two"}]}
                if after == "v1"
                else {"voices": [{"id": "v1", "name": "One"}], "after": "v1"}
            )
            return Answer(200, headers, [json.dumps(page).encode()])
        if (received.method, received.path) != ("POST", "/speak"):
            return None
        body = received.json()
        assert body["format"] == "pcm_24000" and body["mood"] == "calm" and body["speed"] == 1.5
        clip = sound.clip(AudioForm("pcm", 24_000), body["text"])
        return Answer(200, {"content-type": "audio/pcm"}, [clip])

    def refuse(self, kind: FaultKind, received: Received) -> Answer:
        status, code = {"auth": (401, "bad_key"), "quota": (403, "out_of_credit")}[kind]
        error = {"error": {"code": code, "message": "No."}}
        return Answer(status, {"content-type": "application/json"}, [json.dumps(error).encode()])


@pytest.fixture
def acme(tmp_path: Path) -> type[Provider]:
    (code,) = blocks("python")
    assert len(code.splitlines()) <= 60
    path = tmp_path / "acme.py"
    path.write_text(code, encoding="utf-8")
    return load_file(path)


def script(provider: Provider) -> Script:
    return Script(
        model="acme-1",
        turns=(Turn("Sing, goddess.", "v1"),),
        format=provider.capabilities("acme-1").formats[0],
        speed=1.5,
        extra={"mood": "calm"},
    )


async def test_the_example_speaks(acme: type[Provider]) -> None:
    async with running(AcmeVendor()) as upstream:
        provider = acme(Settings(name="mine", base_url=upstream.url))
        audio, _ = await spoken(provider, script(provider))
    assert len(audio) >= 24_000 and len(audio) % 2 == 0


async def test_the_example_lists_voices_page_by_page(acme: type[Provider]) -> None:
    async with running(AcmeVendor()) as upstream:
        provider = acme(Settings(name="mine", base_url=upstream.url))
        found, page = [], None
        while True:
            call = provider.voices_call(KEY, page, NOW)
            assert call is not None
            answer = provider.read_voices((await send(call))[1])
            found += answer.voices
            if (page := answer.next) is None:
                break
    assert [(voice.id, voice.name, voice.provider) for voice in found] == [
        ("v1", "One", "mine"),
        ("v2", "Two", "mine"),
    ]


@pytest.mark.parametrize("kind", ["auth", "quota"])
async def test_the_example_tells_a_bad_key_from_an_empty_account(
    acme: type[Provider], kind: FaultKind
) -> None:
    async with running(AcmeVendor()) as upstream:
        provider = acme(Settings(base_url=upstream.url))
        upstream.refusals = [kind]
        with pytest.raises(ProviderError) as caught:
            await spoken(provider, script(provider))
    assert caught.value.kind == kind


def test_the_tables_of_the_page_load(tmp_path: Path) -> None:
    tables = [block for block in blocks("toml") if block.startswith("[providers")]
    file = tmp_path / "stentor.toml"
    file.write_text("\n".join(tables), encoding="utf-8")
    named = load(file, VARIABLES).providers.named
    assert named.keys() == {"openai", "kokoro-box", "vllm", "elevenlabs", "murf", "acme"}
    labels = [(key.label, key.weight) for key in named["elevenlabs"].labelled_keys]
    assert labels == [("a", 2), ("b", 1)]
    assert named["murf"].prices["gen2"].per_million_characters == 24
