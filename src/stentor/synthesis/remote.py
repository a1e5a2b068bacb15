"""Speaking the parts of a text by a vendor's model."""

from __future__ import annotations

import asyncio
import re
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stentor.contract import ResponseFormat
from stentor.engines.plausible import CLIPPED_SHARE, SILENT_PEAK, measure
from stentor.providers.base import Script, Turn, VendorFormat
from stentor.providers.faults import ProviderError
from stentor.providers.options import passed_on
from stentor.routing.attempts import AttemptLog
from stentor.routing.caller import Order
from stentor.routing.effort import RetryBudget
from stentor.routing.formats import native_speed, same_format, source_format
from stentor.routing.targets import RemoteTarget, language_base, vendors_locators
from stentor.shielded import shielded
from stentor.synthesis.failures import Part, PartFailed
from stentor.synthesis.forms import spoken_forms
from stentor.synthesis.styles import (
    followed,
    misread,
    styled_speed,
    styled_voice,
    unheard,
    with_volume,
)
from stentor.synthesis.timeline import Timed
from stentor.synthesis.values import Speaker, Speech
from stentor.synthesis.voices import Cast, Parts, Rules, Voiced
from stentor.text.markup.marked import Style
from stentor.text.pack import Chunk, Limits, pack
from stentor.text.plan import plan
from stentor.text.reading import Reading
from stentor.text.said import SpokenForms
from stentor.text.segments import Segment

if TYPE_CHECKING:
    from stentor.audio.pcm import Pcm
    from stentor.routing.takes import Begun, Take

CONTEXT_CHARS = 300
# Of one call where the vendor names no limit: some minutes, that are lost if it breaks off.
UNLIMITED_CALL_CHARS = 5000
# Of the first calls, where the sound of all of it is waited for.
FIRST_CHARS = (200, 600, 1800)
# Written characters of a piece; what is said of so few fits into any call.
LEAST_ROOM = 20

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class RemoteVoice:
    """A vendor's model.

    Args:
        log: where the attempts are told.
        budget: of the request's retries at this target.
        last_resort: whether no other target is left.
        hurried: whether somebody waits for the first sound: then the first calls are for little.
        folder: for long audio that is being decoded.
    """

    def __init__(
        self,
        speech: Speech,
        target: RemoteTarget,
        speaker: Speaker,
        rules: Rules,
        log: AttemptLog,
        budget: RetryBudget,
        *,
        last_resort: bool,
        folder: Path,
        hurried: bool = False,
    ) -> None:
        self.target = target
        self._hurried = hurried
        self._speech = speech
        self._request = speech.request
        self._speaker = speaker
        self._rules = rules
        self._log = log
        self._last_resort = last_resort
        self._folder = folder
        self._can = target.capabilities
        self._chunks: Sequence[Chunk] = ()
        self._budget = budget
        self._extra, self.ignored = passed_on(self._can, speech.request, speech.extra_params)
        self.window = target.account.places.size

    @property
    def limits(self) -> Limits:
        """What fits into one call."""
        account, model = self.target.account, self.target.model
        max_chars, max_bytes = account.max_chars(model), self._can.max_bytes
        if max_chars is None and max_bytes is None:
            max_chars = UNLIMITED_CALL_CHARS
        return Limits(max_chars, max_bytes, self._can.speakers)

    def divide(self, text: Reading, cast: Cast) -> Parts:
        followable = followed(self.target, text)
        parts = self._whole(followable, cast) or self._planned(followable, cast)
        self._chunks = [part for part in parts.parts if isinstance(part, Chunk)]
        if self._hurried and self._is_waited_for(parts):
            parts = self._planned(followable, cast, FIRST_CHARS)
            self._chunks = [part for part in parts.parts if isinstance(part, Chunk)]
        self._budget.allow_for(len(self._chunks))
        warnings = [*parts.warnings, *unheard(self.target, text)]
        if self._request.language_code is not None:
            warnings += misread(text, self._request.language_code)
        return Parts(parts.parts, warnings, parts.chapters)

    def _is_waited_for(self, parts: Parts) -> bool:
        """Whether all of the first call must be there before any of it is heard."""
        if self._request.loudness is not None or self._speech.response_format == "m4b":
            return False  # all of the last one must be
        longer = len(self._chunks[0].text) > FIRST_CHARS[0]
        return longer and self.passing_through(self._speech.response_format) is None

    def _whole(self, text: Reading, cast: Cast) -> Parts | None:
        """All of the text as it is written, if one call takes it so."""
        if not text.is_plain or not isinstance(cast, str) or self._forms.rewriters:
            return None
        bare = text.text.strip()
        if not self.limits.allow(bare) or _CONTROL.search(bare):
            return None
        start = text.text.index(bare)
        whole = Segment(0, bare, start, start + len(bare), cast, 0)
        return Parts([Chunk(0, ((cast, bare),), whole.start, whole.end, 0, (whole,), (0,))])

    def _planned(self, text: Reading, cast: Cast, first_chars: Sequence[int] = ()) -> Parts:
        limits, pauses = self.limits, self._rules.pauses
        room = limits.segment_chars or UNLIMITED_CALL_CHARS
        while True:
            planned = plan(
                text,
                cast,
                language=language_base(self._language),
                max_chars=room,
                pauses=pauses,
                forms=self._forms,
            )
            chunks = pack(
                planned.segments, limits, paragraph_ms=pauses.paragraph_ms, first_chars=first_chars
            )
            # What is said may be longer than what is written.
            if room <= LEAST_ROOM or all(limits.allow(chunk.text) for chunk in chunks):
                break
            room = max(LEAST_ROOM, room // 2)
        chapters = [
            chapter._replace(segment=_chunk_of(chunks, chapter.segment))
            for chapter in planned.chapters
        ]
        return Parts(chunks, planned.warnings, chapters)

    @property
    def _language(self) -> str:
        return self._request.language_code or "en"

    @property
    def _forms(self) -> SpokenForms:
        return spoken_forms(self._speech, self.target, self._language)

    def passing_through(self, response_format: ResponseFormat) -> VendorFormat | None:
        """The form whose bytes may be the result as they are; None if there is work to do."""
        if len(self._chunks) != 1 or self._chunks[0].style.volume_db:
            return None
        speed = styled_speed(self._request, self._chunks[0].style)
        if native_speed(self._can, speed) != speed:
            return None
        return same_format(self._can, response_format)

    async def expect(self, parts: Sequence[Part], form: VendorFormat | None = None) -> None:
        from stentor.routing.takes import Call

        account, form = self.target.account, form or source_format(self._can)
        await self._speaker.expect([Call.of(account, self._script(part, form)) for part in parts])

    async def speak(self, part: Part) -> Voiced:
        take = await self.take(part, source_format(self._can))
        if take.called.alignment is None:
            return self.voiced(part, take)
        # Thousands of timings take tens of milliseconds.
        return await shielded(asyncio.to_thread(self.voiced, part, take))

    async def take(self, part: Part, form: VendorFormat, begun: Begun | None = None) -> Take:
        """Have one part spoken in this form.

        Raises:
            PartFailed: it cannot be spoken.
        """
        try:
            return await self._speaker.take(self.order(part, form), begun)
        except ProviderError as error:
            raise PartFailed(self.target, part, error) from error

    def order(self, part: Part, form: VendorFormat) -> Order:
        """What to ask the vendor for."""
        return Order(
            account=self.target.account,
            script=self._script(part, form),
            flow=self._speaker.flow,
            log=self._log,
            budget=self._budget,
            segment=part.index + 1 if len(self._chunks) > 1 else None,
            last_resort=self._last_resort,
        )

    def voiced(self, part: Part, take: Take) -> Voiced:
        """What a take is in the house's own terms."""
        assert isinstance(part, Chunk)
        speed = styled_speed(self._request, part.style)
        stretching = speed / native_speed(self._can, speed)
        volume_db = part.style.volume_db
        spoken = tuple(
            Timed(one.start, one.end, one.start_ms / stretching, one.end_ms / stretching)
            for one in (take.called.alignment.timings if take.called.alignment else ())
        )
        source = (Timed(*part.span(one.start, one.end), one.start_ms, one.end_ms) for one in spoken)
        return Voiced(
            lambda: _decoded(take, stretching, volume_db, self._folder),
            part,
            part.end,
            part.pause_after_ms,
            text=part.text,
            spoken=spoken,
            source=tuple(source),
            warnings=take.called.warnings,
            take=take,
            release=lambda: self._speaker.release(take),
        )

    def _script(self, part: Part, form: VendorFormat) -> Script:
        assert isinstance(part, Chunk)
        request, can = self._request, self._can
        return Script(
            model=self.target.model,
            turns=tuple(self._turn(voice, text, part.style) for voice, text in part.turns),
            format=form,
            speed=native_speed(can, styled_speed(request, part.style)),
            language=part.style.language or request.language_code,
            instructions=request.instructions if can.instructions else None,
            previous_text=self._context(part.index - 1)[-CONTEXT_CHARS:],
            next_text=self._context(part.index + 1)[:CONTEXT_CHARS],
            timestamps=bool(request.with_timestamps) and self.target.gives_timings,
            dictionaries=tuple(vendors_locators(request)),
            no_logging=request.enable_logging is False and can.no_logging,
            low_latency=bool(request.optimize_streaming_latency) and can.low_latency,
            extra=self._extra,
        )

    def _turn(self, voice: str, text: str, style: Style) -> Turn:
        return Turn(text, styled_voice(self.target, voice, style), self._speaker_name(voice))

    def _speaker_name(self, voice: str) -> str:
        cast = self._request.voice
        if isinstance(cast, str):
            return ""
        return next((one.speaker for one in cast if one.voice == voice), "")

    def _context(self, index: int) -> str:
        if not self._can.context or not 0 <= index < len(self._chunks):
            return ""
        return self._chunks[index].text


def _chunk_of(chunks: Sequence[Chunk], segment: int) -> int:
    """The chunk that a segment is in."""
    return bisect_right(chunks, segment, key=lambda chunk: chunk.segments[0].index) - 1


def _decoded(
    take: Take, stretching: float, volume_db: float, folder: Path
) -> tuple[Pcm, tuple[str, ...]]:
    from stentor.audio.decode import decode
    from stentor.audio.form import DecodeError
    from stentor.audio.stretch import stretch

    decoded = decode(take.path, take.form, folder=folder, size=take.size)
    levels = measure(decoded.pcm)
    if levels.peak <= SILENT_PEAK or levels.clipped > CLIPPED_SHARE:
        raise DecodeError("it is silent, or nothing but noise")
    stretched = stretch(decoded.pcm, stretching, folder)
    return with_volume(stretched, volume_db), decoded.warnings
