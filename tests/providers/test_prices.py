"""What calls cost."""

from __future__ import annotations

import re

import msgspec
import pytest

from stentor.config.providers import Price as OwnPrice
from stentor.providers.base import Settings
from stentor.providers.catalogue import BUILT_IN, provider_type
from stentor.providers.prices import Price, cost, prices, published

ENTRIES = [
    pytest.param(name, model, price, id=f"{name}/{model}")
    for name, models in published().items()
    for model, price in models.items()
]
AMOUNTS = [field for field in Price.__struct_fields__ if field.startswith("per_")]


def of(price: Price, **changes: object) -> float | None:
    counts: dict[str, object] = {
        "characters": 1000,
        "utf8_bytes": 2000,
        "input_tokens": None,
        "output_tokens": None,
        "audio_seconds": 90.0,
    }
    return cost(price, **(counts | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "model", "price"), ENTRIES)
def test_every_price_says_where_and_when_it_was_read(name: str, model: str, price: Price) -> None:
    assert any(getattr(price, field) is not None for field in AMOUNTS)
    assert price.source.startswith("https://")
    assert re.fullmatch(r"20\d\d(-[01]\d(-[0-3]\d)?)?", price.date)


@pytest.mark.parametrize("name", published())
def test_every_price_is_of_a_model_that_the_adapter_has(name: str) -> None:
    assert name in BUILT_IN
    cls = provider_type(name)
    try:
        models = cls().models
    except ValueError:
        models = cls(Settings(base_url="https://server.example")).models
    assert published()[name].keys() <= models.keys()


def test_vendors_are_in_the_order_of_their_names() -> None:
    assert list(published()) == sorted(published())


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        (Price(per_million_characters=15), 0.015),
        (Price(per_million_bytes=15), 0.03),
        (Price(per_audio_minute=0.02), 0.03),
        (Price(per_million_characters=15, per_audio_minute=0.02), 0.045),
        (Price(per_million_characters=0), 0.0),
    ],
)
def test_the_parts_of_a_price_are_added_up(price: Price, expected: float) -> None:
    assert of(price) == pytest.approx(expected)


def test_tokens_of_text_are_the_vendors_or_else_estimated() -> None:
    price = Price(per_million_input_tokens=10)
    assert of(price, input_tokens=300) == pytest.approx(0.003)
    assert of(price) == pytest.approx(0.005), "a token for every four bytes"
    assert of(price, utf8_bytes=1) == pytest.approx(0.000_01), "begun tokens count"


def test_tokens_of_audio_are_not_guessed() -> None:
    price = Price(per_million_input_tokens=10, per_million_output_tokens=20)
    assert of(price, input_tokens=300) is None
    assert of(price, input_tokens=300, output_tokens=1000) == pytest.approx(0.023)


def test_without_a_price_nothing_can_be_told() -> None:
    assert of(Price()) is None


def test_the_configurations_price_takes_the_place_of_the_published_one() -> None:
    own = {
        "gen2": OwnPrice(per_audio_minute=0.5),
        "gen9": OwnPrice(per_million_characters=1.0),
    }
    found = prices("murf", own)
    assert found["gen2"] == Price(per_audio_minute=0.5), "the whole of it"
    assert found["gen9"] == Price(per_million_characters=1.0)
    assert found["falcon-2"] == published()["murf"]["falcon-2"]
    assert prices("acme") == {}


def test_a_configured_price_has_the_parts_of_a_published_one() -> None:
    assert set(OwnPrice.__struct_fields__) == set(AMOUNTS)


def test_a_wrong_entry_does_not_pass() -> None:
    with pytest.raises(msgspec.ValidationError, match="per_milion"):
        msgspec.convert({"per_milion_characters": 1.0}, Price)
