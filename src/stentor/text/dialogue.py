"""Who speaks which line of a text with several speakers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stentor.contract import SpeakerVoice
from stentor.errors import invalid

_LABEL = re.compile(r"(?P<name>[^:：]+)[:：][*_]*\s*")


class Cast:
    """The voices of a text, and the labels that switch between them.

    A label is `Name:` at the beginning of a line, in any case, with or without emphasis marks.

    Args:
        voice: one voice for the whole text, or a voice for each speaker.

    Attributes:
        first_voice: what reads the text before any label.

    Raises:
        SpeechError: 400, the list is empty or names a speaker twice or not at all.
    """

    def __init__(self, voice: str | Sequence[SpeakerVoice]) -> None:
        self._voices: dict[str, str] = {}
        if isinstance(voice, str):
            self.first_voice = voice
            return
        if not voice:
            raise invalid(
                "voice: the list of speakers is empty; expected a voice or at least one speaker",
                param="voice",
            )
        for one in voice:
            name = _fold(one.speaker)
            if not name or ":" in name:
                raise invalid(
                    f"voice: {one.speaker!r} cannot be a speaker's name; "
                    "expected a name that is not blank and has no colon",
                    param="voice",
                )
            if name in self._voices:
                raise invalid(
                    f"voice: the speaker {one.speaker!r} is listed twice; "
                    "expected one voice for each speaker",
                    param="voice",
                )
            self._voices[name] = one.voice
        self.first_voice = voice[0].voice

    @property
    def is_dialogue(self) -> bool:
        return bool(self._voices)

    def find_label(self, text: str, start: int, end: int) -> tuple[str, int] | None:
        """The voice that a label at `start` calls for, and where the label ends."""
        if not self._voices or not (label := _LABEL.match(text, start, end)):
            return None
        voice = self._voices.get(_fold(label["name"]))
        return None if voice is None else (voice, label.end())


def _fold(name: str) -> str:
    return " ".join(name.replace("：", ":").casefold().split()).strip("*_ ")
