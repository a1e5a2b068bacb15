"""The options about who speaks: aliases of models and of voices, and what happens on failure."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from stentor.config.section import Section

Alias = Annotated[
    str,
    Meta(
        pattern=r"\A[^/\s]+\Z",
        extra={"name": "ALIAS", "expected": "an alias without slashes and spaces"},
    ),
]
_TARGET = r"\A[^/\s]+/\S+\Z"
Target = Annotated[str, Meta(pattern=_TARGET, extra={"expected": 'a "provider/model"'})]


class WeightedModel(Section, frozen=True):
    """One of several models that an alias stands for."""

    model: Annotated[
        str,
        Meta(
            pattern=_TARGET,
            extra={"expected": 'a "provider/model"'},
            description="One of the models that ALIAS stands for",
        ),
    ]
    weight: Annotated[
        float,
        Meta(
            gt=0,
            le=1000,
            description="Its share of the requests: twice the weight, twice the requests",
        ),
    ] = 1


Targets = Annotated[
    Target | Annotated[list[Target | WeightedModel], Meta(min_length=1)],
    Meta(
        extra={"expected": 'a "provider/model", or a list of them'},
        description="The model that a request for ALIAS gets. In a list, an item is a "
        '"provider/model" or { model = "provider/model", weight = 3 }',
    ),
]
VoiceName = Annotated[
    str,
    Meta(
        pattern=r"\A[^/\s]{1,64}\Z",
        extra={
            "name": "NAME",
            "expected": "a name of 1 to 64 characters without slashes and spaces",
        },
    ),
]
VoicePlace = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Za-z0-9_.-]{1,64}(/\S+)?\Z",
        extra={"name": "PROVIDER", "expected": 'the name of a provider or a "provider/model"'},
    ),
]
VoiceId = Annotated[
    str,
    Meta(
        min_length=1,
        description="What the provider calls the voice that requests call NAME. In place of "
        'PROVIDER, a "provider/model" in quotes is for that model alone',
    ),
]


class Routing(Section, frozen=True):
    """What happens when a provider fails."""

    fallback: Annotated[
        Literal["job", "segment"],
        Meta(
            description="What the next model speaks when one has failed: the whole text anew, "
            "or the segment alone, so that a text may be in two voices"
        ),
    ] = "job"
    retry_budget: Annotated[
        int,
        Meta(
            ge=0,
            le=100_000,
            description="Retries that one request may use at one model, beyond one for every "
            "five segments",
        ),
    ] = 10
    breaker_failures: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000,
            description="Failures in a row after which a provider's model is left alone",
        ),
    ] = 5
    breaker_seconds: Annotated[
        int, Meta(ge=1, le=86_400, description="For how long it is left alone")
    ] = 30
    voices_cache_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=604_800,
            description="How long a provider's list of voices is taken to hold",
        ),
    ] = 3600


def alias_targets(value: str | list[str | WeightedModel]) -> list[WeightedModel]:
    """What an alias of `[models]` stands for, whichever way it was written."""
    items = [value] if isinstance(value, str) else value
    return [WeightedModel(item) if isinstance(item, str) else item for item in items]
