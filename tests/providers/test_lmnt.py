"""LMNT's adapter, beside LMNT's own client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lmnt
import pytest

from providers.calling import KEY, NOW, against_sdk, send, spoken
from stentor.providers.base import Script, Settings, Turn
from stentor.providers.faults import FaultKind, ProviderError
from stentor.providers.lmnt import Lmnt
from stentor.providers.wire import Head
from upstream import lmnt as vendor
from upstream.server import Upstream, running

TEXT = "Sing, goddess: die Wörter kosten 5 € – 你好 😀, naïve café."
FORMATS = Lmnt().capabilities("blizzard").formats
# What the client says of itself and its machine.
SDK_ABOUT_ITSELF = "header x-lmnt-"


def script(**changes: Any) -> Script:
    fields = {"model": "blizzard", "turns": (Turn(TEXT, "leah"),), "format": FORMATS[0]}
    return Script(**(fields | changes))


def adapter(upstream: Upstream) -> Lmnt:
    return Lmnt(Settings(base_url=upstream.url))


def client(upstream: Upstream) -> lmnt.Lmnt:
    return lmnt.Lmnt(api_key=KEY.reveal(), base_url=upstream.url, max_retries=0)


async def unlike(sdk: Callable[[lmnt.Lmnt], Any], ours: Script) -> dict[str, tuple[Any, Any]]:
    """What differs from the SDK's call, besides what the SDK says of itself."""
    async with running(vendor) as upstream:
        call = adapter(upstream).request(ours, KEY, NOW)
        found = await against_sdk(upstream, lambda: sdk(client(upstream)), call)
    return {name: pair for name, pair in found.items() if not name.startswith(SDK_ABOUT_ITSELF)}


async def test_a_plain_call_is_the_one_that_the_sdk_makes() -> None:
    def sdk(client: lmnt.Lmnt) -> Any:
        return client.speech.generate(
            text=TEXT, voice="leah", model="blizzard", format="pcm_s16le", sample_rate=24000
        )

    assert await unlike(sdk, script()) == {}


async def test_a_call_with_all_options_is_the_one_that_the_sdk_makes() -> None:
    def sdk(client: lmnt.Lmnt) -> Any:
        return client.speech.generate(
            text=TEXT,
            voice="leah",
            model="blizzard",
            format="mp3",
            sample_rate=24000,
            language="de",
            temperature=0.3,
            top_p=0.9,
        )

    mp3 = next(one for one in FORMATS if one.name == "mp3")
    ours = script(format=mp3, language="de-AT", extra={"temperature": 0.3, "top_p": 0.9})
    assert await unlike(sdk, ours) == {}


async def test_a_call_with_timestamps_is_the_one_that_the_sdk_makes() -> None:
    def sdk(client: lmnt.Lmnt) -> Any:
        return client.speech.generate_detailed(
            text=TEXT,
            voice="leah",
            model="blizzard",
            format="pcm_s16le",
            sample_rate=24000,
            return_timestamps=True,
        )

    assert await unlike(sdk, script(timestamps=True)) == {}


async def test_the_list_of_voices_is_the_one_that_the_sdk_asks_for() -> None:
    async with running(vendor) as upstream:
        call = adapter(upstream).voices_call(KEY, None, NOW)
        found = await against_sdk(upstream, lambda: client(upstream).voices.list(), call)
    assert {name for name in found if not name.startswith(SDK_ABOUT_ITSELF)} <= {
        "header content-type"  # of a body that is not there
    }


@pytest.mark.parametrize("cut", [1, 3, 4096])
@pytest.mark.parametrize("timestamps", [False, True])
async def test_audio_is_whole_however_the_answer_is_cut(cut: int, timestamps: bool) -> None:
    async with running(vendor) as upstream:
        audio, delivered = await spoken(adapter(upstream), script(timestamps=timestamps), cut=cut)
    assert len(audio) == 2 * 24_000 * max(1, round(len(TEXT) * 0.06))
    assert delivered.request_id == "req_lmnt"


async def test_words_are_timed() -> None:
    async with running(vendor) as upstream:
        _, delivered = await spoken(adapter(upstream), script(timestamps=True))
    assert delivered.alignment is not None and delivered.alignment.unit == "word"
    timings = delivered.alignment.timings
    assert [TEXT[t.start : t.end] for t in timings] == [
        "Sing", "goddess", "die", "Wörter", "kosten", "5", "你好", "naïve", "café",
    ]  # fmt: skip
    assert all((t.start_ms, t.end_ms) == (t.start * 60, t.end * 60) for t in timings)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"audio": "AAA', "truncated"),
        (b"", "truncated"),
        (b'{"timestamps": []}', "malformed"),
        (b'{"audio": "%"}', "malformed"),
        (b'{"audio": ""}', "malformed"),
        (b'{"audio": "AAAA", "timestamps": [{"text": "a"}]}', "malformed"),
        (b"[]", "malformed"),
    ],
)
def test_what_is_wrong_with_a_document_is_told(body: bytes, kind: FaultKind) -> None:
    reader = Lmnt().response(script(timestamps=True), Head(200, {}))
    reader.feed(body)
    with pytest.raises(ProviderError) as caught:
        reader.finish()
    assert caught.value.kind == kind


def test_a_document_without_timings_is_audio_all_the_same() -> None:
    reader = Lmnt().response(script(timestamps=True), Head(200, {}))
    reader.feed(b'{"audio": "AAAA", "timestamps": null}')
    assert (delivered := reader.finish()).audio == b"\0\0\0" and delivered.alignment is None


@pytest.mark.parametrize(
    "kind",
    ["auth", "quota", "rate_limited", "invalid", "not_found", "too_long", "server"],
)
async def test_refusals_are_understood(kind: FaultKind) -> None:
    async with running(vendor) as upstream:
        upstream.refusals = [kind]
        with pytest.raises(ProviderError) as caught:
            await spoken(adapter(upstream), script())
    assert caught.value.kind == kind
    assert caught.value.retry_after_s == (1 if kind == "rate_limited" else None)
    assert caught.value.code and caught.value.message
    assert KEY.reveal() not in caught.value.message


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        ("html", ("server",)),
        ("html_ok", ("malformed",)),
        ("empty", ("malformed", "truncated")),
    ],
)
@pytest.mark.parametrize("timestamps", [False, True])
async def test_what_is_no_answer_of_the_vendor_is_refused(
    fault: Any, kinds: tuple[FaultKind, ...], timestamps: bool
) -> None:
    async with running(vendor) as upstream:
        upstream.faults = [fault]
        with pytest.raises(ProviderError) as caught:
            await spoken(adapter(upstream), script(timestamps=timestamps))
    assert caught.value.kind in kinds


async def test_every_form_is_asked_for_as_the_vendor_takes_it() -> None:
    async with running(vendor) as upstream:
        for one in FORMATS:
            assert (await spoken(adapter(upstream), script(format=one)))[0]


async def test_voices_that_can_speak_are_listed() -> None:
    async with running(vendor) as upstream:
        provider = adapter(upstream)
        _, body = await send(provider.voices_call(KEY, None, NOW))
    page = provider.read_voices(body)
    assert page.next is None
    assert [(voice.id, voice.gender) for voice in page.voices] == [
        ("leah", "female"),
        ("miles", "male"),
        ("ansel", None),
    ]


def test_a_list_of_voices_that_is_none_is_refused() -> None:
    with pytest.raises(ProviderError, match="no list of voices"):
        Lmnt().read_voices(b'{"error": {}}')


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ValueError, match=r"options\.region: unknown option"):
        Lmnt(Settings(options={"region": "eu"}))
