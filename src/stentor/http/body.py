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
