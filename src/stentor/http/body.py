"""Reading the body of a request."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request

from stentor.errors import SpeechError


async def read_json_body(request: Request, headers: Mapping[str, str], *, max_bytes: int) -> bytes:
    """The raw body of a JSON request.

    Raises:
        SpeechError: 415 when it says that it is something else, 413 when it is too large.
    """
    media = media_type(headers)
    if media is not None and not is_json(media):
        raise SpeechError(
            415,
            "unsupported_media_type",
            f"the body must be JSON, with Content-Type: application/json; got {media!r}",
            param="content-type",
        )
    return await read_body(request, headers, max_bytes=max_bytes, option="[server] max_body_bytes")


async def read_body(
    request: Request, headers: Mapping[str, str], *, max_bytes: int, option: str
) -> bytes:
    """The raw body of a request.

    Args:
        option: what the limit is called, for the error.

    Raises:
        SpeechError: 413 when it is too large.
    """
    too_large = SpeechError(
        413,
        "body_too_large",
        f"the body must be at most {max_bytes} bytes ({option})",
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


def media_type(headers: Mapping[str, str]) -> str | None:
    """What the body says that it is, in lower case and without parameters; None if nothing."""
    content_type = headers.get("content-type")
    return None if content_type is None else content_type.partition(";")[0].strip().lower()


def is_json(media: str) -> bool:
    """Whether this is the media type of some JSON."""
    return media == "application/json" or media.endswith("+json")
