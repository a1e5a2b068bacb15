"""Every failure that a caller can see, as one exception type.

A `SpeechError` carries what the wire's error shape needs: the HTTP status, a stable `code`,
a `message` that says what was wrong and what was expected, and the `param` at fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from stentor.contract import (
    REQUEST_TYPE,
    Attempt,
    ErrorExtraFields,
    ErrorField,
    ErrorResponse,
    ErrorType,
)

CLIENT_CLOSED_REQUEST = 499


class SpeechError(Exception):
    """A failure with an HTTP status and a place in the request.

    Args:
        status_code: the HTTP status that a synchronous call would answer with.
        code: stable, machine-readable name of the failure.
        message: what was wrong, what was expected and, where one exists, the way out.
        param: the field or header at fault, as the caller wrote it.
        provider: the provider whose failure this is; None for the gateway's own.
        retry_after_s: when to come back, for 429 and 503.
        attempts: everything that was tried.
    """

    def __init__(
        self,
        status_code: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        provider: str | None = None,
        model: str | None = None,
        retry_after_s: int | None = None,
        attempts: Sequence[Attempt] = (),
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.code = code
        self.message = message
        self.param = param
        self.provider = provider
        self.model = model
        self.retry_after_s = retry_after_s
        self.attempts = attempts

    @property
    def type(self) -> ErrorType:
        if self.provider is not None:
            return "provider_error"
        if self.status_code in (401, 403):
            return "authentication_error"
        if self.status_code == 404:
            return "not_found_error"
        if self.status_code == 429:
            return "rate_limit_error"
        if self.status_code >= 500:
            return "server_error"
        return "invalid_request_error"

    def response(self) -> ErrorResponse:
        """The wire form, with a fresh event id to find the failure again in the logs."""
        event_id = f"evt_{uuid4().hex}"
        return ErrorResponse(
            event_id=event_id,
            type=self.type,
            is_bifrost_error=self.provider is None,
            status_code=self.status_code,
            error=ErrorField(
                type=self.type,
                code=self.code,
                message=self.message,
                param=self.param,
                event_id=event_id,
            ),
            extra_fields=ErrorExtraFields(
                provider=self.provider,
                model_requested=self.model,
                request_type=REQUEST_TYPE,
                attempts=list(self.attempts),
            ),
        )


def invalid(message: str, *, param: str | None, code: str = "invalid_value") -> SpeechError:
    """A 400 that names the field."""
    return SpeechError(400, code, message, param=param)


def not_found(message: str, *, code: str = "not_found") -> SpeechError:
    """A 404."""
    return SpeechError(404, code, message)
