"""What models cost, as far as vendors publish it, and what a call costs by that.

`prices.toml` beside this file has the published prices, each with where and when it was read.
Vendors change them without asking: the configuration can put its own in their place.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

BYTES_PER_TOKEN = 4

Amount = Annotated[float, Meta(ge=0)]


class Price(Struct, frozen=True, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """What a model costs, in US dollars; the parts are added up.

    Attributes:
        source: the page that says so.
        date: when it was read: `YYYY-MM-DD`, or the month or the year if no more is known.
        note: how it was made, where the page does not name it so.
    """

    per_million_characters: Amount | None = None
    per_million_bytes: Amount | None = None
    per_million_input_tokens: Amount | None = None
    per_million_output_tokens: Amount | None = None
    per_audio_minute: Amount | None = None
    source: str = ""
    date: Annotated[str, Meta(pattern=r"\A(\d{4}(-\d\d){0,2})?\Z")] = ""
    note: str | None = None


def cost(
    price: Price,
    *,
    characters: int,
    utf8_bytes: int,
    input_tokens: int | None,
    output_tokens: int | None,
    audio_seconds: float,
) -> float | None:
    """What a call costs, in US dollars; None if that cannot be told.

    Args:
        characters, utf8_bytes: of the text.
        input_tokens: as the vendor says. If it does not, and the price needs them, a token is
            taken for every four bytes of UTF-8, which is about right for English (vendors speak of
            four characters) and near enough elsewhere.
        output_tokens: as the vendor says. They are not guessed: without them, a price for them
            cannot be told.
    """
    if input_tokens is None:
        input_tokens = -(-utf8_bytes // BYTES_PER_TOKEN)
    parts = (
        (price.per_million_characters, characters, 1_000_000),
        (price.per_million_bytes, utf8_bytes, 1_000_000),
        (price.per_million_input_tokens, input_tokens, 1_000_000),
        (price.per_million_output_tokens, output_tokens, 1_000_000),
        (price.per_audio_minute, audio_seconds, 60),
    )
    asked = [(amount, count, unit) for amount, count, unit in parts if amount is not None]
    if not asked:
        return None
    total = 0.0
    for amount, count, unit in asked:
        if count is None:
            return None
        total += amount * count / unit
    return total


@functools.cache
def published() -> Mapping[str, Mapping[str, Price]]:
    """The published prices: type of provider → model → price. Read once, when first asked for."""
    # A server without providers starts without these.
    import tomllib
    from importlib import resources

    text = resources.files(__package__).joinpath("prices.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, dict[str, Price]])


def prices(type_name: str, own: Mapping[str, Any] | None = None) -> dict[str, Price]:
    """The prices of a type's models, the configuration's own in place of the published ones.

    Args:
        own: model → an object with some of the `per_…` attributes of `Price`.
    """
    mine = {
        model: msgspec.convert(price, Price, from_attributes=True)
        for model, price in (own or {}).items()
    }
    return {**published().get(type_name, {}), **mine}
