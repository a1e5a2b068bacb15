"""Whatever goes wrong with an answer, of vendors of several kinds, is the right kind of error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from routing.speaking import TEXT, hurry, scene
from stentor.providers.base import Provider, Turn
from stentor.providers.elevenlabs import ElevenLabs
from stentor.providers.faults import FaultKind
from stentor.providers.google import Google
from stentor.providers.minimax import MiniMax
from stentor.providers.openai import OpenAI
from stentor.routing.account import Patience
from upstream import elevenlabs, google, minimax, openai
from upstream.faults import ALL, REFUSALS, Fault
from upstream.values import Answer


@dataclass(frozen=True)
class Case:
    """A vendor.

    Attributes:
        unlike: faults that are told as something else than for bare audio.
    """

    provider: type[Provider]
    vendor: Any
    model: str
    voice: str = "voice0000"
    path: str = ""
    unlike: Mapping[Fault, FaultKind] = field(default_factory=dict)


CASES = {
    "bare audio with a length": Case(OpenAI, openai, "tts-1"),
    "bare audio in chunks": Case(ElevenLabs, elevenlabs, "eleven_flash_v2_5"),
    "events, and refusals with a 200": Case(
        MiniMax,
        minimax,
        "speech-2.8-hd",
        path="/v1",
        # None of these has the event that ends a stream.
        unlike={"html_ok": "truncated", "empty": "truncated", "garbage": "truncated"},
    ),
    "one JSON document": Case(
        Google,
        google,
        "neural2",
        "en-US-Neural2-C",
        # Nothing is the beginning of every document.
        unlike={"empty": "truncated", "garbage": "malformed"},
    ),
}
# The kind, None: that is no failure, or only a decoder can tell; whether the breaker counts it.
EXPECTED: dict[Fault, tuple[FaultKind | None, bool]] = {
    "auth": ("auth", False),
    "quota": ("quota", False),
    "rate_limited": ("rate_limited", False),
    "invalid": ("invalid", False),
    "not_found": ("not_found", False),
    "too_long": ("too_long", False),
    "server": ("server", True),
    "retry_after": ("rate_limited", False),
    "html": ("server", True),
    "html_ok": ("malformed", False),
    "empty": ("malformed", False),
    "garbage": (None, False),
    "truncated": ("truncated", True),
    "truncated_chunked": ("truncated", True),
    "reset": ("truncated", True),
    "reset_before": ("network", True),
    "stall_before": ("timeout", True),
    "stall_middle": ("timeout", True),
    "slow": (None, False),
}
ONE_CALL = Patience(retries=0, breaker_failures=1)


def test_every_fault_is_looked_at() -> None:
    assert EXPECTED.keys() == set(ALL)


@pytest.mark.parametrize("fault", ALL)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_a_fault_is_told_as_what_it_is(case: Case, fault: Fault) -> None:
    kind, broken = EXPECTED[fault]
    if fault in case.unlike:
        kind = case.unlike[fault]
        broken = kind != "malformed"
    async with scene(
        provider=case.provider,
        vendor=case.vendor,
        path=case.path,
        patience=ONE_CALL,
        timeouts=hurry(fault),
    ) as at:
        at.upstream.faults, at.upstream.pace_s = [fault], 0.001
        order: dict[str, Any] = {"model": case.model, "turns": (Turn(TEXT, case.voice),)}
        if kind is None:
            await at.speak(**order)
            assert at.ear.ended == 1 and at.ear.audio
        else:
            failure = await at.failing(**order)
            assert failure.kind == kind
            assert fault != "html" or "<" not in failure.message
            if fault == "retry_after":
                assert failure.retry_after_s == 1
        assert len(at.upstream.received) == 1, "no retries were allowed"
        assert at.outcomes == [kind or "ok"]
        assert (at.account.breaker(case.model).wait_s > 0) == broken
        assert at.account.keys.refused == (kind in ("auth", "quota"))


@pytest.mark.parametrize("fault", [fault for fault in ALL if fault not in REFUSALS])
async def test_after_any_fault_the_next_call_is_in_order(fault: Fault) -> None:
    """Neither a connection nor a place is left in a state that spoils what comes."""
    async with scene(concurrency=1, timeouts=hurry(fault)) as at:
        at.upstream.faults, at.upstream.pace_s = [fault], 0.001
        await at.speak()
        whole = at.ear.audio
        if fault != "garbage":
            assert whole.startswith(b"RIFF")
        for _ in range(3):
            await at.speak()
            assert at.ear.audio.startswith(b"RIFF")
        await at.upstream.until(lambda: at.upstream.open == 1)


@pytest.mark.parametrize("fault", [fault for fault in ALL if EXPECTED[fault][1]])
async def test_what_the_vendor_or_the_network_did_wrong_is_tried_again(fault: Fault) -> None:
    async with scene(timeouts=hurry(fault)) as at:
        at.upstream.faults = [fault]
        await at.speak()
        assert len(at.upstream.received) == 2
        assert at.ear.audio.startswith(b"RIFF")
    assert at.outcomes == [EXPECTED[fault][0], "ok"]
    assert len(at.clock.slept) == 1 and at.clock.slept[0] > 0


@pytest.mark.parametrize("fault", ["invalid", "not_found", "too_long"])
async def test_what_is_wrong_with_the_request_is_not_tried_again(fault: Fault) -> None:
    async with scene(labels="ab") as at:
        at.upstream.faults = [fault]
        await at.failing(last_resort=True)
        assert len(at.upstream.received) == 1
    assert at.clock.slept == []


@pytest.mark.parametrize(
    ("status", "kind"), [(400, "invalid"), (404, "not_found"), (413, "too_long"), (422, "invalid")]
)
async def test_statuses_of_a_wrong_request_are_not_tried_again(
    status: int, kind: FaultKind
) -> None:
    vendor = SimpleNamespace(answer=lambda *_: Answer(status, {}, [b"no"]))
    async with scene(vendor=vendor, labels="ab") as at:
        failure = await at.failing(last_resort=True)
        assert (failure.kind, failure.status) == (kind, status)
        assert len(at.upstream.received) == 1
    assert at.clock.slept == []
