"""Azure OpenAI's speech endpoint, as far as Stentor uses it, with one deployment."""

from __future__ import annotations

import json

from stentor.providers.faults import FaultKind
from upstream.openai import speech
from upstream.values import Answer, Received, Sound

DEPLOYMENT = "narrator"
_REFUSALS: dict[FaultKind, tuple[int, str, str]] = {
    "auth": (
        401,
        "401",
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide "
        "a valid key for an active subscription and use a correct regional API endpoint.",
    ),
    "quota": (403, "403", "Out of call volume quota. Quota will be replenished in 7 days."),
    "rate_limited": (
        429,
        "429",
        "Requests to the Audio_Speech Operation have exceeded call rate limit of your current "
        "OpenAI S0 pricing tier. Please retry after 1 second.",
    ),
    "invalid": (400, "BadRequest", "Input should be 'alloy', 'ash' or 'coral'."),
    "not_found": (
        404,
        "DeploymentNotFound",
        "The API deployment for this resource does not exist. If you created the deployment within "
        "the last 5 minutes, please wait a moment and try again.",
    ),
    "too_long": (
        400,
        "invalid_value",
        "Input of 2132 tokens is over the maximum input limit of 2000 tokens.",
    ),
    "server": (500, "InternalServerError", "The server had an error processing your request."),
}


def answer(received: Received, sound: Sound) -> Answer | None:
    path = received.path.partition("?")[0].split("/")
    if received.method != "POST" or path[:3] + path[4:] != [
        "", "openai", "deployments", "audio", "speech",
    ]:  # fmt: skip
        return None
    if "api-key" not in received.headers:
        return refuse("auth", received)
    if not dict(received.query).get("api-version"):
        return None
    if path[3] != DEPLOYMENT:
        return refuse("not_found", received)
    return speech(received, sound)


def refuse(kind: FaultKind, received: Received) -> Answer:
    status, code, message = _REFUSALS[kind]
    headers = {"content-type": "application/json", "apim-request-id": "apim-2"}
    if kind == "rate_limited":
        headers["retry-after"] = "1"
    body = {"error": {"code": code, "message": message}}
    return Answer(status, headers, [json.dumps(body).encode()])
