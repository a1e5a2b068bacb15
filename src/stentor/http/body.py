"""Reading what a request carries: its body, its key, its headers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from starlette.requests import Request

from stentor.errors import SpeechError, invalid

TTL_HEADER = "x-bf-async-job-result-ttl"
KEY_HEADERS = ("x-bf-vk", "authorization", "x-api-key")
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")


def read_headers(request: Request) -> dict[str, str]:
    """All headers by lower-case name; the last of a repeated one.

    Starlette's own mapping searches and decodes the whole list at every look, which was a tenth
    of the time of a submit.
    """
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in request["headers"]}


async def read_json_body(request: Request, headers: Mapping[str, str], *, max_bytes: int) -> bytes:
    """The raw body of a JSON request.

    Raises:
        SpeechError: 415 when it says that it is something else, 413 when it is too large.
    """
    content_type = headers.get("content-type")
    if content_type is not None:
        media = content_type.partition(";")[0].strip().lower()
        if media != "application/json" and not media.endswith("+json"):
            raise SpeechError(
                415,
                "unsupported_media_type",
                f"the body must be JSON, with Content-Type: application/json; got {media!r}",
                param="content-type",
            )
    too_large = SpeechError(
        413,
        "body_too_large",
        f"the body must be at most {max_bytes} bytes ([server] max_body_bytes)",
    )
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise too_large
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > max_bytes:
            raise too_large
    return bytes(body)


def read_ttl(headers: Mapping[str, str], *, default: int, maximum: int) -> int:
    """The seconds that a result is to be kept.

    Raises:
        SpeechError: 400 when the header is not an integer in range.
    """
    value = headers.get(TTL_HEADER)
    if value is None:
        return default
    if not re.fullmatch(r"\d{1,12}", value.strip()) or int(value) > maximum:
        raise invalid(
            f"{TTL_HEADER}: expected an integer from 0 to {maximum}, got {value[:40]!r}",
            param=TTL_HEADER,
        )
    return int(value)


def read_request_id(headers: Mapping[str, str]) -> str | None:
    """The caller's own id of the request, if it sent a sound one."""
    value = headers.get("x-request-id")
    return value if value is not None and _REQUEST_ID.fullmatch(value) else None


class Keys:
    """The callers' keys, by digest so that a comparison's time tells nothing of a key.

    Args:
        keys: owner's name → key; empty where keys are off.
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._owners = {_digest(value): name for name, value in keys.items()}

    def owner(self, headers: Mapping[str, str]) -> str:
        """Whose request this is; "" where keys are off.

        Raises:
            SpeechError: 401 when there is no key, or one that is not known.
        """
        if not self._owners:
            return ""
        for header in KEY_HEADERS:
            value = headers.get(header)
            if value is None:
                continue
            if header == "authorization":
                scheme, _, value = value.partition(" ")
                if scheme.lower() != "bearer":
                    continue
            owner = self._owners.get(_digest(value.strip()))
            if owner is None:
                raise SpeechError(
                    401, "invalid_api_key", f"the key in {header} is not known", param=header
                )
            return owner
        raise SpeechError(
            401,
            "missing_api_key",
            "a key is required: Authorization: Bearer KEY, x-bf-vk: KEY or x-api-key: KEY",
            param="authorization",
        )


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
