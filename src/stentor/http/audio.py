"""A finished file over HTTP: `Range`, `ETag`, `If-None-Match`, `If-Range` (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from stentor.blobs import BlobMissing, BlobStore
from stentor.contract import SpeechResult
from stentor.errors import SpeechError, not_found
from stentor.http.render import error_response

_GONE = "the job's audio is gone"
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.IGNORECASE)


async def audio_response(
    request: Request, blobs: BlobStore, key: str, result: SpeechResult
) -> Response:
    """Answer a GET or HEAD for the audio of a finished job.

    Raises:
        SpeechError: 404 when the audio is gone.
    """
    etag = f'"{result.sha256}"'
    headers = {
        "Content-Type": result.content_type,
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-transform",
        "Content-Disposition": f'inline; filename="{key}.{result.response_format}"',
    }
    if matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    size = result.size_bytes
    start, end, status = 0, size, 200
    if_range = request.headers.get("if-range")
    if if_range is None or if_range == etag:
        try:
            wanted = parse_range(request.headers.get("range"), size)
        except SpeechError as error:
            return error_response(error, {"Content-Range": f"bytes */{size}"})
        if wanted is not None:
            start, end = wanted
            status = 206
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    if request.method == "HEAD":
        if not await blobs.exists(key):
            raise not_found(_GONE, code="audio_not_found")
        return Response(status_code=status, headers=headers)
    return StreamingResponse(
        await _opened(blobs.read(key, start, end)), status_code=status, headers=headers
    )


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The bytes `[start, end)` that a `Range` header asks for; None for the whole.

    A header that is malformed, of another unit, or asks for several ranges is ignored, as
    RFC 9110 section 14.2 allows.

    Raises:
        SpeechError: 416 when no byte of the file lies in the range.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return None
    if start >= end:
        raise SpeechError(
            416,
            "range_not_satisfiable",
            f"the range {header!r} lies outside the audio's {size} bytes",
            param="range",
        )
    return start, end


def matches(header: str | None, etag: str) -> bool:
    """Whether an `If-None-Match` header names the version that the caller would get."""
    if header is None:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return etag in tags or "*" in tags


async def _opened(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Fetch the first piece now, so that a missing file is an error and not a broken answer."""
    try:
        first = await anext(pieces, b"")
    except BlobMissing as error:
        raise not_found(_GONE, code="audio_not_found") from error

    async def rest() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    return rest()
