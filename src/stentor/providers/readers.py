"""Readers of the bodies that vendors answer with: bare audio, one JSON document, JSON in lines."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

import msgspec

from stentor.audio.form import AudioForm
from stentor.providers.faults import ProviderError, one_line, plain_words
from stentor.providers.wire import Delivered, Head

_NOT_AUDIO = ("text/", "application/json", "application/problem", "application/xml")
_REQUEST_IDS = ("x-request-id", "request-id", "x-amzn-requestid", "apim-request-id")
_SHOWN_BYTES = 2000


class RawReader:
    """The body is the audio.

    Args:
        form: what was asked for.
    """

    def __init__(self, form: AudioForm, head: Head) -> None:
        self.form = form
        self._request_id = request_id(head)
        kind = head.headers.get("content-type", "").lower()
        self._not_audio = kind if kind.startswith(_NOT_AUDIO) else ""
        self._words = b""
        self._empty = True

    def feed(self, data: bytes) -> bytes:
        if self._not_audio:
            self._words = (self._words + data)[:_SHOWN_BYTES]
            return b""
        self._empty = self._empty and not data
        return data

    def finish(self) -> Delivered:
        if self._not_audio:
            words = plain_words(self._words)
            raise ProviderError(
                "malformed", f"answered with {self._not_audio} instead of audio: {words}"
            )
        if self._empty:
            raise ProviderError("malformed", "answered with no audio at all")
        return Delivered(request_id=self._request_id)


class JsonReader:
    """The body is one JSON document with the audio in it.

    Args:
        form: what was asked for.
        read: makes of the document what it holds. Whatever it raises of `KeyError`, `TypeError`,
            `ValueError`, `IndexError` and `AttributeError` means that the document is not what it
            should be.
    """

    def __init__(self, form: AudioForm, head: Head, read: Callable[[Any], Delivered]) -> None:
        self.form = form
        self._request_id = request_id(head)
        self._read = read
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> bytes:
        self._parts.append(data)
        return b""

    def finish(self) -> Delivered:
        body = b"".join(self._parts)
        self._parts.clear()
        try:
            document = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ProviderError(
                "truncated" if "truncated" in str(error) else "malformed",
                f"answered with what is not JSON: {one_line(body[:200].decode(errors='replace'))}",
            ) from error
        try:
            delivered = self._read(document)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise ProviderError(
                "malformed", "answered with JSON that is not of the documented form"
            ) from error
        if not delivered.audio:
            raise ProviderError("malformed", "answered with no audio at all")
        if delivered.request_id is None:
            delivered = msgspec.structs.replace(delivered, request_id=self._request_id)
        return delivered


class LinesReader:
    """The body is a stream of JSON documents: server-sent events, or one document a line.

    Only the `data:` of events is read; an event whose data is `[DONE]` is not handed on.

    Args:
        form: what was asked for.
        take: makes of a document the audio in it. Its errors mean what those of `JsonReader.read`
            mean.
        finish: what the documents held besides; called once, at the end of the body. It raises
            `ProviderError("truncated", …)` if the documents say how a stream ends, and it did not.
    """

    def __init__(
        self,
        form: AudioForm,
        head: Head,
        take: Callable[[Any], bytes],
        finish: Callable[[], Delivered] = Delivered,
    ) -> None:
        self.form = form
        self._request_id = request_id(head)
        self._take = take
        self._finish = finish
        self._rest = b""
        self._empty = True

    def feed(self, data: bytes) -> bytes:
        *lines, self._rest = (
            (self._rest + data).split(b"\n") if b"\n" in data else [self._rest + data]
        )
        return b"".join(self._line(line) for line in lines)

    def finish(self) -> Delivered:
        rest, self._rest = self._rest, b""
        audio = self._line(rest)
        delivered = self._finish()
        if self._empty and not delivered.audio:
            raise ProviderError("malformed", "answered with no audio at all")
        return msgspec.structs.replace(
            delivered,
            audio=audio + delivered.audio,
            request_id=delivered.request_id or self._request_id,
        )

    def _line(self, line: bytes) -> bytes:
        line = line.strip()
        if line.startswith(b"data:"):
            line = line[5:].strip()
        elif not line.startswith((b"{", b"[")):
            return b""  # a comment, the name of an event, an empty line
        if not line or line == b"[DONE]":
            return b""
        try:
            document = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ProviderError(
                "truncated", "a line of the answer is not a whole JSON document"
            ) from error
        try:
            audio = self._take(document)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise ProviderError(
                "malformed", "a line of the answer is not of the documented form"
            ) from error
        self._empty = self._empty and not audio
        return audio


def from_base64(text: str) -> bytes:
    """The bytes that a text in base64 stands for.

    Raises:
        ProviderError: it is not base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProviderError("malformed", "the audio in the answer is not base64") from error


def request_id(head: Head) -> str | None:
    """The vendor's id of an answer, under the names that are usual for it."""
    return next((head.headers[name] for name in _REQUEST_IDS if name in head.headers), None)
