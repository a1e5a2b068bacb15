"""`stentor text`: a text as it will be spoken."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter

from stentor.cli import AsJson, ConfigFile, DictionaryFiles, InputKind
from stentor.cli.inputs import read_dictionaries, read_input, read_lines
from stentor.cli.preview import Preview, Previewer
from stentor.config import load
from stentor.contract import InputType
from stentor.errors import SpeechError, invalid

STDIN = Path("-")


def text(
    text: Annotated[
        str | None,
        Parameter(
            help="What to read; standard input if neither it nor --file is given.",
            allow_leading_hyphen=True,
        ),
    ] = None,
    *,
    file: Annotated[
        Path | None,
        Parameter(
            name=["--file", "-f"],
            help="A .txt, .md, .html, .ssml or .epub file; - for stdin.",
            allow_leading_hyphen=True,
        ),
    ] = None,
    normalise: Annotated[
        bool,
        Parameter(
            name=["--normalise", "--normalize"],
            negative="",
            help="Read lines, and print each as it will be spoken: one line for each.",
        ),
    ] = False,
    language: Annotated[
        str | None,
        Parameter(name=["--lang", "--language"], help="Of the text; the voice's if left out."),
    ] = None,
    input_type: InputKind = None,
    dictionary: DictionaryFiles = None,
    emoji: Annotated[
        Literal["speak", "drop", "keep"] | None,
        Parameter(help="Say emoji by their names, leave them out, or as they are."),
    ] = None,
    phonemes: Annotated[
        bool, Parameter(negative="", help="Show what the voice makes of each segment, in IPA.")
    ] = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Show how a text will be spoken by the default voice of this machine, without speaking it."""
    if text is not None and file is not None:
        raise invalid("give either a text or --file, and not both", param="file")
    if normalise and (as_json or phonemes):
        raise invalid("give --normalise without --json and --phonemes", param="normalise")
    if text is None and file is None:
        file = STDIN
    previewer = Previewer.of(
        load(config, os.environ, {}),
        language=language,
        lexicons=read_dictionaries(dictionary or []),
        emoji=emoji,
    )
    if normalise:
        _print_lines(previewer, text, file, input_type or "auto")
        return
    preview = previewer.preview(read_input(text, file, input_type), phonemes=phonemes)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(preview), indent=2).decode())
    else:
        _print(preview)


def _print_lines(
    previewer: Previewer, text: str | None, file: Path | None, kind: InputType
) -> None:
    unread = False
    for number, line in enumerate(read_lines(text, file), 1):
        try:
            said = previewer.spoken(line, kind)
        except SpeechError as error:
            unread = True
            said = line
            print(f"stentor: line {number} stays as it is: {error.message}", file=sys.stderr)
        # Whoever writes line by line into a pipe waits for each answer.
        print(said, flush=True)
    if unread:
        sys.exit(1)


def _print(preview: Preview) -> None:
    for segment in preview.segments:
        print(segment.text)
        if segment.voice_phonemes is not None:
            print(f"  /{segment.voice_phonemes}/")
    for warning in preview.warnings:
        print(f"note: {warning}", file=sys.stderr)
