"""Which part of a list a request asks for."""

from __future__ import annotations

import re
from typing import TypeVar

import uuid_utils
from starlette.requests import Request

from stentor.errors import invalid

T = TypeVar("T", bound=str)

DEFAULT_PAGE = 20
MAX_PAGE = 100


def read_limit(request: Request) -> int:
    """`?limit=`: how many entries at most.

    Raises:
        SpeechError: 400 when it is not an integer in range.
    """
    value = request.query_params.get("limit", str(DEFAULT_PAGE))
    if not re.fullmatch(r"[0-9]{1,9}", value) or not 1 <= int(value) <= MAX_PAGE:
        raise invalid(
            f"limit: expected an integer from 1 to {MAX_PAGE}, got {value[:40]!r}", param="limit"
        )
    return int(value)


def read_choice(request: Request, name: str, choices: tuple[T, ...]) -> T | None:
    """A parameter of the query string that is one of some words; None without it.

    Raises:
        SpeechError: 400 when it is none of them.
    """
    value = request.query_params.get(name)
    if value is None:
        return None
    for choice in choices:
        if value == choice:
            return choice
    raise invalid(f"{name}: expected one of {', '.join(choices)}, got {value[:40]!r}", param=name)


def read_job_id_query(request: Request, name: str) -> str | None:
    """The id of a job in the query string; None without it.

    Raises:
        SpeechError: 400 when it has not the form of one.
    """
    value = request.query_params.get(name)
    if value is None:
        return None
    try:
        return str(uuid_utils.UUID(value))
    except ValueError:
        raise invalid(f"{name}: expected the id of a job, got {value[:40]!r}", param=name) from None
