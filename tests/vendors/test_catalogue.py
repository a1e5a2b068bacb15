"""What the gateway tells of its vendors, and what it says of a wrong configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from stentor.accounts import open_accounts
from stentor.config import ConfigError, load
from upstream.openai import OwnServer
from vendors_support import MODELS, open_door


async def test_models_have_their_capabilities_and_prices(tmp_path: Path) -> None:
    more = f'[models]\nherald = "{MODELS["elevenlabs"]}"'
    async with open_door(tmp_path, ["elevenlabs", "deepgram"], more=more) as door:
        listed = {one["id"]: one for one in (await door.client.get("/v1/models")).json()["data"]}
    flash = listed[MODELS["elevenlabs"]]
    assert flash["owned_by"] == "elevenlabs"
    assert flash["capabilities"]["timestamps"] == "character"
    assert flash["capabilities"]["max_chars"] == 40_000
    assert {"mp3", "pcm", "ulaw"} <= set(flash["capabilities"]["formats"])
    assert flash["price"]["per_million_characters"] > 0 and flash["price"]["source"]
    assert listed["herald"]["name"] == flash["id"]
    assert listed["herald"]["capabilities"] == flash["capabilities"]
    assert "piper/en_US-joe-medium" in listed


async def test_voices_are_listed_live_and_one_that_cannot_be_asked_is_told(
    tmp_path: Path,
) -> None:
    async with open_door(tmp_path) as door:
        door.vendors["elevenlabs"].faults = lambda _: "server"
        answer = (await door.client.get("/v1/audio/voices")).json()
        door.vendors["elevenlabs"].faults = []
        only = (await door.client.get("/v1/audio/voices?provider=openai")).json()
        wrong = await door.client.get("/v1/audio/voices?provider=nobody")
    assert "joe" in {one["id"] for one in answer["voices"]}
    assert any("elevenlabs" in warning for warning in answer["warnings"])
    assert not any("secret-" in warning for warning in answer["warnings"])
    assert {one["provider"] for one in only["voices"]} <= {"openai"}
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "provider")


async def test_a_server_of_ones_own_needs_no_key_and_takes_any_model(tmp_path: Path) -> None:
    own = {"box": OwnServer(voices=["af_heart", "am_adam"])}
    async with open_door(tmp_path, [], own=own) as door:
        result = await door.result(model="box/whatever/it-is", voice="af_heart", tempo=3)
        voices = (await door.client.get("/v1/audio/voices?provider=box")).json()["voices"]
        [call] = door.said("box")
    assert [one["id"] for one in voices] == ["af_heart", "am_adam"]
    assert call.json()["model"] == "whatever/it-is"
    assert call.json()["tempo"] == 3
    assert result["extra_fields"]["ignored_params"] == []


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("[providers.openai]", "[providers.openai] api_key: missing"),
        ("[providers.openai]", "OPENAI_API_KEY"),
        ('[providers.nobody]\napi_key = "x"', "[providers.nobody] type: 'nobody' is no type"),
        (
            '[providers.murf]\napi_key = "x"\noptions = { planet = "mars" }',
            "[providers.murf] options.planet: unknown option",
        ),
        ('[providers.mine]\nfile = "nothing.py"', "[providers.mine] file: "),
    ],
)
def test_a_provider_that_cannot_be_used_is_said_at_the_start(
    tmp_path: Path, toml: str, says: str
) -> None:
    file = tmp_path / "stentor.toml"
    file.write_text(toml)
    with pytest.raises(ConfigError) as refused:
        open_accounts(load(file, {}, {}), {})
    assert says in str(refused.value)


def test_a_vendors_own_variable_has_its_key_and_goes_nowhere_else(tmp_path: Path) -> None:
    file = tmp_path / "stentor.toml"
    file.write_text('[providers.openai]\n[providers.box]\ntype="openai"\nbase_url="http://box/v1"')
    accounts = open_accounts(load(file, {}, {}), {"OPENAI_API_KEY": "sk-1"})
    key = accounts["openai"].keys.in_turn[0]
    assert key.value is not None and key.value.reveal() == "sk-1"
    assert accounts["box"].keys.in_turn[0].value is None


async def test_a_provider_of_ones_own_is_one_file(tmp_path: Path) -> None:
    file = tmp_path / "acme.py"
    file.write_text(ACME)
    async with open_door(tmp_path, ["openai"], options={"openai": f'file = "{file}"'}) as door:
        result = await door.result(model="openai/acme-1", voice="anyone", input="Hello there.")
        [call] = door.said("openai")
    assert call.json()["input"] == "Hello there."
    assert result["duration_seconds"] >= 0.9


ACME = """
import msgspec

from stentor.audio.form import AudioForm
from stentor.providers.base import Capabilities, Provider, VendorFormat
from stentor.providers.wire import HttpCall


class Acme(Provider):
    type = "acme"
    title = "Acme"
    reference = "https://acme.example"
    base_url = "https://acme.example"
    models = {"acme-1": Capabilities(formats=(VendorFormat(AudioForm("wav"), "wav"),))}

    def request(self, script, key, now):
        headers = {"Authorization": f"Bearer {key.reveal()}"}
        body = {"model": "m", "input": script.text, "voice": "v", "response_format": "wav"}
        return HttpCall("POST", f"{self.base_url}/audio/speech", headers, msgspec.json.encode(body))
"""
