"""Pronunciation dictionaries over HTTP and from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.here import stentor_here
from scene_support import Scene
from stentor.lexicon.contract import DICTIONARIES_PATH as PATH
from stentor.lexicon.pls import NAMESPACE
from support import Server

ALIAS = {"type": "alias", "string_to_replace": "nginx", "alias": "engine X"}
PHONEME = {
    "type": "phoneme",
    "string_to_replace": "Siobhan",
    "phoneme": "SH IH0 V AO1 N",
    "alphabet": "cmu-arpabet",
    "case_sensitive": False,
    "word_boundaries": None,
}
PLS = f"""<lexicon version="1.0" xmlns="{NAMESPACE}" alphabet="ipa" xml:lang="en">
<lexeme><grapheme>SQL</grapheme><phoneme>ˈsiːkwəl</phoneme><alias>sequel</alias></lexeme>
</lexicon>"""
PLS_TYPE = {"content-type": "application/pls+xml"}


async def created(scene: Scene, *rules: Any, **fields: Any) -> dict[str, Any]:
    response = await scene.client.post(PATH, json={"name": "Names", "rules": rules, **fields})
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


async def shown(scene: Scene, made: dict[str, Any]) -> list[dict[str, Any]]:
    """The rules of the newest version."""
    one = (await scene.client.get(f"{PATH}/{made['id']}")).json()
    version = await scene.client.get(f"{PATH}/{made['id']}/versions/{one['version_id']}")
    assert version.status_code == 200, version.text
    rules: list[dict[str, Any]] = version.json()["rules"]
    return rules


async def test_rules_are_made_a_dictionary(scene: Scene) -> None:
    response = await scene.client.post(
        PATH, json={"name": " My  names ", "description": "d", "rules": [ALIAS, PHONEME]}
    )
    made = response.json()
    assert response.headers["location"] == f"{PATH}/{made['id']}"
    assert (made["name"], made["description"], made["version_rules_num"]) == ("My names", "d", 2)
    assert (await scene.client.get(response.headers["location"])).json() == made
    assert await shown(scene, made) == [
        {**ALIAS, "case_sensitive": True, "word_boundaries": True},
        {
            "type": "phoneme",
            "string_to_replace": "Siobhan",
            "phoneme": "ʃɪvˈɔn",
            "alphabet": "ipa",
            "case_sensitive": False,
            "word_boundaries": True,
        },
    ]


@pytest.mark.parametrize("media", ["application/pls+xml", "text/xml; charset=utf-8"])
async def test_a_pls_document_is_made_a_dictionary_and_comes_back_as_one(
    scene: Scene, media: str
) -> None:
    response = await scene.client.post(
        f"{PATH}?name=From+a+file", content=PLS, headers={"content-type": media}
    )
    made = response.json()
    assert (response.status_code, made["name"]) == (201, "From a file")
    rules = await shown(scene, made)
    assert [(one["type"], one["language"]) for one in rules] == [("phoneme", "en"), ("alias", "en")]
    url = f"{PATH}/{made['id']}/versions/{made['version_id']}"
    for asked in (
        await scene.client.get(url, headers={"accept": "application/pls+xml, */*"}),
        await scene.client.get(url, params={"format": "pls"}),
    ):
        assert asked.headers["content-type"] == "application/pls+xml"
        again = await scene.client.post(f"{PATH}?name=x", content=asked.content, headers=PLS_TYPE)
        assert await shown(scene, again.json()) == rules
    for accept in ("*/*", "application/json, application/pls+xml"):
        asked = await scene.client.get(url, headers={"accept": accept})
        assert asked.headers["content-type"] == "application/json"


async def test_a_wrong_document_is_refused_with_its_place(scene: Scene) -> None:
    wrong = PLS.replace("<phoneme>", "<phonem>")
    refused = await scene.client.post(f"{PATH}?name=x", content=wrong, headers=PLS_TYPE)
    assert refused.status_code == 400
    error = refused.json()["error"]
    assert error["code"] == "invalid_pls"
    assert error["message"].startswith("line 2, column 33: <phonem> is no element of PLS")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"name": "x"}, "rules"),
        ({"rules": []}, "name"),
        ({"name": " ", "rules": []}, "name"),
        ({"name": "x" * 201, "rules": []}, "name"),
        ({"name": "x", "rules": [], "language": "not a tag"}, "language"),
        ({"name": "x", "rules": [ALIAS, {**ALIAS, "alias": 5}]}, "rules[1].alias"),
        ({"name": "x", "rules": [{**ALIAS, "alias": " "}]}, "rules[0].alias"),
        ({"name": "x", "rules": [{**ALIAS, "type": "allias"}]}, "rules[0].type"),
        ({"name": "x", "rules": [{**ALIAS, "word_boundary": 1}]}, "rules[0].word_boundary"),
        ({"name": "x", "rules": [{**ALIAS, "string_to_replace": "\u200b"}]},
         "rules[0].string_to_replace"),
        ({"name": "x", "rules": [{**PHONEME, "alphabet": "sampa"}]}, "rules[0].alphabet"),
        ({"name": "x", "rules": [{**PHONEME, "phoneme": "SHIV"}]}, "rules[0].phoneme"),
        ({"name": "x", "rules": [{**ALIAS, "language": "e"}]}, "rules[0].language"),
        ({"name": "x", "rules": [ALIAS] * 10_001}, "rules"),
    ],
)  # fmt: skip
async def test_a_wrong_field_is_named(scene: Scene, body: dict[str, Any], param: str) -> None:
    refused = await scene.client.post(PATH, json=body)
    assert refused.status_code == 400
    error = refused.json()["error"]
    assert error["param"] == param
    assert error["message"].startswith(param)


async def test_a_body_of_another_kind_or_too_large_is_refused(scene: Scene) -> None:
    form = await scene.client.post(PATH, data={"name": "x"})
    assert (form.status_code, form.json()["error"]["param"]) == (415, "content-type")
    large = await scene.client.post(f"{PATH}?name=x", content=b" " * 2**22 + b" ", headers=PLS_TYPE)
    assert large.status_code == 413
    nameless = await scene.client.post(PATH, content=PLS, headers=PLS_TYPE)
    assert (nameless.status_code, nameless.json()["error"]["param"]) == (400, "name")


async def test_rules_are_added_removed_and_replaced_by_versions(scene: Scene) -> None:
    made = await created(scene, ALIAS, PHONEME)
    versions = f"{PATH}/{made['id']}/versions"
    new = {**ALIAS, "alias": "engine ex"}
    changed = await scene.client.post(versions, json={"add": [new], "remove": ["Siobhan"]})
    assert (changed.status_code, changed.json()["version_rules_num"]) == (201, 1)
    assert (await scene.client.get(changed.headers["location"])).json()["rules"] == [
        {**new, "case_sensitive": True, "word_boundaries": True}
    ]
    replaced = await scene.client.post(versions, content=PLS, headers=PLS_TYPE)
    assert [one["string_to_replace"] for one in await shown(scene, made)] == ["SQL", "SQL"]
    emptied = await scene.client.post(versions, json={"rules": []})
    assert await shown(scene, made) == []
    page = (await scene.client.get(versions, params={"limit": 2})).json()
    assert [one["version_id"] for one in page["data"]] == [
        emptied.json()["version_id"],
        replaced.json()["version_id"],
    ]
    assert page["has_more"]
    rest = (await scene.client.get(versions, params={"after": page["last_id"]})).json()
    assert [one["version_rules_num"] for one in rest["data"]] == [1, 2]
    assert not rest["has_more"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, None),
        ({"add": [], "remove": []}, None),
        ({"rules": [], "add": []}, "rules"),
        ({"remove": ["nobody"]}, "remove[0]"),
        ({"remove": [" "]}, "remove[0]"),
        ({"add": [{**ALIAS, "alias": ""}]}, "add[0].alias"),
    ],
)
async def test_a_wrong_change_is_refused(
    scene: Scene, body: dict[str, Any], param: str | None
) -> None:
    made = await created(scene, ALIAS)
    refused = await scene.client.post(f"{PATH}/{made['id']}/versions", json=body)
    assert (refused.status_code, refused.json()["error"].get("param")) == (400, param)
    assert refused.json()["error"]["message"]
    assert len(await shown(scene, made)) == 1


async def test_dictionaries_are_listed_and_deleted(scene: Scene) -> None:
    made = [await created(scene, ALIAS) for _ in range(3)]
    page = (await scene.client.get(PATH, params={"limit": 2})).json()
    assert [one["id"] for one in page["data"]] == [made[2]["id"], made[1]["id"]]
    assert page["has_more"]
    rest = (await scene.client.get(PATH, params={"after": page["last_id"]})).json()
    assert [one["id"] for one in rest["data"]] == [made[0]["id"]]
    gone = f"{PATH}/{made[0]['id']}"
    assert (await scene.client.delete(gone)).status_code == 204
    for again in (
        await scene.client.get(gone),
        await scene.client.delete(gone),
        await scene.client.get(f"{gone}/versions"),
        await scene.client.get(f"{gone}/versions/{made[0]['version_id']}"),
        await scene.client.post(f"{gone}/versions", json={"rules": []}),
    ):
        assert again.status_code == 404
        assert again.json()["error"]["type"] == "not_found_error"
    assert (await scene.client.get(PATH, params={"after": "x"})).status_code == 400


KEYS = {"ann": "ann-secret-key", "bob": "bob-secret-key"}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Server]:
    config = tmp_path / "stentor.toml"
    config.write_text("".join(f'[keys.{who}]\nvalue = "{key}"\n' for who, key in KEYS.items()))
    server = Server(tmp_path / "data", "--config", str(config))
    yield server
    server.stop()


def test_each_caller_has_dictionaries_of_its_own(house: Server) -> None:
    ann, bob = ({"x-api-key": key} for key in KEYS.values())
    made = house.client.post(PATH, json={"name": "x", "rules": [ALIAS]}, headers=ann).json()
    url = f"{PATH}/{made['id']}"
    version = f"{url}/versions/{made['version_id']}"
    for path in (url, f"{url}/versions", version):
        assert house.client.get(path, headers=ann).status_code == 200
        assert house.client.get(path, headers=bob).status_code == 404
        assert house.client.get(path).status_code == 401
    assert house.client.delete(url, headers=bob).status_code == 404
    assert house.client.get(PATH, headers=bob).json()["data"] == []
    assert house.client.post(PATH, json={}).status_code == 401


@pytest.mark.filterwarnings("ignore:Cyclopts application invoked")
def test_dictionaries_are_kept_from_the_command_line(house: Server, tmp_path: Path) -> None:
    def stentor(*arguments: str, fails: bool = False) -> str:
        command = ("dictionaries", *arguments, "--url", house.url, "--key", KEYS["ann"])
        done = stentor_here(*command, COLUMNS="120")
        assert (done.returncode != 0) == fails, done.stderr
        return (done.stderr if fails else done.stdout).decode()

    file = tmp_path / "names.pls"
    file.write_text(PLS)
    made = stentor("add", str(file)).partition(",")[0]
    assert "names" in stentor("list")
    assert made in stentor("list")
    assert "rules: 3" in stentor("add", "--to", made, "--word", "nginx", "--alias", "engine X")
    assert "engine X" in stentor("show", made)
    download = tmp_path / "names.json"
    stentor("download", made, "--format", "json", "-o", str(download))
    assert len(json.loads(download.read_text())["rules"]) == 3
    assert "rules: 3" in stentor("add", str(download), "--name", "again")
    assert "rules: 2" in stentor("add", str(file), "--to", made, "--replace")
    assert "<alias>sequel</alias>" in stentor("download", made)
    assert "rules: 0" in stentor("remove", made, "--word", "SQL")
    assert "there is no rule for 'SQL'" in stentor("remove", made, "--word", "SQL", fails=True)
    file.write_text(PLS.replace("alias>", "allias>"))
    assert "line 2, column 60" in stentor("add", str(file), fails=True)
    stentor("remove", made)
    assert "there is no such dictionary" in stentor("show", made, fails=True)
