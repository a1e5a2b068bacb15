"""What `stentor say` does."""

from __future__ import annotations

import glob
import os
import shutil
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from stentor import contract
from stentor.cli.files import appearing
from stentor.cli.inputs import Input
from stentor.cli.parts import kept_parts
from stentor.cli.serve import event_loop
from stentor.config import Config
from stentor.contract import (
    BookMetadata,
    Loudness,
    ResponseFormat,
    SpeakerVoice,
    SpeechRequest,
)
from stentor.engines.base import Flow
from stentor.errors import invalid
from stentor.lexicon.lexicon import Lexicon
from stentor.logs import quiet
from stentor.requests import StoredRequest, check
from stentor.synthesis.direct import DirectSpeaker
from stentor.synthesis.values import Rendered, Speaker
from stentor.voicing import Voices, open_voices

_ENDINGS: dict[str, ResponseFormat] = {f".{name}": name for name in contract.RESPONSE_FORMATS} | {
    ".ogg": "opus"
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to speak, and into which file.

    Attributes:
        model, voice: the first that there are, if None.
        response_format: that of the output's ending, if None.
        timestamps: whether to write captions beside the audio.
        cast: the voices of a dialogue, instead of one.
        loudness, metadata: as requests have them.
        parts: a folder for what is spoken, so that the same order goes on where it was broken off;
            None to keep nothing.
    """

    source: Input
    output: Path
    model: str | None = None
    voice: str | None = None
    speed: float = 1.0
    language: str | None = None
    response_format: ResponseFormat | None = None
    lexicons: tuple[Lexicon, ...] = ()
    timestamps: bool = False
    cast: tuple[SpeakerVoice, ...] = ()
    loudness: Loudness | None = None
    metadata: BookMetadata | None = None
    parts: Path | None = None

    @property
    def captions(self) -> Path:
        """Where captions go."""
        return self.output.with_suffix(".vtt")


def speak(config: Config, order: Order) -> None:
    """Speak the text into the file and say where it is.

    Raises:
        SpeechError: the text, the model, the voice or the format is not serviceable.
    """
    output = order.output
    response_format = _checked(order)
    path = _temporary(order)
    quiet()
    try:
        with event_loop() as runner:
            rendered = runner.run(_render(config, order, path, response_format))
        if order.timestamps:
            _write_captions(order, rendered)
        _publish(rendered.path, output)
        if order.parts is not None:
            shutil.rmtree(order.parts, ignore_errors=True)
    finally:
        for left in path.parent.glob(f"{glob.escape(path.name)}*"):
            left.unlink(missing_ok=True)
    console = Console()
    console.print(
        f"{output.absolute()}  {_clock(rendered.encoded.duration_seconds)}  "
        f"{rendered.encoded.size_bytes:,} bytes",
        soft_wrap=True,
        highlight=False,
    )
    if order.timestamps:
        console.print(str(order.captions.absolute()), soft_wrap=True, highlight=False, markup=False)
    for warning in [*order.source.warnings, *rendered.warnings]:
        console.print(f"note: {warning}", soft_wrap=True, highlight=False, markup=False)


def _temporary(order: Order) -> Path:
    """A file on the target's own disk, so that the finished one takes its name in one step."""
    if order.parts is not None:
        order.parts.mkdir(exist_ok=True, mode=0o700)
        return order.parts / "unfinished"
    output = order.output
    handle, name = tempfile.mkstemp(prefix=f".{output.name}.", dir=output.absolute().parent)
    os.close(handle)
    return Path(name)


def _checked(order: Order) -> ResponseFormat:
    """The format, if the output can be written.

    Raises:
        SpeechError: it cannot, or the rate is out of range.
    """
    output = order.output
    chosen = order.response_format or _ENDINGS.get(output.suffix.lower())
    if chosen is None:
        raise invalid(
            f"the format of {output} is unclear: end it in one of {', '.join(_ENDINGS)}, or say "
            f"--format {'|'.join(get_args(ResponseFormat))}",
            param="output",
        )
    if not 0.25 <= order.speed <= 4:
        raise invalid(f"--speed must be from 0.25 to 4, got {order.speed:g}", param="speed")
    if not output.absolute().parent.is_dir():
        raise invalid(f"there is no folder {output.absolute().parent}", param="output")
    for file in [output, order.captions] if order.timestamps else [output]:
        if file.is_dir():
            raise invalid(f"{file} is a folder; name a file in it", param="output")
    if order.timestamps and order.captions == output:
        raise invalid(f"{output} is the name of the captions; name the audio", param="output")
    return chosen


async def _render(
    config: Config, order: Order, path: Path, response_format: ResponseFormat
) -> Rendered:
    async with open_voices(config, warm=True) as voices:
        model, voice = _chosen(order, voices)
        text = order.source.text
        speech = check(
            StoredRequest(
                SpeechRequest(
                    model=model,
                    input=text,
                    voice=list(order.cast) or voice,
                    speed=order.speed,
                    language_code=order.language,
                    response_format=response_format,
                    input_type=order.source.kind,
                    with_timestamps=order.timestamps or None,
                    loudness=order.loudness,
                    metadata=order.metadata,
                )
            ),
            voices.catalogue,
            max_input_chars=config.server.max_input_chars,
            lexicons=order.lexicons,
        )
        async with AsyncExitStack() as stack:
            speaker: Speaker = DirectSpeaker(
                voices.engines, voices.caller, Flow("", "say"), path.parent
            )
            if order.parts is not None:
                speaker = await stack.enter_async_context(kept_parts(order.parts, voices))
            bar = stack.enter_context(_bar())
            task = bar.add_task("speaking", total=None)
            return await voices.synthesizer.render(
                speech, path, speaker=speaker, listener=_Shown(bar, task, len(text))
            )


def _chosen(order: Order, voices: Voices) -> tuple[str, str]:
    """The model and the voice; where one is not named, one that goes with the other."""
    model, voice = order.model, order.voice or (order.cast[0].voice if order.cast else None)
    catalogue = voices.catalogue
    if model is None:
        offered = catalogue.voices()
        if not offered:
            raise invalid("; ".join(voices.notes) or "no voice is installed", param="model")
        found = next((v for v in offered if v.id == voice), offered[0])
        return found.model, voice or found.id
    if voice is None:
        [target, *_] = catalogue.resolve(model, param="model")
        voice = catalogue.default_voice(target)
        if voice is None:
            raise invalid(f"{target.id} has no voice of its own; say --voice", param="voice")
    return model, voice


def _write_captions(order: Order, rendered: Rendered) -> None:
    from stentor.captions.cues import make_cues
    from stentor.captions.reading import words_in
    from stentor.captions.write import to_vtt
    from stentor.text.reading import read

    assert rendered.timings is not None
    reading = read(order.source.text, order.source.kind)
    words = words_in(reading, rendered.timings.words)
    cues = make_cues(words, reading.text, language=order.language or "en")
    with appearing(order.captions) as part:
        part.write_text(to_vtt(cues), encoding="utf-8")


class _Shown:
    """A rendering's progress on a bar."""

    heard = False

    def __init__(self, bar: Progress, task: TaskID, characters: int) -> None:
        self._bar = bar
        self._task = task
        self._characters = characters

    def on_audio(self, path: Path, generation: int) -> None:
        pass

    def on_growth(self) -> None:
        pass

    def on_abort(self) -> None:
        pass

    def on_progress(self, progress: contract.Progress) -> None:
        self._bar.update(self._task, total=self._characters, completed=progress.characters_done)


def _publish(path: Path, output: Path) -> None:
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(0o666 & ~umask)
    path.replace(output)


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"
