"""The pronunciation dictionaries' part of the OpenAPI document."""

from __future__ import annotations

from stentor.http.dictionaries import FORMATS
from stentor.http.openapi_parts import Json, json_body, operation, query
from stentor.http.paging import DEFAULT_PAGE, MAX_PAGE
from stentor.lexicon.contract import (
    DICTIONARIES_PATH,
    PLS_TYPE,
    DictionaryVersion,
    DictionaryVersionList,
    NewDictionary,
    PronunciationDictionary,
    PronunciationDictionaryList,
    RulesChange,
)
from stentor.lexicon.ids import DICTIONARY_PREFIX, VERSION_PREFIX

DICTIONARY_TYPES = (
    NewDictionary,
    RulesChange,
    PronunciationDictionary,
    PronunciationDictionaryList,
    DictionaryVersion,
    DictionaryVersionList,
)

_DICTIONARY_ID: Json = {"type": "string", "pattern": f"^{DICTIONARY_PREFIX}[0-9a-f]{{32}}$"}
_VERSION_ID: Json = {"type": "string", "pattern": f"^{VERSION_PREFIX}[0-9a-f]{{32}}$"}
_PLS: Json = {PLS_TYPE: {"schema": {"type": "string"}}}
_LOCATION: Json = {"Location": {"schema": {"type": "string"}, "description": "Where it is"}}


def dictionary_paths() -> Json:
    """The calls by which dictionaries are made, changed and read."""
    one = f"{DICTIONARIES_PATH}/{{dictionary_id}}"
    dictionary_id = _in_path("dictionary_id", _DICTIONARY_ID)
    version = json_body("DictionaryVersion", "The version with its rules")
    version["content"] |= _PLS
    return {
        DICTIONARIES_PATH: {
            "get": operation(
                "listPronunciationDictionaries",
                "The caller's dictionaries, newest first",
                {"200": json_body("PronunciationDictionaryList", "A page of dictionaries")},
                errors=(400, 401, 503),
                parameters=_page(_DICTIONARY_ID, "dictionaries"),
            ),
            "post": operation(
                "createPronunciationDictionary",
                "Make a dictionary of rules, or of a W3C PLS 1.0 document",
                {
                    "201": {
                        **json_body("PronunciationDictionary", "It is on disk"),
                        "headers": _LOCATION,
                    }
                },
                errors=(400, 401, 408, 413, 415, 503),
                parameters=[
                    query("name", {"type": "string"}, "Of the dictionary, with a PLS document"),
                    query("description", {"type": "string"}, "The same"),
                ],
            )
            | _body("NewDictionary"),
        },
        one: {
            "parameters": [dictionary_id],
            "get": operation(
                "showPronunciationDictionary",
                "A dictionary and its newest version",
                {"200": json_body("PronunciationDictionary", "The dictionary")},
                errors=(401, 404, 503),
            ),
            "delete": operation(
                "deletePronunciationDictionary",
                "Delete a dictionary; jobs that were accepted with it can go on",
                {"204": {"description": "It is deleted"}},
                errors=(401, 404, 503),
            ),
        },
        f"{one}/versions": {
            "parameters": [dictionary_id],
            "get": operation(
                "listPronunciationDictionaryVersions",
                "A dictionary's versions, newest first, without their rules",
                {"200": json_body("DictionaryVersionList", "A page of versions")},
                errors=(400, 401, 404, 503),
                parameters=_page(_VERSION_ID, "versions"),
            ),
            "post": operation(
                "changePronunciationDictionary",
                "Make a new version: of other rules, of a PLS document, or with some changed",
                {
                    "201": {
                        **json_body("DictionaryVersion", "The version, on disk"),
                        "headers": _LOCATION,
                    }
                },
                errors=(400, 401, 404, 408, 409, 413, 415, 503),
            )
            | _body("RulesChange"),
        },
        f"{one}/versions/{{version_id}}": {
            "parameters": [dictionary_id, _in_path("version_id", _VERSION_ID)],
            "get": operation(
                "showPronunciationDictionaryVersion",
                "A version with its rules, in JSON or as a PLS document",
                {"200": version},
                errors=(400, 401, 404, 503),
                parameters=[
                    query(
                        "format",
                        {"type": "string", "enum": list(FORMATS)},
                        "Instead of what Accept says",
                    )
                ],
            ),
        },
    }


def _body(schema: str) -> Json:
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}},
                **_PLS,
            },
        }
    }


def _in_path(name: str, schema: Json) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _page(schema: Json, what: str) -> list[Json]:
    limit: Json = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE}
    return [
        query("limit", limit, f"How many {what} on the page"),
        query("after", schema, f"Only {what} older than this one"),
    ]
