"""Groq's adapter, beside Groq's own client."""

from __future__ import annotations

from typing import Any

import groq
import pytest

from providers.calling import KEY, NOW, against_sdk, spoken
from stentor.providers.base import Script, Settings, Turn
from stentor.providers.faults import FaultKind, ProviderError
from stentor.providers.groq import Groq
from stentor.providers.wire import Head
from upstream import groq as vendor
from upstream.server import running

SDK_TELEMETRY = "header x-stainless"  # the SDK's word about itself and its retries
MODEL = "canopylabs/orpheus-v1-english"


def script(**changes: object) -> Script:
    fields: dict[str, object] = {
        "model": MODEL,
        "turns": (Turn("[cheerful] Sing, goddess.", "troy"),),
        "format": Groq().capabilities(MODEL).formats[0],
    }
    return Script(**(fields | changes))  # type: ignore[arg-type]


def local(url: str) -> Groq:
    return Groq(Settings(base_url=f"{url}/openai/v1"))


@pytest.mark.parametrize("extra", [{}, {"sample_rate": 48_000}])
async def test_the_call_is_the_one_that_the_sdk_makes(extra: dict[str, Any]) -> None:
    async with running(vendor) as upstream:
        client = groq.Groq(api_key=KEY.reveal(), base_url=upstream.url, max_retries=0)
        found = await against_sdk(
            upstream,
            lambda: client.audio.speech.create(
                model=MODEL,
                input="[cheerful] Sing, goddess.",
                voice="troy",
                response_format="wav",
                **extra,
            ),
            local(upstream.url).request(script(extra=extra), KEY, NOW),
        )
    assert {name for name in found if not name.startswith(SDK_TELEMETRY)} == set(), found


@pytest.mark.parametrize("cut", [1, 3, 4096])
async def test_audio_is_whole_however_the_answer_is_cut(cut: int) -> None:
    async with running(vendor) as upstream:
        audio, delivered = await spoken(local(upstream.url), script(), cut=cut)
        whole, _ = await spoken(local(upstream.url), script(), cut=10**9)
    assert audio == whole and audio[:4] == b"RIFF"
    assert delivered.request_id == "req_1"


@pytest.mark.parametrize(
    "kind", ["auth", "quota", "rate_limited", "invalid", "not_found", "too_long", "server"]
)
async def test_refusals_are_understood(kind: FaultKind) -> None:
    async with running(vendor) as upstream:
        upstream.refusals = [kind]
        with pytest.raises(ProviderError) as caught:
            await spoken(local(upstream.url), script())
    assert caught.value.kind == kind
    assert caught.value.retry_after_s == (1 if kind == "rate_limited" else None)
    assert caught.value.message and KEY.reveal() not in caught.value.message


async def test_a_text_of_the_longest_length_is_taken_and_a_longer_one_is_not() -> None:
    longest = Groq().capabilities(MODEL).max_chars
    assert longest == vendor.MAX_CHARS
    async with running(vendor) as upstream:
        await spoken(local(upstream.url), script(turns=(Turn("é" * longest, "troy"),)))
        with pytest.raises(ProviderError) as caught:
            await spoken(local(upstream.url), script(turns=(Turn("é" * (longest + 1), "troy"),)))
    assert caught.value.kind == "too_long"


def test_terms_that_nobody_accepted_are_the_accounts_matter() -> None:
    body = (
        b'{"error": {"message": "The model requires terms acceptance.",'
        b' "type": "invalid_request_error", "code": "model_terms_required"}}'
    )
    assert Groq().error(Head(400, {}), body).kind == "auth"


def test_a_request_that_is_too_large_for_the_minute_is_too_long() -> None:
    body = (
        b'{"error": {"message": "Request too large for model on tokens per minute (TPM): Limit'
        b' 1200, Requested 2000", "type": "tokens", "code": "rate_limit_exceeded"}}'
    )
    assert Groq().error(Head(413, {}), body).kind == "too_long"


def test_a_page_instead_of_an_error_is_read_as_words() -> None:
    error = Groq().error(Head(502, {}), b"<html><h1>Bad gateway</h1></html>")
    assert (error.kind, error.message) == ("server", "Bad gateway")


def test_an_error_with_a_good_status_is_no_audio() -> None:
    reader = Groq().response(script(), Head(200, {"content-type": "application/json"}))
    reader.feed(b'{"error": {"message": "Overloaded."}}')
    with pytest.raises(ProviderError, match="Overloaded") as caught:
        reader.finish()
    assert caught.value.kind == "malformed"


def test_voices_are_those_of_the_model() -> None:
    english = Groq().known_voices(MODEL)
    arabic = Groq().known_voices("canopylabs/orpheus-arabic-saudi")
    assert [voice.id for voice in english][:2] == ["autumn", "diana"]
    assert {(voice.language, voice.gender) for voice in arabic} == {
        ("ar-SA", "male"),
        ("ar-SA", "female"),
    }
    assert Groq().voices_call(KEY, None, NOW) is None


def test_options_are_unknown_to_it() -> None:
    with pytest.raises(ValueError, match=r"options\.region: unknown"):
        Groq(Settings(options={"region": "eu"}))
