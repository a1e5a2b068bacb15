"""Reading what a request says beside its body: its headers and its query string."""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.requests import Request

from stentor.contract import PRIORITIES, Priority
from stentor.errors import invalid
from stentor.http.prefer import preferences

TTL_HEADER = "x-bf-async-job-result-ttl"
WEBHOOK_HEADER = "x-bf-async-webhook"
PRIORITY_HEADER = "x-stentor-priority"
ASYNC_HEADER = "x-bf-async"
DEADLINE_HEADER = "cancel-after"
IDEMPOTENCY_HEADER = "idempotency-key"

MAX_DEADLINE_S = 315_360_000
MAX_KEY_CHARS = 255

_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
_KEY = re.compile(rf"[\x21-\x7e]{{1,{MAX_KEY_CHARS}}}")


def read_headers(request: Request) -> dict[str, str]:
    """All headers by lower-case name; the last of a repeated one.

    Starlette's own mapping searches and decodes the whole list at every look, which was a tenth
    of the time of a submit.
    """
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in request["headers"]}


def read_ttl(headers: Mapping[str, str], *, default: int, maximum: int) -> int:
    """The seconds that a result is to be kept.

    Raises:
        SpeechError: 400 when the header is not an integer in range.
    """
    value = headers.get(TTL_HEADER)
    return default if value is None else _integer(TTL_HEADER, value, 0, maximum)


def read_deadline(headers: Mapping[str, str], *, default: int) -> int:
    """The seconds after which a job that has not ended is to fail; 0 for never.

    Raises:
        SpeechError: 400 when the header is not an integer in range.
    """
    value = headers.get(DEADLINE_HEADER)
    return default if value is None else _integer(DEADLINE_HEADER, value, 1, MAX_DEADLINE_S)


def read_priority(headers: Mapping[str, str]) -> Priority:
    """The job's place among those of the same caller.

    Raises:
        SpeechError: 400 when the header is none of the priorities.
    """
    value = headers.get(PRIORITY_HEADER)
    if value is None:
        return "normal"
    for priority in PRIORITIES:
        if value.strip() == priority:
            return priority
    raise invalid(
        f"{PRIORITY_HEADER}: expected one of {', '.join(PRIORITIES)}, got {value[:40]!r}",
        param=PRIORITY_HEADER,
    )


def read_idempotency_key(headers: Mapping[str, str]) -> str | None:
    """The key that makes a second submission harmless, without its quotes.

    It is bare, or a string of RFC 9651 as draft-ietf-httpapi-idempotency-key-header has it.

    Raises:
        SpeechError: 400 when it is empty, too long, or holds what is not visible ASCII.
    """
    value = headers.get(IDEMPOTENCY_HEADER)
    if value is None:
        return None
    key = value.strip()
    if key.startswith('"'):
        string = re.fullmatch(r'"((?:[^"\\]|\\["\\])*)"', key)
        key = re.sub(r"\\(.)", r"\1", string.group(1)) if string else ""
    if not _KEY.fullmatch(key):
        raise invalid(
            f"{IDEMPOTENCY_HEADER}: expected 1 to {MAX_KEY_CHARS} visible ASCII characters, bare "
            f"or in double quotes, got {value[:40]!r}",
            param=IDEMPOTENCY_HEADER,
        )
    return key


def read_request_id(headers: Mapping[str, str]) -> str | None:
    """The caller's own id of the request, if it sent a sound one."""
    value = headers.get("x-request-id")
    return value if value is not None and _REQUEST_ID.fullmatch(value) else None


def read_wait_preference(request: Request, *, maximum: int) -> int | None:
    """The seconds of `Prefer: wait=SECONDS`, at most `maximum`; None without a sound one."""
    wait = _preferences(request).get("wait", "")
    return min(int(wait), maximum) if re.fullmatch(r"[0-9]{1,18}", wait) else None


def read_wants_job(request: Request, headers: Mapping[str, str]) -> bool:
    """Whether a synchronous call is to become a job: `x-bf-async: true`, or `respond-async`.

    Raises:
        SpeechError: 400 when the header is neither true nor false.
    """
    value = headers.get(ASYNC_HEADER, "").strip().lower()
    if value not in ("", "true", "false"):
        raise invalid(
            f"{ASYNC_HEADER}: expected true or false, got {value[:40]!r}", param=ASYNC_HEADER
        )
    return value == "true" or "respond-async" in _preferences(request)


def read_wait_query(request: Request, *, maximum: int) -> float | None:
    """The seconds of `?wait=SECONDS`, at most `maximum`; None without it.

    Raises:
        SpeechError: 400 when it is not a number from 0.
    """
    value = request.query_params.get("wait")
    if value is None:
        return None
    if not re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,18})?", value):
        raise invalid(
            f"wait: expected a number of seconds from 0, such as 30 or 0.5, got {value[:40]!r}",
            param="wait",
        )
    return min(float(value), maximum)


def read_flag(request: Request, name: str, *, default: bool) -> bool:
    """A parameter of the query string that is true or false.

    Raises:
        SpeechError: 400 when it is neither.
    """
    value = request.query_params.get(name, str(default).lower())
    if value not in ("true", "false"):
        raise invalid(f"{name}: expected true or false, got {value[:40]!r}", param=name)
    return value == "true"


def _preferences(request: Request) -> dict[str, str]:
    values = [value.decode("latin-1") for name, value in request["headers"] if name == b"prefer"]
    return preferences(values)


def _integer(header: str, value: str, minimum: int, maximum: int) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", value.strip()) or not minimum <= int(value) <= maximum:
        raise invalid(
            f"{header}: expected an integer from {minimum} to {maximum}, got {value[:40]!r}",
            param=header,
        )
    return int(value)
