"""Which form of audio a vendor is asked for."""

from __future__ import annotations

from stentor.audio.form import AudioForm
from stentor.contract import ResponseFormat
from stentor.providers.base import Capabilities, VendorFormat

# The headerless formats are one form each by contract; what has a header says itself what it is.
_RATES: dict[ResponseFormat, int] = {"pcm": 24_000, "ulaw": 8_000, "alaw": 8_000}


def passes_through(form: AudioForm, response_format: ResponseFormat) -> bool:
    """Whether audio of this form may be what the caller asked for, as it is."""
    if form.encoding != response_format:
        return False
    rate = _RATES.get(response_format)
    return rate is None or (form.sample_rate == rate and form.channels == 1)


def same_format(can: Capabilities, response_format: ResponseFormat) -> VendorFormat | None:
    """The vendor's form whose bytes can go to the caller untouched; None if there is none."""
    fitting = (one for one in can.formats if passes_through(one.form, response_format))
    return next(fitting, None)


def source_format(can: Capabilities) -> VendorFormat:
    """The vendor's form that is the best to encode from."""
    return can.formats[0]


def native_speed(can: Capabilities, speed: float) -> float:
    """The speed that the model speaks at itself; what is left of it is time stretching."""
    if can.speed is None:
        return 1.0
    return min(max(speed, can.speed[0]), can.speed[1])
