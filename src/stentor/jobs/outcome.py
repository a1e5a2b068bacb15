"""How jobs end."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from stentor.contract import (
    CONTENT_TYPES,
    Attempt,
    ResultExtraFields,
    SpeechResult,
    Usage,
)
from stentor.errors import CLIENT_CLOSED_REQUEST, SpeechError
from stentor.jobs.record import Outcome
from stentor.requests import StoredRequest
from stentor.synthesis.values import Rendered


def completed(stored: StoredRequest, rendered: Rendered, latency_ms: int) -> Outcome:
    """The end of a job whose audio is stored."""
    result = speech_result(stored, rendered, latency_ms)
    return Outcome(
        status="completed", status_code=200, result=msgspec.json.encode(result), error=None
    )


def failed(error: SpeechError) -> Outcome:
    """The end of a job that failed with this error."""
    return Outcome(
        status="failed",
        status_code=error.status_code,
        result=None,
        error=msgspec.json.encode(error.response()),
    )


def cancelled(attempts: Sequence[Attempt] = ()) -> Outcome:
    """The end of a job that its caller cancelled, after these attempts."""
    return failed(
        SpeechError(CLIENT_CLOSED_REQUEST, "cancelled", "the job was cancelled", attempts=attempts)
    )


def overdue() -> Outcome:
    """The end of a job whose deadline came first."""
    return failed(SpeechError(504, "deadline_exceeded", "the job had not ended by its deadline"))


def speech_result(stored: StoredRequest, rendered: Rendered, latency_ms: int) -> SpeechResult:
    """What a caller is told of a rendering, but for where its audio is."""
    response_format = stored.speech.response_format or "mp3"
    encoded, timings = rendered.encoded, rendered.timings
    seconds = round(encoded.duration_seconds, 3)
    tokens = [count for count in (rendered.input_tokens, rendered.output_tokens) if count]
    return SpeechResult(
        response_format=response_format,
        content_type=CONTENT_TYPES[response_format],
        audio_url="",
        size_bytes=encoded.size_bytes,
        sha256=rendered.sha256,
        duration_seconds=seconds,
        sample_rate=encoded.sample_rate,
        usage=Usage(
            input_chars=len(stored.speech.input),
            audio_seconds=seconds,
            input_tokens=rendered.input_tokens,
            output_tokens=rendered.output_tokens,
            total_tokens=sum(tokens) if tokens else None,
            cost=rendered.cost,
        ),
        warnings=list(rendered.warnings),
        extra_fields=ResultExtraFields(
            provider=rendered.target.provider,
            model_requested=stored.speech.model,
            model_used=rendered.target.id,
            latency_ms=latency_ms,
            attempts=list(rendered.attempts),
            ignored_params=list(rendered.ignored_params),
            generation=rendered.generation,
            provider_request_ids=list(rendered.request_ids),
        ),
        alignment=timings.alignment if timings else None,
        normalized_alignment=timings.normalized_alignment if timings else None,
        words=timings.words if timings else None,
        marks=timings.marks or None if timings else None,
        alignment_source=timings.source if timings else None,
        loudness_lufs=_finite(rendered.loudness_lufs),
        chapters=list(rendered.chapters) or None,
    )


def _finite(value: float | None) -> float | None:
    return None if value is None or math.isinf(value) else round(value, 2)
