"""What a client may send, and what is wrong with what it sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from stentor.contract import STREAM_FORMATS
from stentor.errors import SpeechError, invalid
from stentor.requests import StoredRequest, from_fields

Transport = Literal["binary", "json"]

START = "session.start"
_PATH = re.compile(r" - at `\$\.?(.*)`$")
_TYPE_NAMES = {"str": "a string", "int": "an integer", "float": "a number"}


class _Message(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    pass


class Text(_Message, frozen=True, tag="text"):
    """More text, to be read on from where the last piece ended. Empty, it is a sign of life."""

    text: str


class Flush(_Message, frozen=True, tag="flush"):
    """Speak what is there, though its sentence may not have ended."""


class Cancel(_Message, frozen=True, tag="cancel"):
    """Stop at once, and forget what was not spoken.

    Attributes:
        played_ms: how much the listener has heard, on the session's clock.
    """

    played_ms: Annotated[float, Meta(ge=0)] | None = None


class End(_Message, frozen=True, tag="end"):
    """Speak the rest, then close."""


Message = Text | Flush | Cancel | End
_KINDS: dict[str, type[Message]] = {"text": Text, "flush": Flush, "cancel": Cancel, "end": End}


@dataclass(frozen=True, slots=True)
class Start:
    """How the text to come is to be spoken.

    Attributes:
        request: with no text in it.
        transport: whether audio goes out as binary messages or within events.
    """

    request: StoredRequest
    transport: Transport = "binary"
    api_key: str | None = None


def read_start(data: str | bytes) -> Start:
    """Decode the first message.

    Raises:
        SpeechError: 400 that names the field.
    """
    fields = _fields(data)
    if fields.pop("type", None) != START:
        raise invalid(f'type: the first message must be of type "{START}"', param="type")
    if "input" in fields:
        raise invalid('input: text comes in messages of type "text", after this', param="input")
    api_key = fields.pop("api_key", None)
    if not isinstance(api_key, str | None):
        raise invalid("api_key: expected a string", param="api_key")
    transport = fields.pop("audio", "binary")
    if transport not in get_args(Transport):
        raise invalid('audio: expected "binary" or "json"', param="audio")
    stored = from_fields(fields | {"input": ""})
    return Start(StoredRequest(_for_pieces(stored), stored.extra_params), transport, api_key)


def _for_pieces(stored: StoredRequest) -> Any:
    """The request as each sentence has it; what needs the whole text is refused.

    Raises:
        SpeechError: 400 that names the field.
    """
    speech = stored.speech
    if not isinstance(speech.voice, str):
        raise invalid("voice: expected a string; a session has one voice", param="voice")
    if speech.response_format is not None and speech.response_format not in STREAM_FORMATS:
        raise invalid(
            f"response_format: expected one of {', '.join(STREAM_FORMATS)}, "
            f"got {speech.response_format}, which cannot be played while it is made",
            param="response_format",
        )
    if speech.loudness is not None:
        raise invalid(
            "loudness: it is that of a whole text, which is not known here; leave it out",
            param="loudness",
        )
    if speech.stream_format == "sse":
        raise invalid('stream_format: leave it out; see "audio"', param="stream_format")
    if speech.input_type in ("html", "ssml"):
        raise invalid(
            f"input_type: expected text or markdown, got {speech.input_type}, which cannot be "
            "read in pieces",
            param="input_type",
        )
    # `auto` would look at each sentence by itself.
    kind = "markdown" if speech.input_type == "markdown" else "text"
    return msgspec.structs.replace(speech, input_type=kind)


def read_message(data: str | bytes) -> Message:
    """Decode any message but the first.

    Raises:
        SpeechError: 400 that names the field, what was wrong and what was expected.
    """
    fields = _fields(data)
    name = fields.get("type")
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        got = f", got {name[:40]!r}" if isinstance(name, str) else ""
        raise invalid(f"type: expected one of {', '.join(_KINDS)}{got}", param="type")
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise _explain(str(error)) from error


def _fields(data: str | bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise invalid(
            f"a message must be a JSON object with a type: {error}", param=None, code="invalid_json"
        ) from error


def _explain(reason: str) -> SpeechError:
    match = _PATH.search(reason)
    path = match.group(1) if match else ""
    said = _PATH.sub("", reason).replace("`", "").replace(" | null", "")
    if missing := re.search(r"(?:missing required|unknown) field (\w+)", said):
        path = missing.group(1)
        said = "it is required" if "missing" in said else "there is no such field"
    said = re.sub(r"\b(str|int|float)\b", lambda match: _TYPE_NAMES[match.group()], said)
    return invalid(f"{path or 'message'}: {said[:1].lower()}{said[1:]}", param=path or None)
