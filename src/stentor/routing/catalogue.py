"""Every model and voice there is, and how a request names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stentor.contract import Model, Voice
from stentor.engines.base import EngineModel
from stentor.errors import SpeechError, invalid

NAMES_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Target:
    """A model that a request resolved to."""

    provider: str
    model: EngineModel

    @property
    def id(self) -> str:
        return f"{self.provider}/{self.model.name}"


class Catalogue:
    """The models that this server offers.

    Args:
        models: what the engines found.
        aliases: bare name → `provider/model`.
        notes: why something a person may expect is missing, for error messages.
    """

    def __init__(
        self,
        models: Sequence[EngineModel],
        aliases: Mapping[str, str],
        notes: Sequence[str] = (),
    ) -> None:
        self._models = {f"{model.engine}/{model.name}": model for model in models}
        self._aliases = dict(aliases)
        self._notes = list(notes)

    def models(self) -> list[Model]:
        """All models and aliases, for `GET /v1/models`."""
        listed = [
            Model(
                id=name,
                owned_by=model.engine,
                name=model.name,
                languages=model.languages,
                sample_rate=model.sample_rate,
            )
            for name, model in self._models.items()
        ]
        aliased = [
            Model(
                id=alias,
                owned_by=self._models[target].engine,
                name=target,
                languages=self._models[target].languages,
                sample_rate=self._models[target].sample_rate,
            )
            for alias, target in self._aliases.items()
            if target in self._models
        ]
        return listed + aliased

    def voices(self) -> list[Voice]:
        """All voices of all models, for `GET /v1/audio/voices`."""
        return [voice for model in self._models.values() for voice in model.voices]

    def resolve(self, name: str, *, param: str) -> Target:
        """Find the model that `provider/model`, or an alias, names.

        Raises:
            SpeechError: 400 that names `param` and says what there is.
        """
        full = self._aliases.get(name, name)
        model = self._models.get(full)
        if model is not None:
            return Target(model.engine, model)
        provider, slash, _ = full.partition("/")
        if not slash:
            raise invalid(
                f"{param}: {name!r} is neither provider/model nor a configured alias; "
                f"{self._known_models()}",
                param=param,
                code="unknown_model",
            )
        reasons = [note for note in self._notes if note.startswith(f"provider {provider}:")]
        raise invalid(
            f"{param}: there is no model {full!r}; {self._known_models()}"
            + "".join(f"; {reason}" for reason in reasons),
            param=param,
            code="unknown_model",
        )

    def check_voice(self, target: Target, voice: str, *, param: str) -> None:
        """Make sure that the model has the voice.

        Raises:
            SpeechError: 400 that names `param` and lists the model's voices.
        """
        names = [one.id for one in target.model.voices]
        if voice not in names:
            raise invalid(
                f"{param}: {target.id} has no voice {voice!r}; it has {_listed(names)}",
                param=param,
                code="unknown_voice",
            )

    def check_language(self, target: Target, language: str, *, param: str) -> None:
        """Make sure that the model is made for the language, region aside.

        Raises:
            SpeechError: 400 that names `param` and lists the model's languages.
        """
        base = language.replace("_", "-").lower().partition("-")[0]
        if base not in {one.lower().partition("-")[0] for one in target.model.languages}:
            raise invalid(
                f"{param}: {target.id} does not speak {language!r}; "
                f"it speaks {_listed(target.model.languages)}",
                param=param,
                code="unsupported_language",
            )

    def _known_models(self) -> str:
        alive = [alias for alias, target in self._aliases.items() if target in self._models]
        names = [*self._models, *alive]
        return f"known are {_listed(names)}" if names else "no model is installed"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMES_SHOWN])
    more = len(names) - NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def not_yet(param: str) -> SpeechError:
    """The refusal of a field that the contract names but this version cannot serve."""
    return invalid(
        f"{param} is not supported yet; leave it out",
        param=param,
        code="unsupported_parameter",
    )
