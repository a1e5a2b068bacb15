"""What of a request's options a model has a use for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stentor.contract import SpeechRequest
from stentor.providers.base import ANY_FIELD, Capabilities


def passed_on(
    can: Capabilities, request: SpeechRequest, extra_params: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """The fields of its own that a model is given, and the names of those that have no effect."""
    takes_any = ANY_FIELD in can.extra
    extra = {name: value for name, value in extra_params.items() if takes_any or name in can.extra}
    ignored = [name for name in extra_params if name not in extra]
    if request.instructions and not can.instructions:
        ignored.append("instructions")
    if request.enable_logging is False and not can.no_logging:
        ignored.append("enable_logging")
    if request.optimize_streaming_latency and not can.low_latency:
        ignored.append("optimize_streaming_latency")
    return extra, sorted(ignored)
