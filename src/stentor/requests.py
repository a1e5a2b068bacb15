"""From a request body to a `Speech` that is known to be serviceable, or the reason why not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, get_args, get_origin

import msgspec

from stentor.contract import Attempt, DictionaryLocator, SpeechRequest
from stentor.errors import SpeechError, invalid
from stentor.lexicon.ids import is_dictionary_id
from stentor.lexicon.lexicon import Lexicon
from stentor.routing.catalogue import Catalogue, unserviceable
from stentor.routing.targets import Target
from stentor.synthesis.mastering import cover_type
from stentor.synthesis.values import Speech
from stentor.text.dialogue import Cast
from stentor.text.headings import find_headings
from stentor.text.plan import check_text
from stentor.text.reading import read

MAX_EXTRA_PARAMS = 100
MAX_NAME_CHARS = 256

_FIELDS = frozenset(field.name for field in msgspec.structs.fields(SpeechRequest))
_PATH = re.compile(r" - at `\$\.?(.*)`$")


class StoredRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request as a job keeps it.

    Attributes:
        extra_params: the fields that the gateway does not know, as they came.
    """

    speech: SpeechRequest
    extra_params: dict[str, Any] = {}


def parse(body: bytes) -> StoredRequest:
    """Decode a request body.

    Raises:
        SpeechError: 400 that names the field, what was wrong and what was expected.
    """
    try:
        fields = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise invalid(
            f"the body is not valid JSON: {error}", param=None, code="invalid_json"
        ) from (error)
    except RecursionError as error:
        raise _too_deep() from error
    except UnicodeDecodeError as error:
        raise invalid(
            f"the body is not valid UTF-8: {error.reason} at byte {error.start}",
            param=None,
            code="invalid_json",
        ) from error
    if not isinstance(fields, dict):
        raise invalid("the body must be a JSON object", param=None, code="invalid_json")
    extra = {name: fields.pop(name) for name in fields.keys() - _FIELDS}
    if any(len(name) > MAX_NAME_CHARS for name in extra):
        raise invalid(
            f"the body has a field whose name is longer than {MAX_NAME_CHARS} characters",
            param=None,
            code="too_many_fields",
        )
    if len(extra) > MAX_EXTRA_PARAMS:
        raise invalid(
            f"the body has {len(extra)} fields that the gateway does not know; "
            f"at most {MAX_EXTRA_PARAMS} are passed on",
            param=None,
            code="too_many_fields",
        )
    try:
        return StoredRequest(msgspec.convert(fields, SpeechRequest), extra)
    except msgspec.ValidationError as error:
        raise _explain(str(error), fields) from error


def own_locators(stored: StoredRequest) -> list[DictionaryLocator]:
    """The dictionaries of this server that a request names, in its order."""
    locators = stored.speech.pronunciation_dictionary_locators or ()
    return [one for one in locators if is_dictionary_id(one.pronunciation_dictionary_id)]


def pinned(stored: StoredRequest, lexicons: Sequence[Lexicon]) -> StoredRequest:
    """The request with the versions of its dictionaries as they are now.

    Args:
        lexicons: those of `own_locators`.
    """
    locators = stored.speech.pronunciation_dictionary_locators
    if not locators or not lexicons:
        return stored
    versions = iter(lexicons)
    speech = msgspec.structs.replace(
        stored.speech,
        pronunciation_dictionary_locators=[
            msgspec.structs.replace(one, version_id=next(versions).version_id)
            if is_dictionary_id(one.pronunciation_dictionary_id)
            else one
            for one in locators
        ],
    )
    return StoredRequest(speech, stored.extra_params)


def encode(stored: StoredRequest) -> bytes:
    """A request as JSON, for the store; the same for bodies that mean the same.

    Raises:
        SpeechError: 400: it is nested more deeply than can be written.
    """
    try:
        return msgspec.json.encode(stored, order="deterministic")
    except RecursionError as error:
        raise _too_deep() from error


def _too_deep() -> SpeechError:
    return invalid("the body is nested too deeply", param=None, code="invalid_json")


_TYPE_NAMES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}


def _explain(reason: str, fields: dict[str, Any]) -> SpeechError:
    """The error for what msgspec says of a field, in the words of JSON."""
    match = _PATH.search(reason)
    path = match.group(1) if match else ""
    said = _PATH.sub("", reason).replace("`", "")
    if missing := re.search(r"missing required field (\w+)", said):
        name = missing.group(1)
        param = f"{path}.{name}" if path else name
        return invalid(f"{param} is required", param=param, code="missing_field")
    if said.startswith("Invalid enum value") and (options := _options(path)):
        said = f"expected one of {', '.join(options)}"
    said = re.sub(r"\b(str|int|float|bool)\b", lambda m: _TYPE_NAMES[m.group()], said)
    said = said.replace(" | null", "").replace("|", "or")
    got = ""
    value = _at(path, fields)
    if path and ", got " not in said and isinstance(value, int | float | str):
        got = f", got {json.dumps(value, ensure_ascii=False)[:80]}"
    return invalid(f"{path or 'body'}: {said[:1].lower()}{said[1:]}{got}", param=path or None)


def _at(path: str, fields: dict[str, Any]) -> Any:
    value: Any = fields
    for step in re.findall(r"[^.\[\]]+", path):
        if isinstance(value, list) and step.isdigit():
            value = value[int(step)]
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def _options(path: str) -> list[str]:
    """The values that a field with an enumeration takes."""
    kinds = [field.type for field in msgspec.structs.fields(SpeechRequest) if field.name == path]
    return list(_literals(kinds))


def _literals(kinds: Iterable[Any]) -> Iterator[str]:
    for kind in kinds:
        if get_origin(kind) is Literal:
            yield from get_args(kind)
        else:
            yield from _literals(get_args(kind))


def check(
    stored: StoredRequest,
    catalogue: Catalogue,
    *,
    max_input_chars: int,
    seed: str = "",
    lexicons: Sequence[Lexicon] = (),
) -> Speech:
    """Make sure that a request can be served, before it is accepted.

    Args:
        lexicons: the dictionaries that it names, in its order.
        seed: decides which of an alias's models comes first; a job's id, so that every attempt at
            the job has the same.

    Raises:
        SpeechError: 400 or 413 that names the field.
    """
    request = stored.speech
    if len(request.input) > max_input_chars:
        raise SpeechError(
            413,
            "input_too_long",
            f"input has {len(request.input)} characters; this server takes at most "
            f"{max_input_chars} ([server] max_input_chars)",
            param="input",
        )
    _check_metadata(request)
    reading = read(request.input, request.input_type or "auto", request.language_code or "en")
    check_text(reading.text)
    if request.response_format == "m4b" and reading.kind == "text":
        reading = msgspec.structs.replace(reading, headings=find_headings(reading.text))
    found = catalogue.resolve(request.model, param="model", seed=seed)
    for number, name in enumerate(request.fallbacks or []):
        found += catalogue.resolve(name, param=f"fallbacks[{number}]", seed=seed)
    if isinstance(request.voice, str):
        voices = {"voice": request.voice}
    else:
        voices = {f"voice[{n}].voice": one.voice for n, one in enumerate(request.voice)}
        Cast(request.voice)
    targets = list({target.id: target for target in found}.values())
    for target in targets:
        for param, voice in voices.items():
            catalogue.check_voice(target, voice, param=param)
    able, skipped = _able(targets, request, catalogue)
    return Speech(request, able, reading, stored.extra_params, skipped, tuple(lexicons))


def _check_metadata(request: SpeechRequest) -> None:
    metadata = request.metadata
    if metadata is None:
        return
    if request.response_format != "m4b":
        raise invalid(
            "metadata: only audiobooks have any; expected response_format m4b, or no metadata",
            param="metadata",
        )
    if metadata.cover is not None and cover_type(metadata.cover) is None:
        raise invalid(
            "metadata.cover: expected a JPEG or PNG image, in base64", param="metadata.cover"
        )


def _able(
    targets: Sequence[Target], request: SpeechRequest, catalogue: Catalogue
) -> tuple[tuple[Target, ...], tuple[Attempt, ...]]:
    """The targets that can serve the request, and a record of those that cannot.

    Raises:
        SpeechError: 400: none can.
    """
    able: list[Target] = []
    skipped: list[Attempt] = []
    for target in targets:
        lack = catalogue.lack(target, request)
        if lack is None:
            able.append(target)
        else:
            reason = f"{lack[0]}: {lack[1]}"
            skipped.append(
                Attempt(target.provider, target.name, "skipped", 0, error=reason, calls=0)
            )
    if not able:
        param, reason = next(targets[0].lacks(request))
        raise unserviceable(catalogue, targets[0], request, reason, param)
    return tuple(able), tuple(skipped)
