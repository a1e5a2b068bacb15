"""When a server asks to be called again."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_RETRY_AFTER_S = 86_400


def retry_after_seconds(retry_after: str | None) -> int | None:
    """The seconds that a `Retry-After` header asks for: a number, or a date (RFC 9110)."""
    if retry_after is None:
        return None
    if re.fullmatch(r"[0-9]+", retry_after):
        return min(int(retry_after[:9]), MAX_RETRY_AFTER_S)
    try:
        until = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return None
    if until.tzinfo is None:  # "-0000": UTC, from a place that is not told
        until = until.replace(tzinfo=UTC)
    seconds = math.ceil((until - datetime.now(UTC)).total_seconds())
    return max(0, min(seconds, MAX_RETRY_AFTER_S))
