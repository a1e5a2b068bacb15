"""What ElevenLabs' clients send and read.

Source: ElevenLabs API reference, "Create speech", "Stream speech", "Create speech with timing",
"Stream speech with timing", "List voices", "Get voice", "List models", "Errors".
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from stentor.contract import DictionaryLocator


class ElevenLabsSpeech(Struct, frozen=True, omit_defaults=True):
    """The body of the calls that have something spoken.

    Fields that are not named here are those of `POST /v1/audio/speech`, or the vendor's own.
    """

    text: str
    model_id: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    language_code: str | None = None
    voice_settings: Annotated[
        dict[str, Any] | None,
        Meta(description="`speed` is for every model, the others are for those of ElevenLabs"),
    ] = None
    pronunciation_dictionary_locators: list[DictionaryLocator] | None = None
    apply_text_normalization: Literal["auto", "on", "off"] | None = None


class ElevenLabsAlignment(Struct, frozen=True):
    """When each character is heard, from the start of the audio; the lists are of one length."""

    characters: list[str]
    character_start_times_seconds: list[float]
    character_end_times_seconds: list[float]


class ElevenLabsTimedAudio(Struct, frozen=True):
    """Audio with its timings, or a piece of it."""

    audio_base64: bytes
    alignment: Annotated[
        ElevenLabsAlignment | None, Meta(description="Of the caller's own text")
    ] = None
    normalized_alignment: Annotated[
        ElevenLabsAlignment | None, Meta(description="Of the text as it was given to the voice")
    ] = None


class ElevenLabsVoiceLanguage(Struct, frozen=True):
    """A language that a voice speaks."""

    language: str
    model_id: str
    locale: str | None = None


class ElevenLabsVoice(Struct, frozen=True):
    """A voice; several models may have it."""

    voice_id: str
    name: str
    category: Literal["premade"] = "premade"
    labels: dict[str, str] = {}
    description: str | None = None
    preview_url: str | None = None
    available_for_tiers: list[str] = []
    settings: None = None
    high_quality_base_model_ids: Annotated[
        list[str], Meta(description="The models that have it")
    ] = []
    verified_languages: list[ElevenLabsVoiceLanguage] = []


class ElevenLabsVoices(Struct, frozen=True):
    """The body of `GET /v1/voices`."""

    voices: list[ElevenLabsVoice]


class ElevenLabsVoicePage(Struct, frozen=True):
    """The body of `GET /v2/voices`."""

    voices: list[ElevenLabsVoice]
    has_more: bool
    total_count: int
    next_page_token: str | None = None


class ElevenLabsLanguage(Struct, frozen=True):
    """A language of a model."""

    language_id: str
    name: str


class ElevenLabsModel(Struct, frozen=True):
    """A model; `GET /v1/models` answers with a list of them."""

    model_id: str
    name: str
    description: str
    maximum_text_length_per_request: int
    max_characters_request_free_user: int
    max_characters_request_subscribed_user: int
    languages: list[ElevenLabsLanguage]
    can_do_text_to_speech: bool = True
    can_do_voice_conversion: bool = False
    can_be_finetuned: bool = False
    can_use_style: bool = False
    can_use_speaker_boost: bool = False
    serves_pro_voices: bool = False
    token_cost_factor: float = 1.0
    requires_alpha_access: bool = False


class ElevenLabsErrorDetail(Struct, frozen=True):
    """What went wrong."""

    type: str
    code: str
    status: Annotated[str, Meta(description="The same as `code`")]
    message: str
    request_id: str
    param: str | None = None


class ElevenLabsError(Struct, frozen=True):
    """The shape of every error."""

    detail: ElevenLabsErrorDetail


ELEVENLABS_TYPES = (
    ElevenLabsSpeech,
    ElevenLabsTimedAudio,
    ElevenLabsVoices,
    ElevenLabsVoicePage,
    ElevenLabsModel,
    ElevenLabsError,
)
