"""Google Cloud Text-to-Speech, as far as Stentor uses it."""

from __future__ import annotations

import base64
import functools
import json
import re
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt

from stentor.audio.form import AudioForm
from stentor.providers.faults import FaultKind
from upstream.values import Answer, Received, Sound

_ENCODINGS = {"LINEAR16": "wav", "OGG_OPUS": "opus", "MP3": "mp3", 1: "wav", 3: "opus", 2: "mp3"}
_MARK = re.compile(r'<mark name="([^"]*)"\s*/>')
_TAG = re.compile(r"<[^>]*>")
_MAX_BYTES = 5000
SECONDS_PER_CHARACTER = 0.06
EMAIL = "speech@project.iam.gserviceaccount.com"
VOICES = [
    {
        "languageCodes": ["en-US"],
        "name": "en-US-Chirp3-HD-Kore",
        "ssmlGender": "FEMALE",
        "naturalSampleRateHertz": 24000,
    },
    {
        "languageCodes": ["cmn-CN"],
        "name": "cmn-CN-Wavenet-B",
        "ssmlGender": "MALE",
        "naturalSampleRateHertz": 24000,
    },
    {
        "languageCodes": ["en-GB"],
        "name": "en-GB-Standard-A",
        "ssmlGender": "SSML_VOICE_GENDER_UNSPECIFIED",
        "naturalSampleRateHertz": 22050,
    },
    {
        "languageCodes": ["en-US"],
        "name": "en-US-Casual-K",
        "ssmlGender": "MALE",
        "naturalSampleRateHertz": 24000,
    },
    {
        "languageCodes": ["en-US"],
        "name": "Achernar",
        "ssmlGender": "FEMALE",
        "naturalSampleRateHertz": 24000,
    },
]
_REFUSALS: dict[FaultKind, tuple[int, str, str, list[dict[str, Any]]]] = {
    "auth": (
        400,
        "INVALID_ARGUMENT",
        "API key not valid. Please pass a valid API key.",
        [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
                "metadata": {"service": "texttospeech.googleapis.com"},
            }
        ],
    ),
    "quota": (
        429,
        "RESOURCE_EXHAUSTED",
        "Quota exceeded for quota metric 'All requests' and limit 'All requests per day'.",
        [
            {
                "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                "violations": [{"quotaId": "RequestsPerDayPerProject"}],
            }
        ],
    ),
    "rate_limited": (
        429,
        "RESOURCE_EXHAUSTED",
        "Quota exceeded for quota metric 'All requests' and limit 'All requests per minute'.",
        [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "RATE_LIMIT_EXCEEDED",
                "domain": "googleapis.com",
            }
        ],
    ),
    "invalid": (400, "INVALID_ARGUMENT", "Invalid SSML. Newer voices like Neural2 need it.", []),
    "not_found": (400, "INVALID_ARGUMENT", "Voice 'en-US-X' does not exist. Is it misspelled?", []),
    "too_long": (
        400,
        "INVALID_ARGUMENT",
        "Either `input.text` or `input.ssml` is longer than the limit of 5000 bytes. This limit is "
        "different from quotas.",
        [],
    ),
    "server": (500, "INTERNAL", "Internal error encountered.", []),
}


@functools.cache
def service_account() -> str:
    """The JSON of a key file whose signatures this vendor knows."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    account = {
        "type": "service_account",
        "project_id": "project",
        "private_key_id": "key-1",
        "private_key": private.decode(),
        "client_email": EMAIL,
        "client_id": "1",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    return json.dumps(account)


@functools.cache
def _public_key() -> bytes:
    private = serialization.load_pem_private_key(
        json.loads(service_account())["private_key"].encode(), None
    )
    return private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def claims(authorization: str) -> dict[str, Any]:
    """What a bearer's JWT claims.

    Raises:
        ValueError: it is not signed with the service account's key.
    """
    token = authorization.removeprefix("Bearer ")
    *signed, signature = token.split(".")
    header, payload = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in signed)
    # Not `jwt.decode`, which also compares the times with a clock.
    verified = crypt.RSAVerifier.from_string(_public_key()).verify(
        ".".join(signed).encode(), base64.urlsafe_b64decode(signature + "==")
    )
    if header["alg"] != "RS256" or not verified:
        raise ValueError("the signature is not good")
    return payload


def answer(received: Received, sound: Sound) -> Answer | None:
    if not _known(received):
        return refuse("auth", received)
    version, _, rest = received.path.lstrip("/").partition("/")
    if version not in ("v1", "v1beta1"):
        return None
    if (received.method, rest) == ("GET", "voices"):
        return _json({"voices": VOICES})
    if (received.method, rest) != ("POST", "text:synthesize"):
        return None
    body = received.json()
    said, voice, config = body.get("input"), body.get("voice"), body.get("audioConfig")
    if not said or not voice or config is None or not voice.get("languageCode"):
        return refuse("invalid", received)
    name = voice.get("name", "")
    if "-" in name and not name.startswith(voice["languageCode"]):
        return refuse("invalid", received)
    if "enableTimePointing" in body and version == "v1":
        return refuse("invalid", received)
    if len((said.get("ssml") or said.get("text") or "").encode()) > _MAX_BYTES:
        return refuse("too_long", received)
    encoding = _ENCODINGS[config["audioEncoding"]]
    result: dict[str, Any] = {}
    if "ssml" in said:
        if "Chirp" in name or "Studio" in name:
            return refuse("invalid", received)
        text = _TAG.sub("", said["ssml"])
        if body.get("enableTimePointing"):
            result["timepoints"] = _timepoints(said["ssml"])
    elif "multiSpeakerMarkup" in said:
        text = " ".join(turn["text"] for turn in said["multiSpeakerMarkup"]["turns"])
        if len(voice["multiSpeakerVoiceConfig"]["speakerVoiceConfigs"]) != 2:
            return refuse("invalid", received)
    else:
        text = said["text"]
    clip = sound.clip(AudioForm(encoding), text)
    return _json({"audioContent": base64.b64encode(clip).decode()} | result)


def refuse(kind: FaultKind, received: Received) -> Answer:
    status, name, message, details = _REFUSALS[kind]
    error: dict[str, Any] = {"code": status, "message": message, "status": name}
    if details:
        error["details"] = details
    return _json({"error": error}, status)


def _known(received: Received) -> bool:
    if "x-goog-api-key" in received.headers:
        return True
    try:
        claimed = claims(received.headers.get("authorization", ""))
    except ValueError:
        return False
    return claimed["iss"] == EMAIL


def _timepoints(ssml: str) -> list[dict[str, Any]]:
    """A time for each mark, as long after the beginning as there are characters before it."""
    return [
        {
            "markName": match[1],
            "timeSeconds": len(_unescaped(ssml[: match.start()])) * SECONDS_PER_CHARACTER,
        }
        for match in _MARK.finditer(ssml)
    ]


def _unescaped(ssml: str) -> str:
    text = _TAG.sub("", ssml)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _json(document: dict[str, Any], status: int = 200) -> Answer:
    return Answer(
        status,
        {"content-type": "application/json; charset=UTF-8"},
        [json.dumps(document, indent=2).encode()],
    )
