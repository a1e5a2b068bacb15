"""`stentor say`."""

from __future__ import annotations

import glob
import os
import sys
import tempfile
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
from stentor.cli.serve import event_loop
from stentor.config import Config
from stentor.contract import ResponseFormat, SpeechRequest
from stentor.engines.base import Flow
from stentor.errors import invalid
from stentor.gateway import open_voices
from stentor.logs import quiet
from stentor.requests import StoredRequest, check
from stentor.synthesis.direct import DirectSpeaker
from stentor.synthesis.values import Rendered

_ENDINGS: dict[str, ResponseFormat] = {f".{name}": name for name in contract.RESPONSE_FORMATS} | {
    ".ogg": "opus"
}


def run(
    config: Config,
    *,
    text: str,
    output: Path,
    model: str | None,
    voice: str | None,
    speed: float,
    language: str | None,
    response_format: ResponseFormat | None,
) -> None:
    """Speak the text into the file and say where it is.

    Raises:
        SpeechError: the text, the model, the voice or the format is not serviceable.
    """
    chosen = response_format or _ENDINGS.get(output.suffix.lower())
    if chosen is None:
        raise invalid(
            f"the format of {output} is unclear: end it in one of {', '.join(_ENDINGS)}, or say "
            f"--format {'|'.join(get_args(ResponseFormat))}",
            param="output",
        )
    if not 0.25 <= speed <= 4:
        raise invalid(f"--speed must be from 0.25 to 4, got {speed:g}", param="speed")
    if output.is_dir():
        raise invalid(f"{output} is a folder; name a file in it", param="output")
    if not output.absolute().parent.is_dir():
        raise invalid(f"there is no folder {output.absolute().parent}", param="output")
    # Beside the target, so that the finished file takes its name in one step.
    handle, name = tempfile.mkstemp(prefix=f".{output.name}.", dir=output.absolute().parent)
    os.close(handle)
    path = Path(name)
    quiet()
    try:
        with event_loop() as runner:
            rendered = runner.run(
                _render(config, text, path, model, voice, speed, language, chosen)
            )
        _publish(rendered.path, output)
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
    for warning in rendered.warnings:
        console.print(f"note: {warning}", soft_wrap=True, highlight=False, markup=False)


async def _render(
    config: Config,
    text: str,
    path: Path,
    model: str | None,
    voice: str | None,
    speed: float,
    language: str | None,
    response_format: ResponseFormat,
) -> Rendered:
    async with open_voices(config, warm=True) as voices:
        catalogue = voices.catalogue
        offered = catalogue.voices()
        if model is None:
            if not offered:
                raise invalid("; ".join(voices.notes) or "no voice is installed", param="model")
            found = next((v for v in offered if v.id == voice), offered[0])
            model, voice = found.model, voice or found.id
        elif voice is None:
            [target, *_] = catalogue.resolve(model, param="model")
            voice = catalogue.default_voice(target)
            if voice is None:
                raise invalid(f"{target.id} has no voice of its own; say --voice", param="voice")
        speech = check(
            StoredRequest(
                SpeechRequest(
                    model=model,
                    input=text,
                    voice=voice,
                    speed=speed,
                    language_code=language,
                    response_format=response_format,
                )
            ),
            catalogue,
            max_input_chars=config.server.max_input_chars,
        )
        with _bar() as bar:
            task = bar.add_task("speaking", total=None)

            return await voices.synthesizer.render(
                speech,
                path,
                speaker=DirectSpeaker(voices.pool, voices.caller, Flow("", "say"), path),
                listener=_Shown(bar, task, len(text)),
            )


class _Shown:
    """A rendering's progress on a bar."""

    def __init__(self, bar: Progress, task: TaskID, characters: int) -> None:
        self._bar = bar
        self._task = task
        self._characters = characters

    def on_audio(self, path: Path, generation: int) -> None:
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
