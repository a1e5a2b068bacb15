"""`/v1/pronunciation-dictionaries`: uploading, changing and reading dictionaries."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stentor.errors import SpeechError, invalid
from stentor.gateway import Gateway
from stentor.http.answer import INLINE_BODY_BYTES
from stentor.http.body import is_json, media_type, read_body
from stentor.http.failures import draining, storage_full
from stentor.http.headers import read_headers
from stentor.http.keys import Keys
from stentor.http.paging import read_choice, read_limit
from stentor.http.render import json_response
from stentor.jobs.clock import now_ms
from stentor.lexicon.body import decode, read_rules, read_words, show_rule
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
from stentor.lexicon.rules import BadRule, Limits, Rule, read_language
from stentor.lexicon.store import DictionaryRecord, VersionRecord

FORMATS = ("json", "pls")
PLS_TYPES = (PLS_TYPE, "application/xml", "text/xml")

T = TypeVar("T")


def dictionary_routes(gateway: Gateway, keys: Keys) -> list[Route]:
    """The routes of pronunciation dictionaries."""
    api = _DictionariesApi(gateway, keys)
    one = f"{DICTIONARIES_PATH}/{{dictionary_id}}"
    return [
        Route(DICTIONARIES_PATH, api.all_dictionaries, methods=["GET", "POST"]),
        Route(one, api.one_dictionary, methods=["GET", "DELETE"]),
        Route(f"{one}/versions", api.all_versions, methods=["GET", "POST"]),
        Route(f"{one}/versions/{{version_id}}", api.show_version, methods=["GET"]),
    ]


class _DictionariesApi:
    def __init__(self, gateway: Gateway, keys: Keys) -> None:
        self._gateway = gateway
        self._dictionaries = gateway.dictionaries
        self._store = gateway.dictionaries.store
        self._limits = gateway.dictionaries.limits
        self._keys = keys

    async def all_dictionaries(self, request: Request) -> Response:
        return await (self.create if request.method == "POST" else self.list_dictionaries)(request)

    async def one_dictionary(self, request: Request) -> Response:
        return await (self.delete if request.method == "DELETE" else self.show)(request)

    async def all_versions(self, request: Request) -> Response:
        return await (self.change if request.method == "POST" else self.list_versions)(request)

    async def create(self, request: Request) -> Response:
        owner = self._keys.owner(read_headers(request))
        upload = await self._upload(request)
        query = request.query_params
        limits = self._limits
        if upload.is_pls:
            if "name" not in query:
                raise invalid(
                    "name is required: ?name= says what the dictionary is called",
                    param="name",
                    code="missing_field",
                )
            name, description = query["name"], query.get("description")
            rules = await upload.run(lambda body: _read_pls(body, limits))
        else:
            new, rules = await upload.run(lambda body: _read_new(body, limits))
            name, description = new.name, new.description
        made = await self._dictionaries.create(
            owner,
            read_words("name", name, limits.name_chars),
            rules,
            now_ms(),
            description=description
            and read_words("description", description, limits.description_chars),
        )
        return json_response(_view(made), 201, {"Location": f"{DICTIONARIES_PATH}/{made.id}"})

    async def change(self, request: Request) -> Response:
        owner = self._keys.owner(read_headers(request))
        dictionary_id = request.path_params["dictionary_id"]
        await self._dictionaries.get(dictionary_id, owner)
        upload = await self._upload(request)
        limits = self._limits
        if upload.is_pls:
            rules = await upload.run(lambda body: _read_pls(body, limits))
            made = await self._dictionaries.replace(dictionary_id, owner, rules, now_ms())
        else:
            change = await upload.run(lambda body: _read_change(body, limits))
            if change.rules is not None:
                made = await self._dictionaries.replace(
                    dictionary_id, owner, change.rules, now_ms()
                )
            else:
                made = await self._dictionaries.change(
                    dictionary_id, owner, now_ms(), add=change.add, remove=change.remove
                )
        where = f"{DICTIONARIES_PATH}/{dictionary_id}/versions/{made.id}"
        return json_response(_version_view(made), 201, {"Location": where})

    async def list_dictionaries(self, request: Request) -> Response:
        owner = self._keys.owner(read_headers(request))
        limit = read_limit(request)
        after = _read_after(request, DICTIONARY_PREFIX, "dictionary")
        found = await self._store.list_dictionaries(owner, limit=limit + 1, after=after)
        data = [_view(one) for one in found[:limit]]
        return json_response(
            PronunciationDictionaryList(
                data,
                has_more=len(found) > limit,
                first_id=data[0].id if data else None,
                last_id=data[-1].id if data else None,
            )
        )

    async def show(self, request: Request) -> Response:
        owner = self._keys.owner(read_headers(request))
        return json_response(
            _view(await self._dictionaries.get(request.path_params["dictionary_id"], owner))
        )

    async def delete(self, request: Request) -> Response:
        owner = self._keys.owner(read_headers(request))
        await self._dictionaries.archive(request.path_params["dictionary_id"], owner, now_ms())
        return Response(status_code=204)

    async def list_versions(self, request: Request) -> Response:
        owner = self._keys.owner(read_headers(request))
        limit = read_limit(request)
        after = _read_after(request, VERSION_PREFIX, "version")
        dictionary = await self._dictionaries.get(request.path_params["dictionary_id"], owner)
        found = await self._store.list_versions(dictionary.id, owner, limit=limit + 1, after=after)
        data = [_version_view(one) for one in found[:limit]]
        return json_response(
            DictionaryVersionList(
                data,
                has_more=len(found) > limit,
                first_id=data[0].version_id if data else None,
                last_id=data[-1].version_id if data else None,
            )
        )

    async def show_version(self, request: Request) -> Response:
        headers = read_headers(request)
        owner = self._keys.owner(headers)
        asked = read_choice(request, "format", FORMATS)
        as_pls = asked == "pls" or (asked is None and _prefers_pls(headers.get("accept", "")))
        dictionary_id = request.path_params["dictionary_id"]
        version_id = request.path_params["version_id"]
        version, rules = await self._dictionaries.get_version(dictionary_id, owner, version_id)
        render = _as_pls if as_pls else _as_json
        return await asyncio.to_thread(render, version, rules)

    async def _upload(self, request: Request) -> _Upload:
        if self._gateway.draining:
            raise draining()
        if self._gateway.guard.full:
            raise storage_full()
        headers = read_headers(request)
        media = media_type(headers)
        is_pls = media in PLS_TYPES
        if media is not None and not is_pls and not is_json(media):
            raise SpeechError(
                415,
                "unsupported_media_type",
                "the body must be rules in JSON, with Content-Type: application/json, or a PLS "
                f"document, with Content-Type: {PLS_TYPE}; got {media!r}",
                param="content-type",
            )
        server = self._gateway.config.server.max_body_bytes
        body = await read_body(
            request,
            headers,
            max_bytes=min(self._limits.bytes, server),
            option="a dictionary's limit and [server] max_body_bytes",
        )
        return _Upload(body, is_pls)


class _Upload(NamedTuple):
    body: bytes
    is_pls: bool

    async def run(self, read: Callable[[bytes], T]) -> T:
        """Read the body; a large one in a thread."""
        if len(self.body) > INLINE_BODY_BYTES // 8:
            return await asyncio.to_thread(read, self.body)
        return read(self.body)


class _Change(NamedTuple):
    rules: list[Rule] | None
    add: list[Rule]
    remove: list[str]


def _read_pls(body: bytes, limits: Limits) -> list[Rule]:
    from stentor.lexicon.pls import parse_pls

    return parse_pls(body, limits=limits)


def _read_new(body: bytes, limits: Limits) -> tuple[NewDictionary, list[Rule]]:
    new = decode(body, NewDictionary)
    language = _read_language(new.language)
    return new, read_rules(new.rules, "rules", language=language, limits=limits)


def _read_change(body: bytes, limits: Limits) -> _Change:
    change = decode(body, RulesChange)
    language = _read_language(change.language)
    if change.rules is not None:
        if change.add is not None or change.remove is not None:
            raise invalid("rules: expected either rules, or add and remove", param="rules")
        rules = read_rules(change.rules, "rules", language=language, limits=limits)
        return _Change(rules, [], [])
    if not change.add and not change.remove:
        raise invalid(
            "the body changes nothing; expected rules, add or remove",
            param=None,
            code="missing_field",
        )
    return _Change(
        None,
        read_rules(change.add or [], "add", language=language, limits=limits),
        [
            read_words(f"remove[{number}]", one, limits.grapheme_chars)
            for number, one in enumerate(change.remove or [])
        ],
    )


def _read_language(language: str | None) -> str | None:
    try:
        return read_language(language)
    except BadRule as error:
        raise invalid(str(error), param="language") from None


def _read_after(request: Request, prefix: str, what: str) -> str | None:
    value = request.query_params.get("after")
    if value is not None and not re.fullmatch(rf"{prefix}[0-9a-f]{{32}}", value):
        raise invalid(f"after: expected the id of a {what}, got {value[:40]!r}", param="after")
    return value


def _prefers_pls(accept: str) -> bool:
    """Whether a PLS type is named before JSON and before all wildcards."""
    for part in accept.split(","):
        media = part.partition(";")[0].strip().lower()
        if media in PLS_TYPES:
            return True
        if is_json(media) or "*" in media:
            return False
    return False


def _as_pls(version: VersionRecord, rules: tuple[Rule, ...]) -> Response:
    from stentor.lexicon.pls import write_pls

    name = f'attachment; filename="{version.id}.pls"'
    return Response(write_pls(rules), 200, {"Content-Disposition": name}, media_type=PLS_TYPE)


def _as_json(version: VersionRecord, rules: tuple[Rule, ...]) -> Response:
    return json_response(_version_view(version, rules))


def _view(record: DictionaryRecord) -> PronunciationDictionary:
    return PronunciationDictionary(
        id=record.id,
        name=record.name,
        created_at=_time(record.created_ms),
        version_id=record.version_id,
        version_rules_num=record.rules_count,
        updated_at=_time(record.version_ms),
        description=record.description,
    )


def _version_view(
    version: VersionRecord, rules: tuple[Rule, ...] | None = None
) -> DictionaryVersion:
    return DictionaryVersion(
        version_id=version.id,
        pronunciation_dictionary_id=version.dictionary_id,
        created_at=_time(version.created_ms),
        version_rules_num=version.rules_count,
        rules=None if rules is None else [show_rule(rule) for rule in rules],
    )


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
