"""What markup asks of a voice, as far as the voices can follow it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from stentor.contract import SpeechRequest
from stentor.routing.targets import Target
from stentor.text.markup.marked import Style

if TYPE_CHECKING:
    from stentor.audio.pcm import Pcm

SLOWEST, FASTEST = 0.25, 4.0


def styled_voice(target: Target, voice: str, style: Style) -> str:
    """The target's own name of the style's first choice that it has, or else of the voice."""
    known = target.voice_names
    for name in (style.voice or "").split():
        own = target.voice(name)
        if own is not None and (known is None or own in known):
            return own
    return target.voice(voice) or voice


def styled_speed(request: SpeechRequest, style: Style) -> float:
    """The speaking rate, from 0.25 to 4."""
    return min(max((request.speed or 1.0) * style.rate, SLOWEST), FASTEST)


def unheard(target: Target, style: Style) -> Iterator[str]:
    """What of a style the target does not follow, in sentences."""
    if style.voice is not None:
        known = target.voice_names
        names = [target.voice(name) for name in style.voice.split()]
        if known is not None and not any(name in known for name in names):
            yield f"{target.id} has no voice {style.voice!r}: the text is read on in the other one"
    if style.pitch is not None:
        yield f"{target.id} does not change its pitch"
    if style.emphasis in ("strong", "moderate", "reduced"):
        yield f"{target.id} lays no emphasis on words"


def with_volume(pcm: Pcm, volume_db: float) -> Pcm:
    """The audio louder or softer; what is too loud for 16 bit is clipped."""
    if volume_db == 0.0:
        return pcm
    import numpy as np

    from stentor.audio.pcm import Pcm, to_int16

    factor = np.float32(10 ** (volume_db / 20))
    return Pcm(to_int16(pcm.samples.astype(np.float32) * factor), pcm.sample_rate)
