"""`stentor book`: an audiobook with chapters, that can be broken off and gone on with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from stentor.cli import ConfigFile, DictionaryFiles, InputKind
from stentor.cli.inputs import Input, read_dictionaries, read_input
from stentor.cli.speaking import Order, speak
from stentor.config import load
from stentor.contract import LOUDNESS_PRESETS, BookMetadata, Loudness, SpeakerVoice
from stentor.errors import invalid
from stentor.synthesis.mastering import cover_type

ENDING = ".m4b"


def book(
    file: Annotated[Path, Parameter(help="An .epub, .md, .html, .ssml or .txt file.")],
    *,
    output: Annotated[
        Path | None,
        Parameter(
            name=["--output", "-o"], help="The .m4b file; that of the book's name if left out."
        ),
    ] = None,
    model: Annotated[
        str | None, Parameter(help="provider/model; the first one if left out.")
    ] = None,
    voice: Annotated[
        list[str] | None,
        Parameter(
            help="The voice; or SPEAKER=VOICE, once for each speaker of lines that begin with "
            "`Speaker:`, the first one reading the rest."
        ),
    ] = None,
    speed: Annotated[float, Parameter(help="Speaking rate, 0.25 to 4.")] = 1.0,
    language: Annotated[
        str | None, Parameter(name=["--language", "--lang"], help="Language code of the text.")
    ] = None,
    title: Annotated[str | None, Parameter(help="The book's own if left out.")] = None,
    author: Annotated[
        list[str] | None, Parameter(help="May be given several times; the book's own if left out.")
    ] = None,
    narrator: Annotated[str | None, Parameter(help="Who reads it.")] = None,
    cover: Annotated[
        Path | None, Parameter(help="A JPEG or PNG file; the book's own if left out.")
    ] = None,
    loudness: Annotated[
        str, Parameter(help="`audiobook` (ACX), `podcast`, `broadcast`, `off`, or LUFS.")
    ] = "audiobook",
    input_type: InputKind = None,
    dictionary: DictionaryFiles = None,
    config: ConfigFile = None,
) -> None:
    """Read a whole book into one file with chapters.

    What was spoken is kept in a folder beside the output until the book is finished: the same
    command goes on where it was broken off.
    """
    source = read_input(None, file, input_type)
    target = output or file.with_suffix(ENDING)
    if target.suffix.lower() != ENDING:
        raise invalid(
            f"{target} must end in {ENDING}; stentor say makes other files", param="output"
        )
    single, cast = _voices(voice or [])
    speak(
        load(config, os.environ, {}),
        Order(
            source=source,
            output=target,
            model=model,
            voice=single,
            cast=cast,
            speed=speed,
            language=language,
            response_format="m4b",
            lexicons=read_dictionaries(dictionary or []),
            loudness=_loudness(loudness),
            metadata=BookMetadata(
                title=title or source.title or file.stem,
                authors=list(author or source.authors),
                narrator=narrator,
                language=language or source.language,
                cover=_cover(cover, source),
            ),
            parts=target.with_name(f"{target.name}.parts"),
        ),
    )


def _voices(given: list[str]) -> tuple[str | None, tuple[SpeakerVoice, ...]]:
    pairs = [one.partition("=") for one in given]
    if len(given) == 1 and not pairs[0][1]:
        return given[0], ()
    for speaker, equals, voice in pairs:
        if not (speaker and equals and voice):
            raise invalid(
                f"--voice {speaker}{equals}{voice}: expected one voice, or SPEAKER=VOICE for each "
                "speaker",
                param="voice",
            )
    return None, tuple(SpeakerVoice(speaker, voice) for speaker, _, voice in pairs)


def _loudness(given: str) -> Loudness | None:
    if given == "off":
        return None
    for preset in LOUDNESS_PRESETS:
        if given == preset:
            return preset
    try:
        value = float(given)
    except ValueError:
        value = 0.0
    if not -50 <= value <= -5:
        raise invalid(
            f"--loudness {given}: expected one of {', '.join(LOUDNESS_PRESETS)}, off, or LUFS "
            "from -50 to -5",
            param="loudness",
        )
    return value


def _cover(file: Path | None, source: Input) -> bytes | None:
    if file is None:
        # A book may have a cover of a kind that players do not show.
        return source.cover if source.cover and cover_type(source.cover) else None
    try:
        cover = file.read_bytes()
    except OSError as error:
        raise invalid(f"{file} cannot be read: {error.strerror}", param="cover") from error
    if cover_type(cover) is None:
        raise invalid(f"{file} is neither JPEG nor PNG", param="cover")
    return cover
