"""What a request wants to be made of its joined audio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from stentor.audio.settings import LOUDNESS_PRESETS, EncoderSettings, LoudnessTarget
from stentor.contract import SpeechRequest
from stentor.synthesis.values import Speech

if TYPE_CHECKING:
    from stentor.audio.m4b import BookMetadata
    from stentor.audio.mixdown import MixSettings

CoverType = Literal["image/jpeg", "image/png"]

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"


def mix_settings(speech: Speech, encoder: EncoderSettings) -> MixSettings:
    """The settings for one request."""
    from stentor.audio.mixdown import MixSettings

    if speech.quality is not None:
        encoder = speech.quality.applied_to(encoder)
    return MixSettings(encoder, loudness_target(speech.request), _book(speech))


def loudness_target(request: SpeechRequest) -> LoudnessTarget | None:
    """The loudness that a request asks for."""
    wish = request.loudness
    if wish is None:
        return None
    return LOUDNESS_PRESETS[wish] if isinstance(wish, str) else LoudnessTarget(wish)


def cover_type(cover: bytes) -> CoverType | None:
    """What kind of image the bytes begin like; None if they are neither JPEG nor PNG."""
    if cover.startswith(_PNG):
        return "image/png"
    return "image/jpeg" if cover.startswith(_JPEG) else None


def _book(speech: Speech) -> BookMetadata | None:
    from stentor.audio.m4b import BookMetadata

    request = speech.request
    if request.response_format != "m4b":
        return None
    metadata = request.metadata
    if metadata is None:
        return BookMetadata("", language=request.language_code)
    return BookMetadata(
        metadata.title,
        tuple(metadata.authors),
        metadata.language or request.language_code,
        metadata.narrator,
        metadata.cover,
        cover_type(metadata.cover or b"") or "image/jpeg",
    )
