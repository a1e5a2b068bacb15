"""`stentor say`: a text into an audio file, without a server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from stentor.cli import ConfigFile, DictionaryFiles, InputKind
from stentor.cli.inputs import read_dictionaries, read_input
from stentor.cli.speaking import Order, speak
from stentor.config import load
from stentor.contract import RESPONSE_FORMATS, ResponseFormat
from stentor.errors import invalid


def say(
    text: Annotated[str | None, Parameter(help="What to say.", allow_leading_hyphen=True)] = None,
    *,
    file: Annotated[
        Path | None,
        Parameter(
            name=["--file", "-f"],
            help="A .txt, .md, .html, .ssml or .epub file to read; - for stdin.",
            allow_leading_hyphen=True,
        ),
    ] = None,
    output: Annotated[
        Path, Parameter(name=["--output", "-o"], help="The audio file; its ending is the format.")
    ] = Path("speech.mp3"),
    model: Annotated[
        str | None, Parameter(help="provider/model; the first one if left out.")
    ] = None,
    voice: Annotated[
        str | None, Parameter(help="The voice; the model's first if left out.")
    ] = None,
    speed: Annotated[float, Parameter(help="Speaking rate, 0.25 to 4.")] = 1.0,
    language: Annotated[
        str | None, Parameter(name=["--language", "--lang"], help="Language code of the text.")
    ] = None,
    response_format: Annotated[
        ResponseFormat | None,
        Parameter(name="--format", help=f"One of {', '.join(RESPONSE_FORMATS)}."),
    ] = None,
    input_type: InputKind = None,
    dictionary: DictionaryFiles = None,
    timestamps: Annotated[
        bool,
        Parameter(negative="", help="Write captions beside the audio, as a .vtt of its name."),
    ] = False,
    config: ConfigFile = None,
) -> None:
    """Speak a text into an audio file, without a server."""
    if (text is None) == (file is None):
        raise invalid("give either a text or --file, and not both", param="text")
    speak(
        load(config, os.environ, {}),
        Order(
            source=read_input(text, file, input_type),
            output=output,
            model=model,
            voice=voice,
            speed=speed,
            language=language,
            response_format=response_format,
            lexicons=read_dictionaries(dictionary or []),
            timestamps=timestamps,
        ),
    )
