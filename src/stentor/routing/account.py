"""A provider as it is configured: whom to call, with which keys, how often, how long to wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stentor.providers.base import Capabilities, Provider
from stentor.providers.prices import Price
from stentor.routing.breaker import Breaker
from stentor.routing.keys import KeyRing, ProviderKey
from stentor.routing.limits import Places, Rates
from stentor.routing.transport import Timeouts

BREAKERS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Patience:
    """How much is done about failures.

    Attributes:
        retries: further calls of one segment after the first failed.
        retry_s: how long the retries of one segment may go on.
        breaker_failures, breaker_s: as `Breaker` has them.
    """

    retries: int = 4
    retry_s: float = 120.0
    breaker_failures: int = 5
    breaker_s: float = 30.0


class Account:
    """A configured provider, and how it is doing. Belongs to one event loop.

    Args:
        name: what requests call it, `name/model`.
        keys: at least one.
        models: what it has besides the provider's known models.
        concurrency: calls at once; 0 for the provider's own number.
        requests_per_minute, characters_per_minute: 0 for no limit.
        max_segment_chars: longest text of one call, if shorter than the model's; 0: the model's.
        prices: by model, where they are known.
        clock: monotonic, in seconds.
    """

    def __init__(
        self,
        name: str,
        provider: Provider,
        keys: Sequence[ProviderKey],
        *,
        models: Sequence[str] = (),
        timeouts: Timeouts = Timeouts(),  # noqa: B008
        patience: Patience = Patience(),
        concurrency: int = 0,
        requests_per_minute: int = 0,
        characters_per_minute: int = 0,
        max_segment_chars: int = 0,
        prices: Mapping[str, Price] = {},
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.provider = provider
        self.timeouts = timeouts
        self.patience = patience
        self.places = Places(concurrency or provider.concurrency)
        self.rates = Rates(requests_per_minute, characters_per_minute)
        self.keys = KeyRing(keys, clock)
        self._max_segment_chars = max_segment_chars
        self._prices = prices
        self._models = tuple(models)
        self._breakers: dict[str, Breaker] = {}
        self._clock = clock

    @property
    def models(self) -> list[str]:
        """The models that can be named in advance."""
        return list(dict.fromkeys([*self.provider.models, *self._models]))

    def has(self, model: str) -> bool:
        """Whether requests may name the model."""
        return bool(model) and (self.provider.open_models or model in self.models)

    def capabilities(self, model: str) -> Capabilities:
        return self.provider.capabilities(model)

    def max_chars(self, model: str) -> int | None:
        """The longest text of one call, in characters; None: there is no limit."""
        limits = [self._max_segment_chars, self.capabilities(model).max_chars]
        return min((limit for limit in limits if limit), default=None)

    def price(self, model: str) -> Price | None:
        return self._prices.get(model)

    def breaker(self, model: str) -> Breaker:
        if model not in self._breakers:
            if len(self._breakers) >= BREAKERS_KEPT:
                # On open models callers choose the names.
                self._breakers = {n: one for n, one in self._breakers.items() if one.wait_s > 0}
            patience = self.patience
            self._breakers[model] = Breaker(
                patience.breaker_failures, patience.breaker_s, self._clock
            )
        return self._breakers[model]
