"""Every model and voice there is, and how a request names them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from stentor.contract import Model, SpeechRequest, Voice
from stentor.engines.base import EngineModel
from stentor.errors import SpeechError, invalid
from stentor.routing.account import Account
from stentor.routing.descriptions import describe_local, describe_remote
from stentor.routing.targets import Lack, LocalTarget, RemoteTarget, Target

NAMES_SHOWN = 8

VoiceAliases = Mapping[str, Mapping[str, str]]
ModelAliases = Mapping[str, Sequence[tuple[str, float]]]


class Catalogue:
    """The models that this server offers.

    Args:
        models: what the engines found.
        accounts: the configured vendors, by name.
        aliases: bare name → what it stands for, each `provider/model` with its weight.
        voices: a voice's alias → provider, or `provider/model`, → what that calls the voice.
        notes: why something a person may expect is missing, for error messages.
        aligns: whether audio without timings is listened to for them.
    """

    def __init__(
        self,
        models: Sequence[EngineModel],
        accounts: Mapping[str, Account],
        aliases: ModelAliases,
        voices: VoiceAliases,
        notes: Sequence[str] = (),
        *,
        aligns: bool = False,
    ) -> None:
        self._models = {f"{model.engine}/{model.name}": model for model in models}
        self._accounts = dict(accounts)
        self._aliases = dict(aliases)
        self._voices = dict(voices)
        self._aligns = aligns
        self._notes = [*notes, *self._dead_ends()]

    @property
    def notes(self) -> list[str]:
        """What a person should know about the configuration."""
        return list(self._notes)

    def _dead_ends(self) -> Iterator[str]:
        """What aliases lead to nothing."""
        for alias, options in self._aliases.items():
            for name, _ in options:
                if not self._alive(name):
                    yield f"alias {alias}: there is no model {name!r}"
        providers = {model.engine for model in self._models.values()} | self._accounts.keys()
        for voice, places in self._voices.items():
            for place in places:
                if place.partition("/")[0] not in providers:
                    yield f"voice {voice}: there is no provider {place.partition('/')[0]!r}"

    @property
    def accounts(self) -> Sequence[Account]:
        """The configured vendors."""
        return list(self._accounts.values())

    def models(self) -> list[Model]:
        """All models that can be named in advance, and all aliases, for `GET /v1/models`."""
        listed = {name: describe_local(model) for name, model in self._models.items()}
        for account in self._accounts.values():
            for model in account.models:
                listed[f"{account.name}/{model}"] = describe_remote(account, model)
        aliased = [
            _renamed(described, alias, name)
            for alias, name, described in (
                (alias, options[0][0], self._described(options[0][0], listed))
                for alias, options in self._aliases.items()
            )
            if described is not None
        ]
        return [*listed.values(), *aliased]

    def has(self, name: str) -> bool:
        """Whether a request may name this as its model."""
        return name in self._aliases or self._alive(name)

    def models_with(self, voice: str) -> list[str]:
        """The models that are known to have a voice, or what its alias stands for; those of this
        machine first.
        """
        return [one.id for one in self._all() if one.voice(voice) in _known_names(one)]

    @property
    def voice_aliases(self) -> list[str]:
        """The names of voices that the configuration gives."""
        return list(self._voices)

    def voices(self) -> list[Voice]:
        """All voices of the models in this machine."""
        return [voice for model in self._models.values() for voice in model.voices]

    def resolve(self, name: str, *, param: str, seed: str = "") -> list[Target]:
        """Find the models that `provider/model`, or an alias, names.

        Args:
            seed: which of an alias's models comes first depends on it, by their weights; the
                others follow. The same seed gives the same order.

        Returns:
            At least one.

        Raises:
            SpeechError: 400 that names `param` and says what there is.
        """
        if name not in self._aliases:
            return [self._target(name, param)]
        options = self._aliases[name]
        alive = [one for one in options if self._alive(one[0])] or options
        return [self._target(one, param) for one in _shuffled(alive, seed)]

    def default_voice(self, target: Target) -> str | None:
        """The voice to take where a person names none; None if that cannot be told."""
        if isinstance(target, LocalTarget):
            return target.model.voices[0].id
        known = target.account.provider.known_voices(target.model)
        return known[0].id if known else None

    def check_voice(self, target: Target, voice: str, *, param: str) -> None:
        """Make sure that the model has the voice, as far as that is known.

        Raises:
            SpeechError: 400 that names `param` and lists the model's voices.
        """
        places = self._voices.get(voice)
        if places is not None and target.voice(voice) is None:
            raise invalid(
                f"{param}: the alias {voice!r} does not say which voice that is at {target.id}; it "
                f'is known for {_listed(list(places))} ([voices."{voice}"])',
                param=param,
                code="unknown_voice",
            )
        known = target.voice_names
        # What the configuration says of a voice is believed: a vendor may have one that is new.
        if known is None or (places is not None and isinstance(target, RemoteTarget)):
            return
        if target.voice(voice) not in known:
            raise invalid(
                f"{param}: {target.id} has no voice {voice!r}; it has {_listed(known)}"
                + ("; an alias in [voices] can stand for another" if self._accounts else ""),
                param=param,
                code="unknown_voice",
            )

    def lack(self, target: Target, request: SpeechRequest) -> Lack | None:
        """What of the request the target cannot serve, and nothing else makes up for."""
        lacks = (
            one
            for one in target.lacks(request)
            if not (one[0] == "with_timestamps" and self._aligns)
        )
        return next(lacks, None)

    def could_serve(self, request: SpeechRequest) -> list[str]:
        """The models that lack nothing that the request asks for."""
        return [
            target.id for target in self._all() if next(iter(target.lacks(request)), None) is None
        ]

    def _all(self) -> Iterator[Target]:
        for model in self._models.values():
            name = f"{model.engine}/{model.name}"
            yield LocalTarget(model, self._voices_of(name))
        for account in self._accounts.values():
            for name in account.models:
                yield RemoteTarget(account, name, self._voices_of(f"{account.name}/{name}"))

    def _target(self, name: str, param: str) -> Target:
        provider, slash, model = name.partition("/")
        if name in self._models:
            return LocalTarget(self._models[name], self._voices_of(name))
        account = self._accounts.get(provider)
        if account is not None and account.has(model):
            return RemoteTarget(account, model, self._voices_of(name))
        if not slash:
            raise invalid(
                f"{param}: {name!r} is neither provider/model nor a configured alias; "
                f"{self._known_models()}",
                param=param,
                code="unknown_model",
            )
        if account is not None:
            known = f"it has {_listed(account.models)}" if account.models else "it has none"
            raise invalid(
                f"{param}: {provider} has no model {model!r}; {known}; more can be named in "
                f"[providers.{provider}] models",
                param=param,
                code="unknown_model",
            )
        reasons = [note for note in self._notes if note.startswith(f"provider {provider}:")]
        raise invalid(
            f"{param}: there is no model {name!r}; {self._known_models()}"
            + "".join(f"; {reason}" for reason in reasons),
            param=param,
            code="unknown_model",
        )

    def _voices_of(self, model: str) -> dict[str, str | None]:
        """Each alias of a voice → what this model calls it; None where nobody said."""
        provider = model.partition("/")[0]
        return {
            alias: places.get(model, places.get(provider)) for alias, places in self._voices.items()
        }

    def _described(self, name: str, listed: Mapping[str, Model]) -> Model | None:
        if name in listed:
            return listed[name]
        provider, _, model = name.partition("/")
        account = self._accounts.get(provider)
        if account is None or not account.has(model):
            return None
        return describe_remote(account, model)

    def _known_models(self) -> str:
        alive = [alias for alias, options in self._aliases.items() if self._alive(options[0][0])]
        remote = [f"{one.name}/{model}" for one in self.accounts for model in one.models]
        names = [*self._models, *alive, *remote]
        return f"known are {_listed(names)}" if names else "no model is installed"

    def _alive(self, name: str) -> bool:
        provider, _, model = name.partition("/")
        account = self._accounts.get(provider)
        return name in self._models or (account is not None and account.has(model))


def _known_names(target: Target) -> Sequence[str]:
    """The voices that are known in advance, be they all or not."""
    if isinstance(target, RemoteTarget) and target.voice_names is None:
        return [one.id for one in target.account.provider.known_voices(target.model)]
    return target.voice_names or ()


def _shuffled(options: Sequence[tuple[str, float]], seed: str) -> list[str]:
    """All of them, each as often in front as its weight says (Efraimidis and Spirakis, 2006)."""
    dice = random.Random(seed)
    drawn = [(dice.random() ** (1 / weight), number) for number, (_, weight) in enumerate(options)]
    return [options[number][0] for _, number in sorted(drawn, reverse=True)]


def _renamed(model: Model, alias: str, name: str) -> Model:
    return msgspec.structs.replace(model, id=alias, name=name)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMES_SHOWN])
    more = len(names) - NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def unserviceable(
    catalogue: Catalogue, target: Target, request: SpeechRequest, reason: str, param: str
) -> SpeechError:
    """The refusal of a request that the model, and all its fallbacks, cannot serve."""
    others = catalogue.could_serve(request)
    way_out = f"; what could: {_listed(others)}" if others else "; no configured model could"
    code = "unsupported_language" if param == "language_code" else "unsupported_parameter"
    return invalid(f"{param}: {target.id} {reason}{way_out}", param=param, code=code)
