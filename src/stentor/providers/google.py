"""Google Cloud Text-to-Speech.

Models are the families of voices, as Google bills them: a voice's name says its family and its
language (`en-US-Chirp3-HD-Kore`). The Gemini models of this API, which are told in words how to
speak and have two speakers, take short names of voices (`Kore`) and a language.

Words are timed by `<mark>`s in SSML, which v1beta1 alone answers with times, and which only the
Neural2, WaveNet and Standard families know.

A key is an API key, or the JSON of a service account's key file. For the latter a JWT is signed
here and sent as it is ("self-signed", AIP-4111), which needs the package google-auth.

Source: Cloud Text-to-Speech reference, `text.synthesize` (v1, v1beta1) and `voices.list`; "Speech
Synthesis Markup Language (SSML)"; "Gemini-TTS"; "Quotas & limits".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Literal
from xml.sax.saxutils import escape

import msgspec

from stentor.audio.form import AudioForm
from stentor.contract import Voice
from stentor.providers.base import (
    Capabilities,
    Provider,
    Script,
    Settings,
    VendorFormat,
    VoicePage,
)
from stentor.providers.faults import ProviderError
from stentor.providers.gemini import PREBUILT_VOICES
from stentor.providers.google_rpc import raise_error_in, read_google_error
from stentor.providers.readers import JsonReader, from_base64
from stentor.providers.wire import Alignment, Delivered, Head, HttpCall, Reader, Timing
from stentor.secret import Secret

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_NO_SETTINGS = Settings()
_TOKEN_LIFE = timedelta(hours=1)
_TOKEN_RENEWAL = timedelta(minutes=10)
_MAX_TOKENS_KEPT = 64
_MAX_BYTES = 5000
_WORD = re.compile(r"\S+")
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LANGUAGE = re.compile(r"[a-z]{2,3}-[A-Za-z0-9]{2,4}(?=-)")
_FAMILIES = {
    "Chirp3-HD": "chirp3-hd",
    "Neural2": "neural2",
    "Wavenet": "wavenet",
    "Standard": "standard",
    "Studio": "studio",
}
_DEFAULT_LANGUAGE = "en-US"
_AUDIO_FIELDS = ("effectsProfileId", "pitch", "volumeGainDb")
_INPUT_FIELDS = ("customPronunciations",)


class Google(Provider):
    """`POST /v1/text:synthesize`; with timestamps `POST /v1beta1/text:synthesize`."""

    type = "google"
    title = "Google Cloud Text-to-Speech"
    reference = "https://cloud.google.com/text-to-speech/docs/reference/rest"
    base_url = "https://texttospeech.googleapis.com"
    key_variable = "GOOGLE_API_KEY"
    concurrency = 8

    def __init__(self, settings: Settings = _NO_SETTINGS) -> None:
        super().__init__(settings)
        self._tokens: dict[Secret, tuple[datetime, str]] = {}

    @property
    def models(self) -> Mapping[str, Capabilities]:
        return _MODELS

    def request(self, script: Script, key: Secret | None, now: datetime) -> HttpCall:
        gemini = script.model.startswith("gemini")
        body: dict[str, Any] = {
            "input": _input(script),
            "voice": _gemini_voice(script) if gemini else _voice(script),
            "audioConfig": {"audioEncoding": script.format.name},
        }
        if script.speed != 1.0:
            body["audioConfig"]["speakingRate"] = script.speed
        for name, value in script.extra.items():
            if name in _AUDIO_FIELDS:
                body["audioConfig"][name] = value
            elif name in _INPUT_FIELDS:
                body["input"][name] = value
            else:
                body[name] = value
        if script.timestamps:
            body["enableTimePointing"] = ["SSML_MARK"]
        return HttpCall(
            "POST",
            f"{self.base_url}/{'v1beta1' if script.timestamps else 'v1'}/text:synthesize",
            {"Content-Type": "application/json"} | self._authentication(key, now),
            msgspec.json.encode(body),
        )

    def response(self, script: Script, head: Head) -> Reader:
        def read(document: Any) -> Delivered:
            raise_error_in(document)
            try:
                answer = msgspec.convert(document, _Answer)
            except msgspec.ValidationError as error:
                raise TypeError(str(error)) from error
            audio = from_base64(answer.audio_content)
            if not script.timestamps:
                return Delivered(audio)
            times = {
                point.mark_name: round(point.time_seconds * 1000) for point in answer.timepoints
            }
            timings = _timings(script.text, _marked_words(script.text), times)
            return Delivered(audio, Alignment("word", timings))

        return JsonReader(script.format.form, head, read)

    def error(self, head: Head, body: bytes) -> ProviderError:
        return read_google_error(head, body)

    def known_voices(self, model: str) -> Sequence[Voice]:
        if not model.startswith("gemini"):
            return ()
        return [
            Voice(
                id=name,
                name=name,
                provider=self.name,
                model=model,
                sample_rate=24_000,
                gender=gender,
            )
            for name, gender in PREBUILT_VOICES.items()
        ]

    def voices_call(self, key: Secret | None, page: str | None, now: datetime) -> HttpCall | None:
        return HttpCall("GET", f"{self.base_url}/v1/voices", self._authentication(key, now))

    def read_voices(self, body: bytes) -> VoicePage:
        try:
            answer = msgspec.json.decode(body, type=_VoicesAnswer)
        except msgspec.DecodeError as error:
            raise ProviderError(
                "malformed", f"the list of voices is not readable: {error}"
            ) from error
        return VoicePage(
            [
                Voice(
                    id=one.name,
                    name=one.name.rpartition("-")[2],
                    provider=self.name,
                    model=family,
                    sample_rate=one.natural_sample_rate_hertz,
                    language=one.language_codes[0] if one.language_codes else None,
                    gender=_GENDERS.get(one.ssml_gender),
                )
                for one in answer.voices
                if (family := _family(one.name)) is not None
            ]
        )

    def _authentication(self, key: Secret | None, now: datetime) -> dict[str, str]:
        if key is None:
            return {}
        if key.reveal().lstrip().startswith("{"):
            return {"Authorization": f"Bearer {self._token(key, now)}"}
        return {"X-Goog-Api-Key": key.reveal()}

    def _token(self, key: Secret, now: datetime) -> str:
        """A service account's JWT, which is good for another ten minutes at least."""
        if key not in self._tokens or self._tokens[key][0] < now + _TOKEN_RENEWAL:
            while len(self._tokens) >= _MAX_TOKENS_KEPT:
                del self._tokens[next(iter(self._tokens))]
            self._tokens[key] = (now + _TOKEN_LIFE, _signed_token(key, now))
        return self._tokens[key][1]


class _Timepoint(msgspec.Struct, frozen=True, rename="camel"):
    mark_name: str
    time_seconds: float


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    audio_content: str
    timepoints: list[_Timepoint] = []


class _VoiceEntry(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    language_codes: list[str] = []
    ssml_gender: str = ""
    natural_sample_rate_hertz: int = 24_000


class _VoicesAnswer(msgspec.Struct, frozen=True):
    voices: list[_VoiceEntry] = []


_GENDERS: dict[str, Literal["female", "male"]] = {"FEMALE": "female", "MALE": "male"}


def _signed_token(key: Secret, now: datetime) -> str:
    """Sign a JWT with the private key of a service account.

    Raises:
        ProviderError: auth; the key is not one, or google-auth is not installed.
    """
    try:
        from google.auth import crypt, jwt
    except ImportError as error:
        raise ProviderError(
            "auth",
            "a service account's key needs the package google-auth, which is not installed; "
            "install stentor[google], or use an API key",
            code="not_installed",
        ) from error
    try:
        account = msgspec.json.decode(key.reveal(), type=dict[str, Any])
        signer = crypt.RSASigner.from_service_account_info(account)  # type: ignore[no-untyped-call]
        email = account["client_email"]
    except (msgspec.DecodeError, KeyError, ValueError) as error:
        # Not chained: the cause may quote the key.
        reason = type(error).__name__
    else:
        issued = int(now.timestamp())
        claims = {
            "iss": email,
            "sub": email,
            "iat": issued,
            "exp": issued + int(_TOKEN_LIFE.total_seconds()),
            "scope": SCOPE,
        }
        return str(jwt.encode(signer, claims), "ascii")  # type: ignore[no-untyped-call]
    raise ProviderError(
        "auth",
        f"the key looks like JSON, but is not a service account's key file ({reason}); expected "
        "client_email and private_key",
        code="invalid_key",
    )


def _family(name: str) -> str | None:
    """The model that a voice belongs to; None for families that are not offered."""
    match = _LANGUAGE.match(name)
    rest = name[match.end() + 1 :] if match else ""
    return next((model for family, model in _FAMILIES.items() if rest.startswith(family)), None)


def _voice(script: Script) -> dict[str, Any]:
    """`VoiceSelectionParams`; the language has to be the one in the voice's name."""
    match = _LANGUAGE.match(script.voice)
    language = match[0] if match else script.language or _DEFAULT_LANGUAGE
    return {"languageCode": language, "name": script.voice}


def _gemini_voice(script: Script) -> dict[str, Any]:
    voice: dict[str, Any] = {
        "languageCode": script.language or _DEFAULT_LANGUAGE,
        "modelName": script.model,
    }
    aliases = _aliases(script)
    if len(aliases) == 1:
        return voice | {"name": script.voice}
    speakers = [{"speakerAlias": alias, "speakerId": one} for one, alias in aliases.items()]
    return voice | {"multiSpeakerVoiceConfig": {"speakerVoiceConfigs": speakers}}


def _aliases(script: Script) -> dict[str, str]:
    """voice → what it is called in this call; letters and digits only."""
    voices = dict.fromkeys(turn.voice for turn in script.turns)
    return {voice: f"Speaker{number}" for number, voice in enumerate(voices, 1)}


def _input(script: Script) -> dict[str, Any]:
    """`SynthesisInput`."""
    if script.timestamps:
        return {"ssml": _ssml(script.text, _marked_words(script.text))}
    aliases = _aliases(script)
    said: dict[str, Any] = {"text": script.text}
    if len(aliases) > 1:
        turns = [{"speaker": aliases[turn.voice], "text": turn.text} for turn in script.turns]
        said = {"multiSpeakerMarkup": {"turns": turns}}
    if script.instructions:
        said["prompt"] = script.instructions
    return said


def _marked_words(text: str) -> list[int]:
    """Where marks are set: at the beginning of all words, or of as many as a call has room for."""
    words = [match.start() for match in _WORD.finditer(text)]
    step = 1
    while step < len(words) and len(_ssml(text, words[::step]).encode()) > _MAX_BYTES:
        step += 1
    return words[::step]


def _ssml(text: str, marks: Sequence[int]) -> str:
    """The text with a mark at each of these places, named by its number, and one at the end."""
    # One character for one, so that places stay what they are.
    text = _NOT_XML.sub(" ", text)
    ends = [*marks[1:], len(text)]
    pieces = [
        f'<mark name="{number}"/>{escape(text[start:end])}'
        for number, (start, end) in enumerate(zip(marks, ends, strict=True))
    ]
    before = escape(text[: marks[0]] if marks else text)
    return f'<speak>{before}{"".join(pieces)}<mark name="{len(marks)}"/></speak>'


def _timings(text: str, marks: Sequence[int], times: Mapping[str, int]) -> tuple[Timing, ...]:
    """When the words between marks are heard, in order.

    A mark without a time is passed over, so that the words before it last until the next one.
    Words after the last time are left out: nothing says when they end.
    """
    known: list[tuple[int, int]] = []
    for number, place in enumerate([*marks, len(text)]):
        time = times.get(str(number))
        if time is not None and (not known or time >= known[-1][1]):
            known.append((place, time))
    return tuple(
        Timing(start, start + len(text[start:end].rstrip()), start_ms, end_ms)
        for (start, start_ms), (end, end_ms) in pairwise(known)
    )


_FORMATS = (
    VendorFormat(AudioForm("wav"), "LINEAR16"),
    VendorFormat(AudioForm("opus"), "OGG_OPUS"),
    VendorFormat(AudioForm("mp3"), "MP3", kbps=32),
)
_SPEED = (0.25, 2.0)
_CHIRP = Capabilities(
    formats=_FORMATS,
    max_bytes=_MAX_BYTES,
    speed=_SPEED,
    streaming=False,
    extra=("customPronunciations", "effectsProfileId", "volumeGainDb"),
)
_TIMED = Capabilities(
    formats=_FORMATS,
    # Marks count: half of the room is theirs.
    max_bytes=_MAX_BYTES // 2,
    speed=_SPEED,
    timestamps="word",
    streaming=False,
    extra=("effectsProfileId", "pitch", "volumeGainDb"),
)
_STUDIO = Capabilities(
    formats=_FORMATS,
    max_bytes=_MAX_BYTES,
    speed=_SPEED,
    streaming=False,
    extra=("effectsProfileId", "volumeGainDb"),
)
_GEMINI = Capabilities(
    formats=_FORMATS,
    # Of the text, and as much again of the instructions.
    max_bytes=4000,
    voices=tuple(PREBUILT_VOICES),
    speakers=2,
    instructions=True,
    streaming=False,
    extra=("advancedVoiceOptions",),
)
_MODELS = {
    "chirp3-hd": _CHIRP,
    "neural2": _TIMED,
    "wavenet": _TIMED,
    "standard": _TIMED,
    "studio": _STUDIO,
    "gemini-2.5-flash-tts": _GEMINI,
    "gemini-2.5-pro-tts": _GEMINI,
}
