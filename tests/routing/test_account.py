"""What an account has, and what its configuration changes."""

from __future__ import annotations

import pytest

from routing.speaking import Clock, keys
from routing.virtual_time import now, run
from stentor.providers.base import Capabilities, Settings
from stentor.providers.elevenlabs import ElevenLabs
from stentor.providers.openai import OpenAI
from stentor.providers.prices import Price
from stentor.routing.account import Account, Patience


def test_the_providers_models_come_first_and_each_once() -> None:
    account = Account("mine", OpenAI(), keys("a"), models=["tts-2", "tts-1"])
    assert account.models == [*OpenAI().models, "tts-2"]


def test_a_model_can_be_named_if_it_is_listed_or_the_provider_takes_any() -> None:
    account = Account("mine", OpenAI(), keys("a"), models=["tts-2"])
    assert account.has("tts-1") and account.has("tts-2")
    assert not account.has("tts-3") and not account.has("")
    own = Account("mine", OpenAI(Settings(base_url="http://127.0.0.1")), keys("a"))
    assert own.models == [] and own.has("any") and not own.has("")


@pytest.mark.parametrize(("own", "expected"), [(0, 4096), (100, 100), (5000, 4096)])
def test_texts_are_no_longer_than_the_model_and_the_configuration_allow(
    own: int, expected: int
) -> None:
    account = Account("mine", OpenAI(), keys("a"), max_segment_chars=own)
    assert account.max_chars("tts-1") == expected


@pytest.mark.parametrize(("own", "expected"), [(0, None), (100, 100)])
def test_a_model_without_a_limit_has_the_configurations(
    own: int, expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = ElevenLabs()
    monkeypatch.setattr(ElevenLabs, "models", {"m": Capabilities(formats=())})
    assert Account("mine", provider, keys("a"), max_segment_chars=own).max_chars("m") == expected


def test_as_many_calls_at_once_as_configured_or_as_the_provider_allows() -> None:
    assert Account("mine", OpenAI(), keys("a")).places.size == OpenAI.concurrency
    assert Account("mine", OpenAI(), keys("a"), concurrency=3).places.size == 3


@pytest.mark.parametrize(
    ("limits", "expected_s"),
    [({"requests_per_minute": 60}, 4), ({"characters_per_minute": 600}, 14), ({}, 0)],
)
def test_calls_wait_for_the_configured_rates(limits: dict[str, int], expected_s: float) -> None:
    """A tenth of a minute's worth goes at once."""

    async def ten_calls() -> float:
        account = Account("mine", OpenAI(), keys("a"), **limits)  # type: ignore[arg-type]
        began = now()
        for _ in range(10):
            await account.rates.wait(20)
        return now() - began

    assert run(ten_calls()) == pytest.approx(expected_s, abs=0.01)


def test_each_model_has_a_breaker_of_its_own_with_the_configured_patience() -> None:
    clock = Clock()
    patience = Patience(breaker_failures=2, breaker_s=7)
    account = Account("mine", OpenAI(), keys("a"), patience=patience, clock=clock)
    for _ in range(2):
        account.breaker("tts-1").failed()
    assert account.breaker("tts-1").wait_s == 7
    assert account.breaker("tts-1-hd").wait_s == 0
    clock.now += 7
    assert account.breaker("tts-1").wait_s == 0


def test_only_known_prices_are_told() -> None:
    price = Price(per_million_characters=15)
    account = Account("mine", OpenAI(), keys("ab"), prices={"tts-1": price})
    assert account.price("tts-1") == price and account.price("tts-1-hd") is None
    assert [one.label for one in account.keys.in_turn] == ["a", "b"]
