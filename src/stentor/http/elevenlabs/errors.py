"""Errors as ElevenLabs' clients read them."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid4

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from stentor.errors import CLIENT_CLOSED_REQUEST, SpeechError
from stentor.http.elevenlabs.mapping import in_their_words
from stentor.http.elevenlabs.wire import ElevenLabsError, ElevenLabsErrorDetail
from stentor.http.failures import as_speech_error
from stentor.http.render import error_headers, json_response

# What ElevenLabs calls it.
_CODES = {
    "unknown_voice": "voice_not_found",
    "unknown_model": "model_not_found",
    "input_too_long": "max_character_limit_exceeded",
    "missing_api_key": "needs_authorization",
}
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed"}


async def on_error(request: Request, error: Exception) -> Response:
    """The answer to whatever went wrong."""
    return _answer(in_their_words(as_speech_error(error, request.url.path)), {})


async def on_http_exception(request: Request, error: Exception) -> Response:
    """The answer to a call of something that there is not."""
    assert isinstance(error, HTTPException)
    status = error.status_code
    message = {
        404: f"there is nothing at {request.url.path}; of ElevenLabs' API there are text to "
        "speech, voices and models",
        405: f"{request.method} is not allowed at {request.url.path}",
    }.get(status, str(error.detail))
    code = _HTTP_CODES.get(status, "http_error")
    return _answer(SpeechError(status, code, message), error.headers or {})


async def on_disconnect(_: Request, __: Exception) -> Response:
    """Nobody is left to read it."""
    return Response(status_code=CLIENT_CLOSED_REQUEST)


def _answer(error: SpeechError, headers: Mapping[str, str]) -> Response:
    code = _CODES.get(error.code, error.code)
    detail = ElevenLabsErrorDetail(
        type=error.type,
        code=code,
        status=code,
        message=error.message,
        request_id=uuid4().hex,
        param=error.param,
    )
    return json_response(
        ElevenLabsError(detail), error.status_code, {**headers, **error_headers(error)}
    )
