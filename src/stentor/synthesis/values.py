"""What goes into a rendering, what comes out of it, and who takes part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from stentor.audio.settings import Quality
from stentor.contract import (
    Alignment,
    AlignmentSource,
    Attempt,
    Chapter,
    Progress,
    ResponseFormat,
    SpeechMark,
    SpeechRequest,
    Word,
)
from stentor.engines.base import Flow, Spoken, Utterance
from stentor.lexicon.lexicon import Lexicon
from stentor.routing.targets import Target
from stentor.text.reading import Reading

if TYPE_CHECKING:
    from stentor.audio.encode import Encoded
    from stentor.routing.caller import Order
    from stentor.routing.takes import Begun, Call, Take


_BARE = ("pcm", "wav", "ulaw", "alaw")


class Speaker(Protocol):
    """What speaks for one piece of work, in this machine or through vendors."""

    @property
    def size(self) -> int:
        """How many utterances are spoken in this machine at once."""
        ...

    @property
    def flow(self) -> Flow:
        """The piece of work."""
        ...

    async def expect(self, parts: Sequence[Utterance | Call]) -> None:
        """Hear what will be asked for next, before it is."""
        ...

    async def speak(self, utterance: Utterance) -> Spoken:
        """Speak one utterance in this machine.

        Raises:
            EngineError: it cannot.
        """
        ...

    async def take(self, order: Order, begun: Begun | None = None) -> Take:
        """Have a vendor speak; the file stays until it is released.

        Args:
            begun: hears of each file that begins to grow. None is told where the audio is there
                already.

        Raises:
            ProviderError: the vendor cannot.
        """
        ...

    async def release(self, take: Take) -> None:
        """The take's file is needed no more."""
        ...


class Listener(Protocol):
    """Who hears, on the event loop, how a rendering goes."""

    @property
    def heard(self) -> bool:
        """Whether audio was passed on to somebody who cannot be told to begin anew."""
        ...

    def on_audio(self, path: Path, generation: int) -> None:
        """The file at `path` begins to grow. Bytes of one generation are always the same."""
        ...

    def on_growth(self) -> None:
        """The file is longer than it was."""
        ...

    def on_abort(self) -> None:
        """The file is given up: what is still written to it is not its continuation."""
        ...

    def on_progress(self, progress: Progress) -> None:
        """The text is planned, or another segment is in the file."""
        ...


class Speech(Struct, frozen=True):
    """A request that was found to be serviceable.

    Attributes:
        targets: where to try, in order; at least one.
        reading: of the input.
        extra_params: the fields that only a vendor may know.
        skipped: the targets that could not have served it, and why.
        lexicons: the dictionaries that say how words are spoken, the first having precedence.
        quality: of the file; None leaves it to the server and to the format.
    """

    request: SpeechRequest
    targets: tuple[Target, ...]
    reading: Reading
    extra_params: Mapping[str, Any] = {}
    skipped: tuple[Attempt, ...] = ()
    lexicons: tuple[Lexicon, ...] = ()
    quality: Quality | None = None

    @property
    def response_format(self) -> ResponseFormat:
        return self.request.response_format or "mp3"

    @property
    def may_pass_through(self) -> bool:
        """Whether audio of the format that a vendor made may be the file as it is.

        A sample rate that was asked for is kept wherever samples are sent bare; what is compressed
        tells its own, and is better left alone than made anew.
        """
        if self.request.loudness is not None:
            return False
        return self.quality is None or self.response_format not in _BARE


@dataclass(frozen=True, slots=True)
class Timings:
    """When what was said, as the wire has it."""

    alignment: Alignment
    normalized_alignment: Alignment
    words: list[Word]
    source: AlignmentSource
    marks: list[SpeechMark]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A finished file.

    Attributes:
        sha256: of the whole file, in hexadecimal.
        target: what spoke.
        generation: of the file's bytes, as listeners were told.
        attempts: everything that was tried, in order.
        cost: of all attempts, in US dollars, as far as it is known.
        input_tokens, output_tokens: as vendors counted them.
        request_ids: vendors' own, for their support.
        warnings: what a listener may miss, in sentences.
        ignored_params: fields of the request that had no effect.
        loudness_lufs: of the whole, where one was asked for.
    """

    path: Path
    encoded: Encoded
    sha256: str
    target: Target
    generation: int
    attempts: tuple[Attempt, ...]
    cost: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    request_ids: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    ignored_params: tuple[str, ...] = ()
    timings: Timings | None = None
    loudness_lufs: float | None = None
    chapters: tuple[Chapter, ...] = ()
