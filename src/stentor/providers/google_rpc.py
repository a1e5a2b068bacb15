"""What errors of Google's APIs mean: `google.rpc.Status` in JSON.

Source: AIP-193, "Errors"; Gemini API, "Troubleshooting guide".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from stentor.providers.faults import FaultKind, ProviderError, read_error
from stentor.providers.wire import Head

_STATUS_KINDS: dict[str, FaultKind] = {
    "UNAUTHENTICATED": "auth",
    "PERMISSION_DENIED": "auth",
    # Gemini: the account's country needs billing to be set up.
    "FAILED_PRECONDITION": "auth",
    "RESOURCE_EXHAUSTED": "rate_limited",
    "NOT_FOUND": "not_found",
}
_TOO_LONG = re.compile(r"longer than the limit|too long|exceeds the maximum number of tokens", re.I)
_NO_SUCH_VOICE = re.compile(r"\bvoice\b.*\bdoes not exist", re.I)
_DELAY = re.compile(r"(\d+(?:\.\d+)?)s")


def read_google_error(head: Head, body: bytes) -> ProviderError:
    """Understand an answer with a status of 300 and more of one of Google's APIs."""
    error = _error_in(body)
    found = read_error(head, body, kind=_kind(error, head.status))
    if (delay := _retry_delay(error)) is not None:
        found.retry_after_s = delay
    return found


def raise_error_in(document: Any) -> None:
    """Raise the error that a document of a successful answer may hold instead of what was asked.

    Raises:
        ProviderError: it holds one.
    """
    error = document.get("error") if isinstance(document, dict) else None
    if not isinstance(error, dict):
        return
    code = error.get("code")
    status = code if isinstance(code, int) and code >= 300 else 500
    raise read_google_error(Head(status, {}), msgspec.json.encode({"error": error}))


def _error_in(body: bytes) -> Mapping[str, Any]:
    """The `error` of a body, which is in a list where a stream was asked for; empty if none is."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    if isinstance(document, list):
        document = document[0] if document else None
    error = document.get("error") if isinstance(document, dict) else None
    return error if isinstance(error, dict) else {}


def _kind(error: Mapping[str, Any], http_status: int) -> FaultKind | None:
    """None: what the HTTP status says is right."""
    message = str(error.get("message", ""))
    reasons = {detail.get("reason") for detail in _details(error)}
    if "API_KEY_INVALID" in reasons:  # a 400
        return "auth"
    kind = _STATUS_KINDS.get(str(error.get("status")))
    if kind == "rate_limited":
        return "quota" if _is_spent(error) else kind
    if http_status == 400:
        if _TOO_LONG.search(message):
            return "too_long"
        if _NO_SUCH_VOICE.search(message):
            return "not_found"
    return kind


def _is_spent(error: Mapping[str, Any]) -> bool:
    """Whether a quota was exceeded that is not given again before the next day."""
    violations = [
        violation
        for detail in _details(error)
        for violation in detail.get("violations") or ()
        if isinstance(violation, dict)
    ]
    return any("PerDay" in str(violation.get("quotaId", "")) for violation in violations)


def _retry_delay(error: Mapping[str, Any]) -> float | None:
    """The seconds of a `google.rpc.RetryInfo`."""
    for detail in _details(error):
        if match := _DELAY.fullmatch(str(detail.get("retryDelay", ""))):
            return float(match[1])
    return None


def _details(error: Mapping[str, Any]) -> list[dict[str, Any]]:
    details = error.get("details")
    return [one for one in details if isinstance(one, dict)] if isinstance(details, list) else []
