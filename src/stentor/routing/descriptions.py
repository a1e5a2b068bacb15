"""What is told of models, for `GET /v1/models`."""

from __future__ import annotations

from stentor.contract import RESPONSE_FORMATS, Model, ModelCapabilities, ModelPrice
from stentor.engines.base import EngineModel
from stentor.routing.account import Account


def describe_local(model: EngineModel) -> Model:
    """A model in this machine."""
    return Model(
        id=f"{model.engine}/{model.name}",
        owned_by=model.engine,
        name=model.name,
        languages=model.languages,
        sample_rate=model.sample_rate,
        capabilities=ModelCapabilities(
            streaming=True, timestamps="word" if model.timestamps else None, dictionaries=True
        ),
    )


def describe_remote(account: Account, name: str) -> Model:
    """A vendor's model."""
    can = account.capabilities(name)
    price = account.price(name)
    spoken = dict.fromkeys(one.form.encoding for one in can.formats)
    return Model(
        id=f"{account.name}/{name}",
        owned_by=account.name,
        name=name,
        languages=list(can.languages or ()),
        sample_rate=can.formats[0].form.sample_rate,
        capabilities=ModelCapabilities(
            formats=[one for one in RESPONSE_FORMATS if one in spoken],
            max_chars=account.max_chars(name),
            max_bytes=can.max_bytes,
            speed=None if can.speed is None else list(can.speed),
            speakers=can.speakers,
            instructions=can.instructions,
            timestamps=can.timestamps,
            dictionaries=can.dictionaries,
            context=can.context,
            streaming=can.streaming,
            no_logging=can.no_logging,
            low_latency=can.low_latency,
            extra_params=list(can.extra),
        ),
        price=None
        if price is None
        else ModelPrice(
            per_million_characters=price.per_million_characters,
            per_million_bytes=price.per_million_bytes,
            per_million_input_tokens=price.per_million_input_tokens,
            per_million_output_tokens=price.per_million_output_tokens,
            per_audio_minute=price.per_audio_minute,
            source=price.source,
            date=price.date,
        ),
    )
