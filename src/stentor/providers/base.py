"""What every provider is: a vendor's facts, and a translator between scripts and its HTTP API.

A provider does no I/O. It says what each model can do, turns a script into an HTTP call, and turns
the bytes of the answer into audio and timings. Sending, waiting, retrying and counting are done
once, for all of them, by `stentor.routing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from msgspec import Struct

from stentor.audio.form import AudioForm
from stentor.contract import DictionaryLocator, Voice
from stentor.providers.faults import ProviderError, read_error
from stentor.providers.readers import RawReader
from stentor.providers.wire import Head, HttpCall, Reader, TimingUnit
from stentor.secret import Secret

ANY_FIELD = "*"  # in `Capabilities.extra`: whatever a request carries


class VendorFormat(Struct, frozen=True):
    """A form of audio that a model can answer with.

    Attributes:
        name: what the vendor's parameter calls it.
        kbps: bit rate of a lossy form, where it is known.
    """

    form: AudioForm
    name: str
    kbps: int | None = None


class Capabilities(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a model can do.

    Attributes:
        formats: the forms of audio it answers with, the best source for further encoding first:
            lossless before lossy, 24 kHz and more before less.
        max_chars: longest text of one call, in characters; None: no limit is known.
        max_bytes: the same in bytes of UTF-8. A limit in tokens is given as one in bytes that
            keeps below it.
        speed: slowest and fastest rate that it speaks at itself; None if it knows one only.
        languages: BCP 47 tags that it is made for; None where the vendor names none, or the voice
            decides.
        voices: the names of all its voices, where they are fixed; None where the account has its
            own, or the vendor lists them.
        speakers: how many voices one call can have.
        instructions: whether it can be told in words how to speak.
        timestamps: the unit of the timings that it can answer with.
        dictionaries: whether the vendor keeps pronunciation dictionaries that calls can name.
        context: whether it takes the text before and after, for the intonation.
        streaming: whether audio comes while it is being made.
        no_logging: whether a call can ask that its text is not kept (`enable_logging: false`).
        low_latency: whether a call can ask for haste (`optimize_streaming_latency`).
        extra: fields of the vendor's own that a request may carry (`extra_params`).
    """

    formats: tuple[VendorFormat, ...]
    max_chars: int | None = None
    max_bytes: int | None = None
    speed: tuple[float, float] | None = None
    languages: tuple[str, ...] | None = None
    voices: tuple[str, ...] | None = None
    speakers: int = 1
    instructions: bool = False
    timestamps: TimingUnit | None = None
    dictionaries: bool = False
    context: bool = False
    streaming: bool = True
    no_logging: bool = False
    low_latency: bool = False
    extra: tuple[str, ...] = ()


class Turn(Struct, frozen=True, omit_defaults=True):
    """What one voice says. `speaker` is the name that the caller gave it in a dialogue."""

    text: str
    voice: str
    speaker: str = ""


class Script(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a provider is to speak in one call, within the model's capabilities.

    Attributes:
        model: the vendor's own name of it.
        turns: at least one; more than one only where `speakers` is more than one.
        format: one of the model's.
        speed: in the model's range, 1 being the voice's own.
        language: BCP 47 tag, if the caller said.
        instructions: how to speak, in words.
        previous_text, next_text: what comes before and after in the same text.
        timestamps: whether timings are wanted.
        no_logging: the vendor is asked to keep nothing.
        low_latency: the vendor is asked to hurry.
        extra: the vendor's own fields, as the caller wrote them.
    """

    model: str
    turns: tuple[Turn, ...]
    format: VendorFormat
    speed: float = 1.0
    language: str | None = None
    instructions: str | None = None
    previous_text: str = ""
    next_text: str = ""
    timestamps: bool = False
    dictionaries: tuple[DictionaryLocator, ...] = ()
    no_logging: bool = False
    low_latency: bool = False
    extra: dict[str, Any] = {}

    @property
    def text(self) -> str:
        """All that is said; spans of timings point into it."""
        turns = self.turns
        return turns[0].text if len(turns) == 1 else "".join(turn.text for turn in turns)

    @property
    def voice(self) -> str:
        """The voice of the first turn."""
        return self.turns[0].voice


class VoicePage(Struct, frozen=True):
    """Some of an account's voices. `next` asks for the following page; None: there is none."""

    voices: list[Voice]
    next: str | None = None


class Settings(Struct, frozen=True):
    """What the configuration says of one provider.

    Attributes:
        name: what requests call it, `name/model`.
        base_url: without a slash at the end; empty for the vendor's own.
        options: the vendor's own options, such as a region.
    """

    name: str = ""
    base_url: str = ""
    options: Mapping[str, str] = {}


_NO_SETTINGS = Settings()


class Provider:
    """A vendor. Subclasses give the facts, `request`, and whatever else differs.

    Attributes:
        type: what the configuration calls it.
        title: what the vendor calls itself.
        reference: where the vendor describes its API.
        base_url: without a slash at the end.
        key_variable: the environment variable in which the vendor's users keep their key.
        needs_key: whether there is nothing to be had without one.
        concurrency: how many calls at once an account of the smallest paid plan may have.
        open_models: whether models that are not listed are passed on to the vendor.
        option_names: the options that it takes: name → meaning, with the default.

    Raises:
        ValueError: an option is unknown or has a wrong value; the text names it.
    """

    type: ClassVar[str]
    title: ClassVar[str]
    reference: ClassVar[str]
    base_url: str
    key_variable: ClassVar[str | None] = None
    needs_key: bool = True
    concurrency: ClassVar[int] = 4
    open_models: bool = False
    option_names: ClassVar[Mapping[str, str]] = {}

    def __init__(self, settings: Settings = _NO_SETTINGS) -> None:
        unknown = settings.options.keys() - self.option_names.keys()
        if unknown:
            known = ", ".join(self.option_names) or "none"
            raise ValueError(f"options.{min(unknown)}: unknown option; {self.type} has {known}")
        self.name = settings.name or self.type
        self.options = settings.options
        self.own_server = bool(settings.base_url)
        if settings.base_url:
            self.base_url = settings.base_url.rstrip("/")

    @property
    def models(self) -> Mapping[str, Capabilities]:
        """The models that are known, the one to recommend first."""
        raise NotImplementedError

    def capabilities(self, model: str) -> Capabilities:
        """What a model can do; for one that is not listed, what the vendor's newest can."""
        return self.models.get(model) or next(iter(self.models.values()))

    def request(self, script: Script, key: Secret | None, now: datetime) -> HttpCall:
        """The call that has a script spoken.

        Args:
            now: in UTC, for signatures.
        """
        raise NotImplementedError

    def response(self, script: Script, head: Head) -> Reader:
        """What reads the body of an answer with a status below 300."""
        return RawReader(script.format.form, head)

    def error(self, head: Head, body: bytes) -> ProviderError:
        """What an answer with a status of 300 and more means.

        Args:
            body: the beginning of it, which may be anything, HTML for example.
        """
        return read_error(head, body)

    def known_voices(self, model: str) -> Sequence[Voice]:
        """The voices that need not be asked for, the one to recommend first."""
        return ()

    def voices_call(self, key: Secret | None, page: str | None, now: datetime) -> HttpCall | None:
        """The call that lists the account's voices; None: the vendor has no such list.

        Args:
            page: `VoicePage.next` of the page before; None for the first.
        """
        return None

    def read_voices(self, body: bytes) -> VoicePage:
        """The answer to `voices_call`.

        Raises:
            ProviderError: it is not what it should be.
        """
        raise NotImplementedError
