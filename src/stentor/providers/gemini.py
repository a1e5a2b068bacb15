"""Google's Gemini API: speech from models that take directions in words.

Models from 3.8 on read `text` word for word, take the direction and the speaker of a turn in
`speechMetadata`, and stream headerless PCM. The older ones take everything in one prompt; their
stream breaks off after about a minute, so they are asked for the whole (googleapis/python-genai
issue 922).

Source: Gemini API reference, `models.generateContent`, `models.streamGenerateContent` and
`voices.list`; the guide "Text-to-speech generation (TTS)"; google-gemini/cookbook,
`quickstarts/Get_started_TTS.ipynb` (what the audio is).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote, urlencode

import msgspec

from stentor.audio.form import AudioForm
from stentor.contract import Voice
from stentor.providers.base import (
    Capabilities,
    Provider,
    Script,
    Turn,
    VendorFormat,
    VoicePage,
)
from stentor.providers.faults import ProviderError
from stentor.providers.google_rpc import raise_error_in, read_google_error
from stentor.providers.readers import JsonReader, LinesReader, from_base64
from stentor.providers.wire import Delivered, Head, HttpCall, Reader
from stentor.secret import Secret

SAMPLE_RATE = 24_000
PREBUILT_VOICES: dict[str, Literal["female", "male"]] = {
    "Kore": "female", "Puck": "male", "Zephyr": "female", "Charon": "male", "Fenrir": "male",
    "Leda": "female", "Orus": "male", "Aoede": "female", "Callirrhoe": "female",
    "Autonoe": "female", "Enceladus": "male", "Iapetus": "male", "Umbriel": "male",
    "Algieba": "male", "Despina": "female", "Erinome": "female", "Algenib": "male",
    "Rasalgethi": "male", "Laomedeia": "female", "Achernar": "female", "Alnilam": "male",
    "Schedar": "male", "Gacrux": "female", "Pulcherrima": "female", "Achird": "male",
    "Zubenelgenubi": "male", "Vindemiatrix": "female", "Sadachbia": "male",
    "Sadaltager": "male", "Sulafat": "female",
}  # fmt: skip
_VOICES_PER_PAGE = 1000
_REFUSED = ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII")
_TOP_LEVEL = ("safetySettings",)


class Gemini(Provider):
    """`POST /models/{model}:streamGenerateContent?alt=sse`, or `:generateContent`."""

    type = "gemini"
    title = "Google Gemini"
    reference = "https://ai.google.dev/gemini-api/docs/speech-generation"
    base_url = "https://generativelanguage.googleapis.com/v1beta"
    key_variable = "GEMINI_API_KEY"

    @property
    def models(self) -> Mapping[str, Capabilities]:
        return _MODELS

    def request(self, script: Script, key: Secret | None, now: datetime) -> HttpCall:
        streaming = self.capabilities(script.model).streaming
        speech, parts = (_speech_in_parts if streaming else _speech_in_a_prompt)(script)
        if script.language:
            speech["languageCode"] = script.language
        config: dict[str, Any] = {"responseModalities": ["AUDIO"], "speechConfig": speech}
        config |= {name: one for name, one in script.extra.items() if name not in _TOP_LEVEL}
        body = {
            "contents": [{"role": "user", "parts": parts}],
            "generationConfig": config,
        } | {name: one for name, one in script.extra.items() if name in _TOP_LEVEL}
        method = "streamGenerateContent?alt=sse" if streaming else "generateContent"
        return HttpCall(
            "POST",
            f"{self.base_url}/models/{quote(script.model, safe='')}:{method}",
            {"Content-Type": "application/json"} | _authentication(key),
            msgspec.json.encode(body),
        )

    def response(self, script: Script, head: Head) -> Reader:
        if self.capabilities(script.model).streaming:
            return _Stream(script, head)
        return _Document(script, head)

    def error(self, head: Head, body: bytes) -> ProviderError:
        return read_google_error(head, body)

    def known_voices(self, model: str) -> Sequence[Voice]:
        return [
            Voice(
                id=name,
                name=name,
                provider=self.name,
                model=model,
                sample_rate=SAMPLE_RATE,
                gender=gender,
            )
            for name, gender in PREBUILT_VOICES.items()
        ]

    def voices_call(self, key: Secret | None, page: str | None, now: datetime) -> HttpCall | None:
        query = {"page_size": str(_VOICES_PER_PAGE)} | ({"page_token": page} if page else {})
        return HttpCall("GET", f"{self.base_url}/voices?{urlencode(query)}", _authentication(key))

    def read_voices(self, body: bytes) -> VoicePage:
        try:
            page = msgspec.json.decode(body, type=_VoicesAnswer)
        except msgspec.DecodeError as error:
            raise ProviderError(
                "malformed", f"the list of voices is not readable: {error}"
            ) from error
        model = next(iter(_MODELS))
        voices = [
            Voice(
                id=one.id,
                name=one.display_name or one.id,
                provider=self.name,
                model=model,
                sample_rate=SAMPLE_RATE,
                language=one.language_code or None,
                gender=_GENDERS.get((one.gender or "").lower()),
            )
            for one in page.voices
            if one.id
        ]
        return VoicePage(voices, page.next_page_token or None)


class _VoiceEntry(msgspec.Struct, frozen=True):
    id: str | None = None
    display_name: str | None = None
    language_code: str | None = None
    gender: str | None = None


class _VoicesAnswer(msgspec.Struct, frozen=True):
    voices: list[_VoiceEntry] = []
    next_page_token: str | None = None


_GENDERS: dict[str, Literal["female", "male"]] = {"female": "female", "male": "male"}


def _authentication(key: Secret | None) -> dict[str, str]:
    return {} if key is None else {"X-Goog-Api-Key": key.reveal()}


def _speakers(turns: Sequence[Turn]) -> dict[str, str]:
    """voice → a name for it that no other voice has."""
    speakers: dict[str, str] = {}
    for turn in turns:
        if turn.voice not in speakers:
            # A colon or a line break would end the name in a prompt too early.
            name = " ".join(turn.speaker.replace(":", " ").split())
            taken = not name or name in speakers.values()
            speakers[turn.voice] = f"Speaker {len(speakers) + 1}" if taken else name
    return speakers


def _speech_in_parts(script: Script) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """`speechConfig` and the parts for models that take a turn's direction beside its text."""
    speakers = _speakers(script.turns)
    dialogue = len(speakers) > 1
    parts: list[dict[str, Any]] = []
    for turn in script.turns:
        metadata = {"speaker": speakers[turn.voice]} if dialogue else {}
        if script.instructions:
            metadata["style"] = script.instructions
        parts.append({"text": turn.text} | ({"speechMetadata": metadata} if metadata else {}))
    if dialogue:
        return _two_voices(speakers), parts
    # `voice` takes the ids and keys of an account's own voices, too.
    return {"voiceConfig": {"voice": script.voice}}, parts


def _speech_in_a_prompt(script: Script) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The same for models that take all in one prompt.

    The preamble keeps them from speaking the directions, and from answering the text.
    """
    speakers = _speakers(script.turns)
    directions = f"{script.instructions.strip()}\n\n" if script.instructions else ""
    if len(speakers) == 1:
        prompt = f"{directions}Read the following transcript aloud, word for word:\n\n{script.text}"
        return {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": script.voice}}}, [
            {"text": prompt}
        ]
    lines = "\n".join(f"{speakers[turn.voice]}: {turn.text.strip()}" for turn in script.turns)
    prompt = (
        f"{directions}Read the following conversation between "
        f"{' and '.join(speakers.values())} aloud, word for word:\n\n{lines}"
    )
    return _two_voices(speakers), [{"text": prompt}]


def _two_voices(speakers: Mapping[str, str]) -> dict[str, Any]:
    return {
        "multiSpeakerVoiceConfig": {
            "speakerVoiceConfigs": [
                {
                    "speaker": speaker,
                    "voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice}},
                }
                for voice, speaker in speakers.items()
            ]
        }
    }


class _Blob(msgspec.Struct, frozen=True, rename="camel"):
    mime_type: str
    data: str


class _Part(msgspec.Struct, frozen=True, rename="camel"):
    inline_data: _Blob | None = None


class _Content(msgspec.Struct, frozen=True):
    parts: list[_Part] = []


class _Candidate(msgspec.Struct, frozen=True, rename="camel"):
    content: _Content = _Content()
    finish_reason: str = ""


class _Feedback(msgspec.Struct, frozen=True, rename="camel"):
    block_reason: str = ""


class _Usage(msgspec.Struct, frozen=True, rename="camel"):
    prompt_token_count: int | None = None
    candidates_token_count: int | None = None


class _Response(msgspec.Struct, frozen=True, rename="camel"):
    """A `GenerateContentResponse`, as far as it is about audio."""

    candidates: list[_Candidate] = []
    prompt_feedback: _Feedback = _Feedback()
    usage_metadata: _Usage | None = None
    response_id: str | None = None


class _Answer:
    """What the `GenerateContentResponse`s of one answer say, of which a stream has many."""

    def __init__(self) -> None:
        self.form: AudioForm | None = None
        self._seen = self._spoke = False
        self._reason = ""
        self._usage = _Usage()
        self._id: str | None = None

    def take(self, document: Any) -> bytes:
        """The audio in one of them."""
        raise_error_in(document)
        try:
            response = msgspec.convert(document, _Response)
        except msgspec.ValidationError as error:
            raise TypeError(str(error)) from error
        self._seen = True
        self._usage = response.usage_metadata or self._usage
        self._id = response.response_id or self._id
        if reason := response.prompt_feedback.block_reason:
            raise ProviderError("invalid", "the model refused to read the text", code=reason)
        audio = b""
        for candidate in response.candidates[:1]:
            self._reason = candidate.finish_reason or self._reason
            for part in candidate.content.parts:
                if part.inline_data is not None:
                    self.form = self.form or _form(part.inline_data.mime_type)
                    audio += from_base64(part.inline_data.data)
        self._spoke = self._spoke or bool(audio)
        return audio

    def finish(self) -> Delivered:
        """What they said besides.

        Raises:
            ProviderError: the model did not say that it was done.
        """
        if not self._seen:
            raise ProviderError("malformed", "answered with nothing that is a response of a model")
        if self._reason in _REFUSED:
            raise ProviderError("invalid", "the model refused to speak the text", code=self._reason)
        if self._reason == "MAX_TOKENS":
            raise ProviderError(
                "too_long", "the speech is longer than one answer can be", code=self._reason
            )
        if self._reason != "STOP":
            # Without audio it is a known mood of the models, and gone at the next attempt.
            raise ProviderError(
                "truncated" if self._spoke else "server",
                f"the model ended with {self._reason or 'no reason'} "
                f"{'before the end of the speech' if self._spoke else 'and no speech'}",
                code=self._reason or None,
            )
        return Delivered(
            input_tokens=self._usage.prompt_token_count,
            output_tokens=self._usage.candidates_token_count,
            request_id=self._id,
        )


class _Stream(LinesReader):
    """Server-sent events with some of the audio in each."""

    def __init__(self, script: Script, head: Head) -> None:
        self._answer = _Answer()
        super().__init__(script.format.form, head, self._event, self._answer.finish)

    def _event(self, document: Any) -> bytes:
        audio = self._answer.take(document)
        self.form = self._answer.form or self.form
        return audio


class _Document(JsonReader):
    """One document with all of the audio."""

    def __init__(self, script: Script, head: Head) -> None:
        super().__init__(script.format.form, head, self._whole)

    def _whole(self, document: Any) -> Delivered:
        answer = _Answer()
        audio = answer.take(document)
        self.form = answer.form or self.form
        return msgspec.structs.replace(answer.finish(), audio=audio)


def _form(mime_type: str) -> AudioForm:
    """What `audio/L16;codec=pcm;rate=24000`, `audio/l16; rate=24000; channels=1` and the like are.

    The samples are little-endian, whatever RFC 2586 says of L16.
    """
    kind, *fields = [field.strip().lower() for field in mime_type.split(";")]
    if kind in ("audio/wav", "audio/x-wav", "audio/wave"):
        return AudioForm("wav")
    if kind not in ("audio/l16", "audio/pcm"):
        raise ProviderError("malformed", f"answered with {mime_type!r}, which is no known audio")
    values = dict(field.split("=", 1) for field in fields if "=" in field)
    return AudioForm(
        "pcm", int(values.get("rate", SAMPLE_RATE)), channels=int(values.get("channels", 1))
    )


_FORMATS = (VendorFormat(AudioForm("pcm", SAMPLE_RATE), "audio/L16"),)
# 8,192 tokens in and 16,384 out, 25 for a second of sound. A byte of UTF-8 is never more than one
# token; half is left for the directions, and voices drift in speech of more than a few minutes.
_MAX_BYTES = 4000
_CURRENT = Capabilities(
    formats=_FORMATS,
    max_bytes=_MAX_BYTES,
    speakers=2,
    instructions=True,
    # `temperature`, `topP` and `topK` are refused.
    extra=("safetySettings",),
)
_OLDER = Capabilities(
    formats=_FORMATS,
    max_bytes=_MAX_BYTES,
    voices=tuple(PREBUILT_VOICES),
    speakers=2,
    instructions=True,
    streaming=False,
    extra=("safetySettings", "seed", "temperature", "topK", "topP"),
)
_MODELS = {
    "gemini-3.8-flash-tts": _CURRENT,
    "gemini-3.8-flash-lite-tts": _CURRENT,
    # Announced to be shut down on 2026-12-18.
    "gemini-3.1-flash-tts-preview": _OLDER,
    "gemini-2.5-flash-preview-tts": _OLDER,
    "gemini-2.5-pro-preview-tts": _OLDER,
}
