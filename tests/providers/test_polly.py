"""Amazon Polly's adapter, beside Amazon's own client."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.config import Config

from providers.calling import NOW, against_sdk, send
from stentor.contract import DictionaryLocator
from stentor.providers.base import Script, Settings, Turn
from stentor.providers.faults import FaultKind, ProviderError
from stentor.providers.polly import Polly
from stentor.providers.wire import Delivered
from stentor.secret import Secret
from upstream import polly as vendor
from upstream.server import Upstream, running
from upstream.values import Answer, Received, Sound

KEY = Secret(vendor.KEY)
JUSTIFIED = {
    # What the SDK says of its attempts; `user-agent` is no part of the comparison.
    "header amz-sdk-invocation-id",
    "header amz-sdk-request",
    # Signed at another time; the local vendor checks both signatures.
    "header x-amz-date",
    "header authorization",
}
TEXT = "Sing, goddess – μῆνιν."


def script(**changes: object) -> Script:
    fields: dict[str, object] = {
        "model": "neural",
        "turns": (Turn(TEXT, "Joanna"),),
        "format": Polly().capabilities("neural").formats[0],
    }
    return Script(**(fields | changes))  # type: ignore[arg-type]


def provider(upstream: Upstream, region: str = "eu-central-1") -> Polly:
    return Polly(Settings(base_url=upstream.url, options={"region": region}))


def client(upstream: Upstream, token: str | None = None) -> Any:
    return boto3.client(
        "polly",
        region_name="eu-central-1",
        endpoint_url=upstream.url,
        aws_access_key_id=vendor.ACCESS_KEY,
        aws_secret_access_key=vendor.SECRET_KEY,
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


async def spoken(polly: Polly, one: Script, *, cut: int = 1000) -> tuple[bytes, Delivered]:
    """As `providers.calling.spoken`, with a key that can sign."""
    head, body = await send(polly.request(one, KEY, NOW))
    if head.status >= 300:
        raise polly.error(head, body)
    reader = polly.response(one, head)
    audio = b"".join(reader.feed(body[at : at + cut]) for at in range(0, len(body), cut))
    delivered = reader.finish()
    return audio + delivered.audio, delivered


async def test_a_plain_call_is_the_one_that_the_sdk_makes() -> None:
    async with running(vendor) as upstream:
        polly = client(upstream)

        def sdk() -> None:
            polly.synthesize_speech(
                Engine="neural",
                OutputFormat="ogg_opus",
                SampleRate="48000",
                Text=TEXT,
                VoiceId="Joanna",
            )

        found = await against_sdk(upstream, sdk, provider(upstream).request(script(), KEY, NOW))
    assert found.keys() <= JUSTIFIED, found


async def test_a_call_with_all_options_is_the_one_that_the_sdk_makes() -> None:
    async with running(vendor) as upstream:
        polly = client(upstream, vendor.SESSION_TOKEN)

        def sdk() -> None:
            polly.synthesize_speech(
                Engine="generative",
                LanguageCode="hi-IN",
                LexiconNames=["homer", "Names"],
                OutputFormat="pcm",
                SampleRate="16000",
                Text="<speak>Sing.</speak>",
                TextType="ssml",
                VoiceId="Kajal",
            )

        ours = script(
            model="generative",
            turns=(Turn("<speak>Sing.</speak>", "Kajal"),),
            format=Polly().capabilities("generative").formats[2],
            language="hi-in",
            dictionaries=(DictionaryLocator("homer"), DictionaryLocator("Names", "1")),
            extra={"TextType": "ssml"},
        )
        key = Secret(f"{vendor.KEY}:{vendor.SESSION_TOKEN}")
        found = await against_sdk(upstream, sdk, provider(upstream).request(ours, key, NOW))
        assert vendor.is_signed(upstream.received[-1])
    assert found.keys() <= JUSTIFIED, found


@pytest.mark.parametrize("page", [None, "2=="])
async def test_the_list_of_voices_is_asked_for_as_the_sdk_asks(page: str | None) -> None:
    async with running(vendor) as upstream:
        polly = client(upstream)

        def sdk() -> None:
            polly.describe_voices(**({"NextToken": page} if page else {}))

        ours = provider(upstream).voices_call(KEY, page, NOW)
        assert ours is not None
        found = await against_sdk(upstream, sdk, ours)
        assert vendor.is_signed(upstream.received[-1])
    assert found.keys() <= JUSTIFIED, found


async def test_a_call_that_was_changed_is_not_what_was_signed() -> None:
    async with running(vendor) as upstream:
        call = provider(upstream).request(script(), KEY, NOW)
        await send(call)
        good = upstream.received[-1]
    assert vendor.is_signed(good)
    for change in ({"body": good.body + b" "}, {"path": "/v1/other"}, {"query": (("a", "b"),)}):
        fields = {name: getattr(good, name) for name in Received.__dataclass_fields__}
        assert not vendor.is_signed(Received(**(fields | change)))


def test_the_signature_is_of_the_time_that_is_told() -> None:
    headers = Polly().request(script(), KEY, NOW).headers
    assert headers["X-Amz-Date"] == "20260102T030405Z"
    assert "/20260102/us-east-1/polly/aws4_request" in headers["Authorization"]
    assert vendor.SECRET_KEY not in str(headers)


@pytest.mark.parametrize("cut", [1, 3, 4096])
@pytest.mark.parametrize("place", [0, 1, 2])
async def test_audio_is_whole_however_the_answer_is_cut(place: int, cut: int) -> None:
    one = script(format=Polly().capabilities("neural").formats[place])
    async with running(vendor) as upstream:
        audio, delivered = await spoken(provider(upstream), one, cut=cut)
        whole, _ = await spoken(provider(upstream), one, cut=10**9)
    assert len(audio) > 2000 and audio == whole
    assert delivered.characters == len(TEXT)
    assert delivered.request_id == "befbcc55-4fda-4c6a-9ca0-d879deb9e633"


@pytest.mark.parametrize(
    "kind", ["auth", "quota", "rate_limited", "invalid", "not_found", "too_long", "server"]
)
async def test_refusals_are_understood(kind: FaultKind) -> None:
    async with running(vendor) as upstream:
        upstream.refusals = [kind]
        with pytest.raises(ProviderError) as caught:
            await spoken(provider(upstream), script())
    assert caught.value.kind == kind
    assert caught.value.code and caught.value.code.endswith("Exception")
    assert caught.value.message and vendor.SECRET_KEY not in caught.value.message


async def test_a_lexicon_that_is_not_there_is_not_found() -> None:
    async with running(vendor) as upstream:
        with pytest.raises(ProviderError, match="Lexicon not found: ilias") as caught:
            await spoken(provider(upstream), script(dictionaries=(DictionaryLocator("ilias"),)))
    assert caught.value.kind == "not_found"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(502, {"content-type": "text/html"}, [b"<b>Bad Gateway</b>"]), "server"),
        (Answer(400, {}, [b'{"__type": "com.amazon.polly#ThrottlingException"}']), "rate_limited"),
        (Answer(200, {"content-type": "text/html"}, [b"<b>Sign in</b>"]), "malformed"),
        (Answer(200, {"content-type": "application/json"}, [b'{"message": "no"}']), "malformed"),
        (Answer(200, {"content-type": "audio/ogg"}, []), "malformed"),
    ],
)
async def test_an_answer_that_is_no_speech_is_not_taken_for_it(
    answer: Answer, kind: FaultKind
) -> None:
    def respond(received: Received, sound: Sound) -> Answer:
        return answer

    async with running(SimpleNamespace(answer=respond, refuse=vendor.refuse)) as upstream:
        with pytest.raises(ProviderError) as caught:
            await spoken(provider(upstream), script())
    assert caught.value.kind == kind


@pytest.mark.parametrize("key", ["AKIA", "AKIA:", ":secret-of-a-test", ""])
def test_a_key_of_another_form_is_refused_without_being_quoted(key: str) -> None:
    with pytest.raises(ProviderError, match="ACCESS_KEY_ID:SECRET_ACCESS_KEY") as caught:
        Polly().request(script(), Secret(key), NOW)
    assert caught.value.kind == "auth" and "secret-of-a-test" not in caught.value.message


def test_without_botocore_calls_are_refused_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.auth", None)
    with pytest.raises(ProviderError, match="botocore, which is not installed") as caught:
        Polly().request(script(), KEY, NOW)
    assert caught.value.kind == "auth"


@pytest.mark.parametrize(
    ("tag", "code"),
    [("en-GB", "en-GB"), ("zh-CN", "cmn-CN"), ("ar", "arb"), ("en", None), ("tlh", None)],
)
def test_languages_are_called_as_polly_calls_them(tag: str, code: str | None) -> None:
    body = Polly().request(script(language=tag), KEY, NOW).body
    assert (f'"LanguageCode":"{code}"'.encode() in body) == (code is not None)
    assert (b"LanguageCode" in body) == (code is not None)


async def test_all_pages_of_voices_are_read() -> None:
    async with running(vendor) as upstream:
        polly, voices, page = provider(upstream), [], None
        while True:
            call = polly.voices_call(KEY, page, NOW)
            assert call is not None
            read = polly.read_voices((await send(call))[1])
            voices += read.voices
            page = read.next
            if page is None:
                break
    assert [(one.id, one.model, one.sample_rate) for one in voices] == [
        ("Joanna", "generative", 24_000),
        ("Joanna", "neural", 24_000),
        ("Joanna", "standard", 22_050),
        ("Kajal", "generative", 24_000),
        ("Kajal", "neural", 24_000),
        ("Celine", "standard", 22_050),
    ]
    last = voices[-1]
    assert (last.name, last.language, last.gender) == ("Céline", "fr-FR", "female")


def test_a_list_of_voices_that_is_none_is_malformed() -> None:
    with pytest.raises(ProviderError, match="list of voices") as caught:
        Polly().read_voices(b'{"Voices": [{"Name": "Joanna"}]}')
    assert caught.value.kind == "malformed"


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("us-east-1", "https://polly.us-east-1.amazonaws.com"),
        ("cn-northwest-1", "https://polly.cn-northwest-1.amazonaws.com.cn"),
        ("us-gov-west-1", "https://polly.us-gov-west-1.amazonaws.com"),
    ],
)
def test_the_region_decides_where_calls_go(region: str, url: str) -> None:
    call = Polly(Settings(options={"region": region})).request(script(), KEY, NOW)
    assert call.url == f"{url}/v1/speech"
    assert f"/{region}/polly/" in call.headers["Authorization"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"region": "evil.example/?"}, r"options\.region: 'evil\.example/\?' is not the name"),
        ({"engine": "neural"}, r"options\.engine: unknown option; polly has region"),
    ],
)
def test_bad_options_are_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Polly(Settings(options=options))
