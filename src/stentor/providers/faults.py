"""What can go wrong with a vendor, in a few kinds that decide what happens next."""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from stentor.providers.wire import Head
from stentor.retry_after import retry_after_seconds

MAX_MESSAGE_CHARS = 400
# The code of audio that is much too short or too long for its text.
IMPLAUSIBLE = "implausible_audio"

FaultKind = Literal[
    "auth",  # 401, 403: the key is not good, or not for this
    "quota",  # 402: nothing is left on the key's account
    "rate_limited",  # 429: too much at once
    "invalid",  # 400, 422: the request is not what the model takes
    "not_found",  # 404: there is no such model or voice
    "too_long",  # 413: the text is
    "server",  # 5xx, and whatever else is the vendor's own
    "timeout",  # no answer, or no more of it, in time
    "network",  # no connection, or one that broke before an answer
    "truncated",  # an answer that ended too soon
    "malformed",  # an answer that is not what it should be
    "unavailable",  # not asked at all: it failed too often lately
]

_KINDS: dict[int, FaultKind] = {
    400: "invalid",
    401: "auth",
    402: "quota",
    403: "auth",
    404: "not_found",
    405: "not_found",
    408: "timeout",
    410: "not_found",
    413: "too_long",
    414: "too_long",
    429: "rate_limited",
}
_TAGS = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)


class ProviderError(Exception):
    """A call that failed.

    Args:
        message: the vendor's own words where it has any, on one line; never the key.
        status: the HTTP status of its answer; None if there was none.
        code: the vendor's name of the failure.
        retry_after_s: when the vendor asks to be called again.
    """

    def __init__(
        self,
        kind: FaultKind,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s


def kind_of(status: int) -> FaultKind:
    """The kind that an HTTP status stands for."""
    if status in _KINDS:
        return _KINDS[status]
    return "invalid" if 400 <= status < 500 else "server"


def read_error(head: Head, body: bytes, *, kind: FaultKind | None = None) -> ProviderError:
    """Understand an error in any of the usual shapes: JSON of all kinds, text, an HTML page.

    Args:
        kind: what it is; by the status if left out.
    """
    message, code = _words(body)
    return ProviderError(
        kind or kind_of(head.status),
        message or f"answered with {head.status} and no word of why",
        status=head.status,
        code=code,
        retry_after_s=retry_after_seconds(head.headers.get("retry-after")),
    )


def _words(body: bytes) -> tuple[str, str | None]:
    """The message and the code in the body of an error; the message may be empty."""
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return plain_words(body), None
    return one_line(_find(decoded, _MESSAGES) or body.decode()), _find(decoded, _CODES)


_MESSAGES = ("message", "msg", "detail", "error_message", "err_msg", "error", "reason", "title")
_CODES = ("code", "status", "err_code", "error_code", "__type", "type")


def _find(node: Any, names: tuple[str, ...], depth: int = 4) -> str | None:
    """The first text under one of these names, looking into what they lead to."""
    if isinstance(node, str):
        return node or None
    if isinstance(node, list):
        node = next((one for one in node if isinstance(one, dict | str)), None)
        return _find(node, names, depth - 1) if node is not None and depth else None
    if not isinstance(node, dict) or not depth:
        return None
    for name in names:
        value = node.get(name)
        if isinstance(value, str) and value:
            return value
    for name in ("error", "detail", "errors", "base_resp", "status"):
        value = node.get(name)
        if isinstance(value, dict | list) and (found := _find(value, names, depth - 1)):
            return found
    return None


def plain_words(body: bytes) -> str:
    """The words of a text or an HTML page, on one line."""
    return one_line(_TAGS.sub(" ", body.decode(errors="replace")))


def one_line(text: str) -> str:
    """A vendor's words, fit to be shown: on one line and not too long."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= MAX_MESSAGE_CHARS else f"{text[:MAX_MESSAGE_CHARS]}..."
