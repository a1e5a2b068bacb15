"""Reading SSML, the W3C's Speech Synthesis Markup Language 1.1.

The parser is expat, which keeps no tree. Document types and entity declarations are refused, so
that there is nothing to expand and nothing to fetch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from xml.parsers import expat

from stentor.errors import SpeechError, invalid
from stentor.text.markup import ssml_values as values
from stentor.text.markup.builder import WHITE_SPACE, Builder
from stentor.text.markup.marked import Marked, Style
from stentor.text.markup.offsets import ByteOffsets, line_column
from stentor.text.markup.phonemes import is_ipa, x_sampa_to_ipa

MAX_DEPTH = 64
"""Elements inside each other."""

_SHOWN_CHARS = 60

_Attributes = Mapping[str, str]
_End = Callable[[], None]


def read_ssml(source: str) -> Marked:
    """Read an SSML document.

    Raises:
        SpeechError: 400 `invalid_ssml`: it is not well-formed, has another root element, a
            document type, or elements too deep in each other.
    """
    return _Reader(source).read()


class _Reader:
    """A document being read: the handlers of a parser's events."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._builder = Builder(source)
        # XML allows nothing before its declaration; white space there is only an accident.
        body = source.removeprefix("\ufeff").lstrip(WHITE_SPACE)
        self._body_start = len(source) - len(body)
        self._offsets = ByteOffsets(body)
        self._words = values.ssml_words()
        self._ends: list[tuple[Style, _End | None]] = []
        self._unread_depth = 0
        parser = expat.ParserCreate("utf-8")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._doctype
        self._parser = parser
        self._elements: dict[str, Callable[[_Attributes], _End | None]] = {
            "p": self._paragraph,
            "paragraph": self._paragraph,
            "s": self._sentence,
            "sentence": self._sentence,
            "break": self._break,
            "prosody": self._prosody,
            "emphasis": self._emphasis,
            "voice": self._voice,
            "say-as": self._say_as,
            "sub": self._sub,
            "phoneme": self._phoneme,
            "mark": self._mark,
        }

    def read(self) -> Marked:
        try:
            self._parser.Parse(self._offsets.data, True)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code).removeprefix("not well-formed ")
            raise self._invalid(
                f"is not well-formed XML ({reason.strip('()')})", self._parser.ErrorByteIndex
            ) from None
        return self._builder.finish("ssml")

    def _position(self, byte: int) -> int:
        return self._body_start + self._offsets.character(max(0, byte))

    def _invalid(self, what: str, byte: int) -> SpeechError:
        line, column = line_column(self._source, self._position(byte))
        return invalid(
            f"input {what}, at line {line}, column {column}; expected an SSML document, "
            'or input_type "text" to have it read as it stands',
            param="input",
            code="invalid_ssml",
        )

    def _doctype(self, name: str, *_: object) -> None:
        raise self._invalid(
            "has a document type (<!DOCTYPE …>), which is not allowed",
            self._parser.CurrentByteIndex,
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._ends and name != "speak":
            raise self._invalid(
                f"begins with <{_short(name)}>, not with <speak>", self._parser.CurrentByteIndex
            )
        if len(self._ends) >= MAX_DEPTH:
            raise self._invalid(
                f"has more than {MAX_DEPTH} elements inside each other",
                self._parser.CurrentByteIndex,
            )
        style = self._builder.style
        if self._unread_depth or name in self._words["unread"]["elements"]:
            if not self._unread_depth:
                self._builder.warn(f"<{name}> was left out")
            self._unread_depth += 1
            self._ends.append((style, self._end_unread))
            return
        self._report_unknown(name, attributes)
        if (language := attributes.get("xml:lang")) is not None:
            self._restyle(language=language.strip() or None)
        begin = self._elements.get(name)
        self._ends.append((style, begin(attributes) if begin else None))

    def _end(self, _: str) -> None:
        style, end = self._ends.pop()
        if end:
            end()
        self._builder.style = style

    def _end_unread(self) -> None:
        self._unread_depth -= 1

    def _characters(self, data: str) -> None:
        if self._unread_depth:
            return
        start = self._position(self._parser.CurrentByteIndex)
        if self._source.startswith(data, start):
            self._builder.flow(start, start + len(data))
            return
        if self._source[start] == "&":
            end = self._source.index(";", start) + 1
        else:
            end = start + len("\r\n") if self._source.startswith("\r\n", start) else start + 1
        self._builder.insert(data, start, end)

    def _paragraph(self, _: _Attributes) -> _End:
        self._builder.paragraph()
        return self._builder.paragraph

    def _sentence(self, _: _Attributes) -> _End:
        def end() -> None:
            self._builder.pause("sentence")
            self._builder.line()

        self._builder.line()
        return end

    def _break(self, attributes: _Attributes) -> None:
        ms = values.break_ms(attributes.get("time"), attributes.get("strength"))
        if ms is None:
            self._report_value("break", attributes, "time", "strength")
            ms = values.break_ms(None, None)
        elif ms > values.MAX_BREAK_MS:
            self._builder.warn(
                f"a break of {ms} ms was shortened to {values.MAX_BREAK_MS} ms, the longest"
            )
            ms = values.MAX_BREAK_MS
        self._builder.pause("pause", ms)

    def _prosody(self, attributes: _Attributes) -> None:
        style = self._builder.style
        if (value := attributes.get("rate")) is not None:
            rate = values.rate(value, style.rate)
            if rate is None:
                self._report_value("prosody", attributes, "rate")
            else:
                style = replace(style, rate=rate)
        if (value := attributes.get("volume")) is not None:
            volume = values.volume_db(value, style.volume_db)
            if volume is None:
                self._report_value("prosody", attributes, "volume")
            else:
                style = replace(style, volume_db=volume)
        if (value := attributes.get("pitch")) is not None:
            pitch = values.pitch(value)
            if pitch is None:
                self._report_value("prosody", attributes, "pitch")
            else:
                style = replace(style, pitch=pitch or None)
        self._builder.style = style

    def _emphasis(self, attributes: _Attributes) -> None:
        level = values.emphasis(attributes.get("level", "moderate"))
        if level is None:
            self._report_value("emphasis", attributes, "level")
        else:
            self._builder.style = replace(self._builder.style, emphasis=level)

    def _voice(self, attributes: _Attributes) -> None:
        if name := " ".join(attributes.get("name", "").split()):
            self._builder.style = replace(self._builder.style, voice=name)
        languages = (attributes.get("languages") or attributes.get("language") or "").split()
        if languages:
            # `languages` may say "language:accent", of which the accent is the narrower.
            self._restyle(language=languages[0].rpartition(":")[2] or None)

    def _say_as(self, attributes: _Attributes) -> _End:
        since = self._builder.begin()
        kind = attributes.get("interpret-as", "").strip().lower()
        how = self._words["say_as"]

        def end() -> None:
            text = self._builder.text_since(since)
            if not text.strip():
                return
            if kind in how["spelt"]:
                self._builder.rewrite(since, values.spelt(text))
            elif kind in how["digits"]:
                self._builder.rewrite(since, values.spelt_digits(text))
            elif kind in how["bleeped"]:
                self._builder.rewrite(since, how["bleep"])
            if kind:
                self._builder.say_as(
                    since, kind, attributes.get("format"), attributes.get("detail")
                )

        if not kind:
            self._builder.warn("<say-as> without interpret-as was read as ordinary text")
        return end

    def _sub(self, attributes: _Attributes) -> _End | None:
        alias = " ".join(attributes.get("alias", "").split())
        if not alias:
            self._builder.warn("<sub> without alias was read as ordinary text")
            return None
        return self._said(alias, None)

    def _phoneme(self, attributes: _Attributes) -> _End | None:
        alphabet = attributes.get("alphabet", "ipa").strip().lower()
        ph = attributes.get("ph", "").strip()
        phonemes: str | None = None
        if alphabet == "ipa":
            phonemes = ph
        elif alphabet in ("x-sampa", "xsampa"):
            phonemes = x_sampa_to_ipa(ph)
        else:
            self._builder.warn(
                f"<phoneme alphabet={_short(alphabet)!r}> was read as ordinary text; "
                "expected ipa or x-sampa"
            )
            return None
        if not phonemes or not is_ipa(phonemes):
            self._builder.warn(
                f"<phoneme ph={_short(ph)!r}> was read as ordinary text; "
                f"it is not written in {alphabet}"
            )
            return None
        return self._said(None, phonemes)

    def _said(self, text: str | None, phonemes: str | None) -> _End:
        """Say something else than what is in the element that begins here."""
        since = self._builder.begin()
        place = self._position(self._parser.CurrentByteIndex)

        def end() -> None:
            written = self._builder.text_since(since)
            if not written.strip():
                # An empty element: what is said is all there is.
                written = text or phonemes or ""
                self._builder.insert(written, place, self._position(self._parser.CurrentByteIndex))
            self._builder.rewrite(since, text or written, phonemes)

        return end

    def _mark(self, attributes: _Attributes) -> None:
        if name := attributes.get("name", "").strip():
            self._builder.name(name)
        else:
            self._builder.warn("<mark> without a name was left out")

    def _restyle(self, *, language: str | None) -> None:
        self._builder.style = replace(self._builder.style, language=language)

    def _report_unknown(self, name: str, attributes: _Attributes) -> None:
        known = self._words["elements"].get(name)
        if known is None:
            self._builder.warn(
                f"<{_short(name)}> is not supported; its text was read as if it were not there"
            )
            return
        silent = self._words["attributes"]["silent"]
        for attribute in attributes:
            is_known = attribute in known or attribute in silent or attribute == "xml:lang"
            if not is_known and not attribute.startswith("xmlns"):
                self._builder.warn(
                    f"the attribute {_short(attribute)} of <{name}> is not supported"
                )

    def _report_value(self, element: str, attributes: _Attributes, *names: str) -> None:
        said = " ".join(f"{one}={_short(attributes[one])!r}" for one in names if one in attributes)
        self._builder.warn(f"<{element} {said}> has a value that cannot be used; it was ignored")


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…"
