"""MiniMax's adapter. MiniMax publishes no client of its own to compare it with."""

from __future__ import annotations

import json
from typing import Any

import pytest

from providers.calling import KEY, NOW, send, spoken
from stentor.providers.base import Script, Settings, Turn
from stentor.providers.faults import FaultKind, ProviderError
from stentor.providers.minimax import MiniMax
from stentor.providers.wire import Delivered, Head
from upstream import minimax as vendor
from upstream.server import running


def script(**changes: Any) -> Script:
    fields: dict[str, Any] = {
        "model": "speech-2.8-hd",
        "turns": (Turn("Sing, goddess – grüßend.", "English_expressive_narrator"),),
        "format": MiniMax().capabilities("speech-2.8-hd").formats[0],
    }
    return Script(**(fields | changes))


def adapter(url: str, **options: str) -> MiniMax:
    return MiniMax(Settings(base_url=f"{url}/v1", options=options))


def sent(ours: Script, **options: str) -> dict[str, Any]:
    """The body of a call."""
    body: dict[str, Any] = json.loads(
        MiniMax(Settings(options=options)).request(ours, KEY, NOW).body
    )
    return body


def read(*events: bytes) -> tuple[bytes, Delivered]:
    reader = MiniMax().response(script(), Head(200, {"content-type": "text/event-stream"}))
    audio = b"".join(reader.feed(event) for event in events)
    delivered = reader.finish()
    return audio + delivered.audio, delivered


def event(**document: Any) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def test_the_call_is_the_one_of_the_reference() -> None:
    call = MiniMax().request(script(), KEY, NOW)
    assert (call.method, call.url) == ("POST", "https://api.minimax.io/v1/t2a_v2")
    assert call.headers == {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {KEY.reveal()}",
    }
    assert json.loads(call.body) == {
        "model": "speech-2.8-hd",
        "text": "Sing, goddess – grüßend.",
        "stream": True,
        "stream_options": {"exclude_aggregated_audio": True},
        "voice_setting": {"voice_id": "English_expressive_narrator"},
        "audio_setting": {"format": "pcm", "sample_rate": 32_000, "channel": 1},
    }


def test_all_options_are_sent_under_the_vendors_names() -> None:
    formats = MiniMax().capabilities("speech-2.8-hd").formats
    body = sent(
        script(
            speed=1.5,
            language="pt-BR",
            format=next(one for one in formats if one.name == "mp3"),
            extra={
                "voice_setting": {"emotion": "calm", "pitch": -2},
                "pronunciation_dict": {"tone": ["omg/oh my god"]},
            },
        )
    )
    assert body["voice_setting"] == {
        "voice_id": "English_expressive_narrator",
        "speed": 1.5,
        "emotion": "calm",
        "pitch": -2,
    }
    assert body["language_boost"] == "Portuguese"
    assert body["pronunciation_dict"] == {"tone": ["omg/oh my god"]}
    assert body["audio_setting"] == {"format": "mp3", "sample_rate": 32_000, "channel": 1}


def test_the_vendors_own_settings_do_not_replace_the_voice() -> None:
    body = sent(script(extra={"voice_setting": {"voice_id": "another", "vol": 2}}))
    assert body["voice_setting"] == {"voice_id": "English_expressive_narrator", "vol": 2}


def test_settings_that_are_no_object_are_left_for_the_vendor_to_refuse() -> None:
    assert sent(script(extra={"voice_setting": 3}))["voice_setting"] == 3


@pytest.mark.parametrize(
    ("model", "language", "boost"),
    [
        ("speech-2.8-hd", "zh-TW", "Chinese"),
        ("speech-2.8-hd", "zh-HK", "Chinese,Yue"),
        ("speech-2.8-hd", "yue", "Chinese,Yue"),
        ("speech-2.8-hd", "nb-NO", "Norwegian"),
        ("speech-2.8-hd", "nn", "Nynorsk"),
        ("speech-2.8-hd", "tl", "Filipino"),
        ("speech-2.8-hd", "cy", None),
        ("speech-02-hd", "fa", None),
        ("speech-02-hd", "EN-gb", "English"),
    ],
)
def test_languages_have_the_vendors_names(model: str, language: str, boost: str | None) -> None:
    assert sent(script(model=model, language=language)).get("language_boost") == boost


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({"region": "cn"}, "https://api.minimaxi.com/v1/t2a_v2"),
        ({"region": "us-west"}, "https://api-uw.minimax.io/v1/t2a_v2"),
        ({"group_id": "1684"}, "https://api.minimax.io/v1/t2a_v2?GroupId=1684"),
    ],
)
def test_options_choose_the_server_and_the_group(options: dict[str, str], url: str) -> None:
    assert MiniMax(Settings(options=options)).request(script(), KEY, NOW).url == url


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"region": "mars"}, r"options\.region: 'mars'; expected one of global, us-west, cn"),
        ({"group_id": "1&x=2"}, r"options\.group_id: '1&x=2'; expected letters"),
        ({"group": "1"}, r"options\.group: unknown option; minimax has region, group_id"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MiniMax(Settings(options=options))


@pytest.mark.parametrize("cut", [1, 3, 4096])
async def test_audio_is_whole_however_the_answer_is_cut(cut: int) -> None:
    async with running(vendor) as upstream:
        audio, delivered = await spoken(adapter(upstream.url), script(), cut=cut)
    assert len(audio) == 32_000 * 2
    assert delivered.characters == len(script().text)
    assert delivered.request_id == vendor.TRACE


def test_audio_that_comes_once_more_at_the_end_is_heard_once() -> None:
    body = sent(script())
    clip = bytes(range(250)) * 4
    assert read(*vendor.events(body, clip, again=True))[0] == clip
    assert read(*vendor.events(body, clip, again=False))[0] == clip


def test_the_last_event_may_hold_all_of_a_short_text_or_the_last_of_a_long_one() -> None:
    assert read(event(data={"audio": "0102", "status": 2}))[0] == b"\1\2"
    first = event(data={"audio": "0102", "status": 1})
    assert read(first, event(data={"audio": "0304", "status": 2}))[0] == b"\1\2\3\4"
    assert read(first, event(data={"audio": "01020304", "status": 2}))[0] == b"\1\2\3\4"


async def test_cloned_and_system_voices_are_listed() -> None:
    async with running(vendor) as upstream:
        provider = adapter(upstream.url)
        call = provider.voices_call(KEY, None, NOW)
        assert (call.method, call.body) == ("POST", b'{"voice_type":"all"}')
        _, body = await send(call)
    page = provider.read_voices(body)
    assert page.next is None
    assert [(one.id, one.name, one.language) for one in page.voices] == [
        ("mine001", "mine001", None),
        ("English_expressive_narrator", "Expressive Narrator", "en"),
        ("Chinese (Mandarin)_Reliable_Executive", "Reliable Executive", "zh"),
        ("male-qn-qingse", "青涩青年音色", None),
    ]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"system_voice": [{}]}', b"\xff"])
def test_a_list_of_voices_that_is_none_is_malformed(body: bytes) -> None:
    with pytest.raises(ProviderError) as caught:
        MiniMax().read_voices(body)
    assert caught.value.kind == "malformed"


def test_a_refused_list_of_voices_is_told_as_what_it_is() -> None:
    body = b'{"base_resp": {"status_code": 1004, "status_msg": "login fail"}}'
    with pytest.raises(ProviderError, match="login fail") as caught:
        MiniMax().read_voices(body)
    assert caught.value.kind == "auth"


@pytest.mark.parametrize(
    "kind", ["auth", "quota", "rate_limited", "invalid", "not_found", "too_long", "server"]
)
async def test_refusals_with_status_200_are_understood(kind: FaultKind) -> None:
    async with running(vendor) as upstream:
        upstream.refusals = [kind]
        with pytest.raises(ProviderError) as caught:
            await spoken(adapter(upstream.url), script())
    assert caught.value.kind == kind
    assert caught.value.message and KEY.reveal() not in caught.value.message
    assert caught.value.code is not None and caught.value.code.isdigit()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1001, "timeout"),
        (1013, "server"),
        (1026, "invalid"),
        (1028, "quota"),
        (1039, "rate_limited"),
        (1041, "rate_limited"),
        (1042, "invalid"),
        (2042, "not_found"),
        (2049, "auth"),
        (2061, "auth"),
        (99_999, "server"),
    ],
)
def test_codes_mean_what_the_reference_says(code: int, kind: FaultKind) -> None:
    with pytest.raises(ProviderError, match="in words") as caught:
        read(
            event(data={"audio": "0102", "status": 1}),
            event(base_resp={"status_code": code, "status_msg": "in words"}),
        )
    assert (caught.value.kind, caught.value.code) == (kind, str(code))


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, b'{"base_resp": {"status_code": 1008, "status_msg": "empty"}}', "quota"),
        (429, b"slow down", "rate_limited"),
        (401, b'{"type": "error", "error": {"message": "invalid api key"}}', "auth"),
        (502, b"<html><body>Bad Gateway</body></html>", "server"),
        (400, b"[]", "invalid"),
    ],
)
def test_statuses_are_understood_too(status: int, body: bytes, kind: FaultKind) -> None:
    error = MiniMax().error(Head(status, {"retry-after": "1"}), body)
    assert (error.kind, error.status, error.retry_after_s) == (kind, status, 1)
    assert "<" not in error.message


async def test_a_call_without_a_key_is_refused() -> None:
    async with running(vendor) as upstream:
        provider = adapter(upstream.url)
        head, body = await send(provider.request(script(), None, NOW))
    reader = provider.response(script(), head)
    with pytest.raises(ProviderError) as caught:
        reader.feed(body)
        reader.finish()
    assert caught.value.kind == "auth"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (event(data={"audio": "0102", "status": 1}), "truncated"),
        (b'data: {"data": {"audio": "01', "truncated"),
        (b"", "truncated"),
        (event(data={"audio": "xyz", "status": 1}), "malformed"),
        (event(data=[3]), "malformed"),
        (event(data={"status": 2}), "malformed"),
        (b"data: [1]\n", "malformed"),
    ],
)
def test_an_answer_that_is_not_whole_is_an_error(body: bytes, kind: FaultKind) -> None:
    with pytest.raises(ProviderError) as caught:
        read(body)
    assert caught.value.kind == kind
