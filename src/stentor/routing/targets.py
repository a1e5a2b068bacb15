"""What a request can be spoken by: a model in this machine, or one of a vendor's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from stentor.contract import DictionaryLocator, SpeechRequest
from stentor.engines.base import EngineModel
from stentor.lexicon.ids import is_dictionary_id
from stentor.providers.base import Capabilities
from stentor.routing.account import Account

Lack = tuple[str, str]
"""A field of the request that cannot be served, and why, as the end of a sentence."""


def vendors_locators(request: SpeechRequest) -> list[DictionaryLocator]:
    """The dictionaries of a request that a vendor keeps."""
    locators = request.pronunciation_dictionary_locators or ()
    return [one for one in locators if not is_dictionary_id(one.pronunciation_dictionary_id)]


class LocalTarget(Struct, frozen=True):
    """A model in this machine that a request resolved to.

    Attributes:
        voices: a voice's alias → the model's own name of it; None where nobody said.
    """

    model: EngineModel
    voices: Mapping[str, str | None]

    @property
    def provider(self) -> str:
        return self.model.engine

    @property
    def name(self) -> str:
        """The provider's name of the model."""
        return self.model.name

    @property
    def id(self) -> str:
        return f"{self.provider}/{self.name}"

    @property
    def voice_names(self) -> Sequence[str]:
        """The names of all its voices."""
        return [one.id for one in self.model.voices]

    def voice(self, name: str) -> str | None:
        """What the model calls a voice; None for an alias that does not say."""
        return self.voices.get(name, name)

    @property
    def gives_timings(self) -> bool:
        """Whether it tells when words are heard."""
        return self.model.timestamps

    def lacks(self, request: SpeechRequest) -> Iterator[Lack]:
        """What of the request it cannot serve."""
        if request.with_timestamps and not self.gives_timings:
            yield "with_timestamps", "gives no timings"
        yield from _dictionary_lack(request)
        yield from _language_lack(request, self.model.languages)


class RemoteTarget(Struct, frozen=True):
    """A vendor's model that a request resolved to.

    Attributes:
        model: the vendor's name of it.
        voices: a voice's alias → the vendor's own name of it; None where nobody said.
    """

    account: Account
    model: str
    voices: Mapping[str, str | None]

    @property
    def provider(self) -> str:
        return self.account.name

    @property
    def name(self) -> str:
        """The provider's name of the model."""
        return self.model

    @property
    def id(self) -> str:
        return f"{self.account.name}/{self.model}"

    @property
    def capabilities(self) -> Capabilities:
        return self.account.capabilities(self.model)

    @property
    def voice_names(self) -> Sequence[str] | None:
        """The names of all its voices; None where only the vendor knows them."""
        return self.capabilities.voices

    def voice(self, name: str) -> str | None:
        """What the vendor calls a voice; None for an alias that does not say."""
        return self.voices.get(name, name)

    @property
    def gives_timings(self) -> bool:
        """Whether it tells when words or characters are heard."""
        return self.capabilities.timestamps is not None

    def lacks(self, request: SpeechRequest) -> Iterator[Lack]:
        """What of the request it cannot serve."""
        can = self.capabilities
        if request.with_timestamps and not self.gives_timings:
            yield "with_timestamps", "gives no timings"
        if not can.dictionaries:
            yield from _dictionary_lack(request)
        if can.languages is not None:
            yield from _language_lack(request, can.languages)


Target = LocalTarget | RemoteTarget


def _dictionary_lack(request: SpeechRequest) -> Iterator[Lack]:
    for one in vendors_locators(request):
        name = one.pronunciation_dictionary_id[:80]
        reason = f"keeps no dictionaries, and {name!r} is no id of one that is kept here"
        yield "pronunciation_dictionary_locators", reason


def _language_lack(request: SpeechRequest, languages: Sequence[str]) -> Iterator[Lack]:
    asked = request.language_code
    if asked is None or language_base(asked) in {language_base(one) for one in languages}:
        return
    shown = ", ".join(languages[:8]) + (", …" if len(languages) > 8 else "")
    yield "language_code", f"does not speak {asked!r}; it speaks {shown}"


def language_base(tag: str) -> str:
    """The language of a BCP 47 tag, region aside, in lower case."""
    return tag.replace("_", "-").lower().partition("-")[0]
