"""Azure Speech's endpoints, as far as Stentor uses them."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree

from stentor.audio.form import AudioForm
from stentor.providers.faults import FaultKind
from upstream.values import Answer, Received, Sound

SPEECH = "{http://www.w3.org/2001/10/synthesis}"
VOICES: list[dict[str, Any]] = [
    {
        "Name": "Microsoft Server Speech Text to Speech Voice (en-US, JennyNeural)",
        "DisplayName": "Jenny",
        "LocalName": "Jenny",
        "ShortName": "en-US-JennyNeural",
        "Gender": "Female",
        "Locale": "en-US",
        "LocaleName": "English (United States)",
        "StyleList": ["assistant", "chat"],
        "SampleRateHertz": "24000",
        "VoiceType": "Neural",
        "Status": "GA",
        "ExtendedPropertyMap": {"IsHighQuality48K": "True"},
        "WordsPerMinute": "152",
    },
    {
        "DisplayName": "云希",
        "ShortName": "zh-CN-YunxiNeural",
        "Gender": "Male",
        "Locale": "zh-CN",
        "SampleRateHertz": "48000",
        "VoiceType": "Neural",
        "Status": "GA",
    },
    {
        "DisplayName": "Ava",
        "ShortName": "en-US-Ava:DragonHDLatestNeural",
        "Gender": "Female",
        "Locale": "en-US",
        "SampleRateHertz": "24000",
        "Status": "GA",
    },
    {
        "DisplayName": "Old",
        "ShortName": "en-US-OldNeural",
        "Gender": "Male",
        "Locale": "en-US",
        "SampleRateHertz": "16000",
        "Status": "Deprecated",
    },
]
_FORM = re.compile(r"(raw|riff|audio|ogg)-([0-9]+)(?:khz|hz)-.*?(pcm|mp3|opus)$")
_CONTENT_TYPES = {"pcm": "audio/basic", "wav": "audio/x-wav", "mp3": "audio/mpeg"}
# The bodies of 400, 429 and 5xx are mostly empty: the reason is in the line of the status.
_REFUSALS: dict[FaultKind, tuple[int, bytes]] = {
    "auth": (
        401,
        b'{"error":{"code":"401","message":"Access denied due to invalid subscription key or '
        b'wrong API endpoint."}}',
    ),
    "quota": (429, b"Quota Exceeded"),
    "rate_limited": (429, b""),
    "invalid": (400, b""),
    "server": (502, b""),
}


def answer(received: Received, sound: Sound) -> Answer | None:
    path = (received.method, received.path)
    if path not in (
        ("POST", "/cognitiveservices/v1"),
        ("GET", "/cognitiveservices/voices/list"),
    ):
        return None
    if "ocp-apim-subscription-key" not in received.headers:
        return refuse("auth", received)
    if received.method == "GET":
        headers = {"content-type": "application/json; charset=utf-8"}
        return Answer(headers=headers, parts=[json.dumps(VOICES).encode()])
    if received.headers.get("content-type") != "application/ssml+xml":
        return Answer(415)
    form = _form(received.headers.get("x-microsoft-outputformat", ""))
    text = _text(received.body)
    if form is None or text is None or not received.headers.get("user-agent"):
        return refuse("invalid", received)
    kind = _CONTENT_TYPES.get(form.encoding, "audio/ogg; codecs=opus")
    headers = {"content-type": kind, "x-requestid": "0123abcd"}
    return Answer(headers=headers, parts=[sound.clip(form, text)])


def refuse(kind: FaultKind, received: Received) -> Answer:
    status, body = _REFUSALS[kind]
    headers = {"retry-after": "1"} if kind == "rate_limited" else {}
    return Answer(status, headers, [body] if body else [])


def _form(name: str) -> AudioForm | None:
    found = _FORM.match(name)
    if found is None:
        return None
    box, rate, encoding = found.groups()
    if encoding != "pcm":
        return AudioForm("mp3" if encoding == "mp3" else "opus")
    hertz = int(rate) if int(rate) > 1000 else int(rate) * 1000
    return AudioForm("wav") if box == "riff" else AudioForm("pcm", hertz)


def _text(body: bytes) -> str | None:
    """What the document says; None if it is not one that the service takes."""
    try:
        speak = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return None
    voice = speak.find(f"{SPEECH}voice")
    language = speak.get("{http://www.w3.org/XML/1998/namespace}lang")
    if speak.tag != f"{SPEECH}speak" or not language or voice is None or not voice.get("name"):
        return None
    return "".join(voice.itertext()) or None
