"""Amazon Polly, as far as Stentor uses it. Signatures are checked."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from stentor.audio.form import AudioForm
from stentor.providers.faults import FaultKind
from upstream.values import Answer, Received, Sound

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SESSION_TOKEN = "FwoGZXIvYXdzEXAMPLE//=="
KEY = f"{ACCESS_KEY}:{SECRET_KEY}"
LEXICONS = ("homer", "Names")
_FORMS = {
    ("ogg_opus", "48000"): (AudioForm("opus"), "audio/ogg"),
    ("mp3", "24000"): (AudioForm("mp3"), "audio/mpeg"),
    ("pcm", "16000"): (AudioForm("pcm", 16_000), "audio/pcm"),
}
VOICES = [
    {
        "Gender": "Female",
        "Id": "Joanna",
        "LanguageCode": "en-US",
        "LanguageName": "US English",
        "Name": "Joanna",
        "SupportedEngines": ["generative", "neural", "standard"],
    },
    {
        "Gender": "Female",
        "Id": "Kajal",
        "LanguageCode": "en-IN",
        "AdditionalLanguageCodes": ["hi-IN"],
        "LanguageName": "Indian English",
        "Name": "Kajal",
        "SupportedEngines": ["generative", "neural"],
    },
    {
        "Gender": "Female",
        "Id": "Celine",
        "LanguageCode": "fr-FR",
        "LanguageName": "French",
        "Name": "Céline",
        "SupportedEngines": ["standard"],
    },
]
_REFUSALS: dict[FaultKind, tuple[int, str, str]] = {
    "auth": (
        403,
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    ),
    "quota": (402, "ServiceQuotaExceededException", "The quota of the account is used up."),
    "rate_limited": (400, "ThrottlingException", "Rate exceeded"),
    "invalid": (
        400,
        "EngineNotSupportedException",
        "This voice does not support the selected engine: long-form",
    ),
    "not_found": (
        400,
        "ValidationException",
        "1 validation error detected: Value 'Homer' at 'voiceId' failed to satisfy constraint: "
        "Member must satisfy enum value set: [Joanna, Kajal]",
    ),
    "too_long": (400, "TextLengthExceededException", "Maximum text length has been exceeded"),
    "server": (500, "ServiceFailureException", "An unknown condition has caused a failure."),
}


def answer(received: Received, sound: Sound) -> Answer | None:
    if not is_signed(received):
        return refuse("auth", received)
    if (received.method, received.path) == ("GET", "/v1/voices"):
        return _voices(received)
    if (received.method, received.path) != ("POST", "/v1/speech"):
        return None
    body = received.json()
    voice = next((one for one in VOICES if one["Id"] == body.get("VoiceId")), None)
    if voice is None:
        return refuse("not_found", received)
    if body.get("Engine", "standard") not in voice["SupportedEngines"]:
        return refuse("invalid", received)
    if len(body["Text"]) > 3000:
        return refuse("too_long", received)
    if unknown := set(body.get("LexiconNames", ())) - set(LEXICONS):
        return _error(404, "LexiconNotFoundException", f"Lexicon not found: {min(unknown)}")
    form, content_type = _FORMS[body["OutputFormat"], body["SampleRate"]]
    clip = sound.clip(form, body["Text"])
    half = len(clip) // 2
    return Answer(
        headers={
            "content-type": content_type,
            "x-amzn-requestcharacters": str(len(body["Text"])),
            "x-amzn-requestid": "befbcc55-4fda-4c6a-9ca0-d879deb9e633",
        },
        parts=[clip[:half], clip[half:]],
    )


def refuse(kind: FaultKind, received: Received) -> Answer:
    return _error(*_REFUSALS[kind])


def is_signed(received: Received) -> bool:
    """Whether this is signed with the secret key, as it arrived."""
    authorization = received.headers.get("authorization", "")
    scheme, _, rest = authorization.partition(" ")
    fields = dict(field.strip().split("=", 1) for field in rest.split(",") if "=" in field)
    if scheme != "AWS4-HMAC-SHA256" or "SignedHeaders" not in fields:
        return False
    access, _, region, service, _ = fields["Credential"].split("/")
    token = received.headers.get("x-amz-security-token")
    if access != ACCESS_KEY or service != "polly" or token not in (None, SESSION_TOKEN):
        return False
    names = fields["SignedHeaders"].split(";")
    if token is not None and "x-amz-security-token" not in names:
        return False
    query = f"?{urlencode(received.query)}" if received.query else ""
    request = AWSRequest(
        received.method,
        f"http://{received.headers['host']}{received.path}{query}",
        {name: received.headers[name] for name in names if name in received.headers},
        received.body,
    )
    request.context["timestamp"] = received.headers["x-amz-date"]
    signer = SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), service, region)
    expected = signer.signature(
        signer.string_to_sign(request, signer.canonical_request(request)), request
    )
    return fields["Signature"] == expected


def _voices(received: Received) -> Answer:
    """Two of them a page."""
    start = int(dict(received.query).get("NextToken", "0==").rstrip("="))
    page: dict[str, Any] = {"Voices": VOICES[start : start + 2]}
    if start + 2 < len(VOICES):
        page["NextToken"] = f"{start + 2}=="
    return Answer(headers={"content-type": "application/json"}, parts=[json.dumps(page).encode()])


def _error(status: int, name: str, message: str) -> Answer:
    return Answer(
        status,
        {
            "content-type": "application/json",
            "x-amzn-errortype": f"{name}:http://internal.amazon.com/coral/com.amazon.polly/",
            "x-amzn-requestid": "befbcc55-4fda-4c6a-9ca0-d879deb9e634",
        },
        [json.dumps({"message": message}).encode()],
    )
