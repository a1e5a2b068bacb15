"""Google Cloud Text-to-Speech's adapter, beside Google's own client."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from google.auth.api_key import Credentials as ApiKey
from google.cloud import texttospeech_v1, texttospeech_v1beta1
from google.cloud.texttospeech_v1.services.text_to_speech.transports import rest
from google.cloud.texttospeech_v1beta1.services.text_to_speech.transports import rest as beta_rest
from google.oauth2 import service_account

from providers.calling import KEY, NOW, against_sdk, send, spoken
from stentor.providers.base import Script, Settings, Turn
from stentor.providers.faults import FaultKind, ProviderError
from stentor.providers.google import SCOPE, Google
from stentor.providers.wire import Head
from stentor.secret import Secret
from upstream import google as vendor
from upstream.server import Upstream, running
from upstream.values import Answer, Received, Sound

JUSTIFIED = {
    "header x-goog-api-client",  # what the SDK says of itself
    "query $alt",  # it wants enumerations as numbers,
    "body.audioConfig.audioEncoding",  # and sends them so
    "body.enableTimePointing[0]",
}
VOICE = "en-US-Neural2-C"
TEXT = "Sing, goddess – μῆνιν & <wrath>, 𝔸chilles!"


def script(**changes: object) -> Script:
    model = str(changes.get("model", "neural2"))
    fields: dict[str, object] = {
        "model": model,
        "turns": (Turn(TEXT, VOICE),),
        "format": Google().capabilities(model).formats[0],
    }
    return Script(**(fields | changes))  # type: ignore[arg-type]


def provider(upstream: Upstream) -> Google:
    return Google(Settings(base_url=upstream.url))


def client(
    upstream: Upstream, module: ModuleType = texttospeech_v1, credentials: Any = None
) -> Any:
    """The SDK's client; its transport takes http, but not from its options."""
    transports = rest if module is texttospeech_v1 else beta_rest
    transport = transports.TextToSpeechRestTransport(
        host=upstream.url.removeprefix("http://"),
        url_scheme="http",
        credentials=credentials or ApiKey(KEY.reveal()),
        always_use_jwt_access=True,
    )
    return module.TextToSpeechClient(transport=transport)


def synthesis(
    upstream: Upstream,
    said: dict[str, Any],
    voice: dict[str, Any],
    audio: dict[str, Any] | None = None,
    *,
    module: ModuleType = texttospeech_v1,
    credentials: Any = None,
    **more: Any,
) -> Callable[[], Any]:
    google = client(upstream, module, credentials)
    request = {
        "input": said,
        "voice": voice,
        "audio_config": {"audio_encoding": "LINEAR16"} | (audio or {}),
    }

    def sdk() -> None:
        google.synthesize_speech(request=module.SynthesizeSpeechRequest(request | more), retry=None)

    return sdk


async def test_a_plain_call_is_the_one_that_the_sdk_makes() -> None:
    async with running(vendor) as upstream:
        sdk = synthesis(upstream, {"text": TEXT}, {"language_code": "en-US", "name": VOICE})
        found = await against_sdk(upstream, sdk, provider(upstream).request(script(), KEY, NOW))
    assert found.keys() <= JUSTIFIED, found


async def test_a_call_with_all_options_is_the_one_that_the_sdk_makes() -> None:
    async with running(vendor) as upstream:
        sdk = synthesis(
            upstream,
            {"text": TEXT},
            {"language_code": "cmn-CN", "name": "cmn-CN-Wavenet-B"},
            {
                "audio_encoding": "OGG_OPUS",
                "speaking_rate": 1.5,
                "pitch": -2.5,
                "effects_profile_id": ["handset-class-device"],
            },
        )
        ours = script(
            model="wavenet",
            turns=(Turn(TEXT, "cmn-CN-Wavenet-B"),),
            format=Google().capabilities("wavenet").formats[1],
            language="zh-CN",
            speed=1.5,
            extra={"pitch": -2.5, "effectsProfileId": ["handset-class-device"]},
        )
        found = await against_sdk(upstream, sdk, provider(upstream).request(ours, KEY, NOW))
    assert found.keys() <= JUSTIFIED, found


async def test_a_pronunciation_is_given_as_the_sdk_gives_it() -> None:
    async with running(vendor) as upstream:
        sdk = synthesis(
            upstream,
            {
                "text": TEXT,
                "custom_pronunciations": {
                    "pronunciations": [{"phrase": "Sing", "pronunciation": "sɪŋ"}]
                },
            },
            {"language_code": "en-US", "name": "en-US-Chirp3-HD-Kore"},
        )
        said = {"pronunciations": [{"phrase": "Sing", "pronunciation": "sɪŋ"}]}
        ours = script(
            model="chirp3-hd",
            turns=(Turn(TEXT, "en-US-Chirp3-HD-Kore"),),
            extra={"customPronunciations": said},
        )
        found = await against_sdk(upstream, sdk, provider(upstream).request(ours, KEY, NOW))
    assert found.keys() <= JUSTIFIED, found


async def test_a_call_for_timestamps_is_the_one_that_the_sdk_makes() -> None:
    ssml = '<speak><mark name="0"/>Sing, <mark name="1"/>&lt;goddess&gt;.<mark name="2"/></speak>'
    async with running(vendor) as upstream:
        sdk = synthesis(
            upstream,
            {"ssml": ssml},
            {"language_code": "en-US", "name": VOICE},
            module=texttospeech_v1beta1,
            enable_time_pointing=["SSML_MARK"],
        )
        ours = script(turns=(Turn("Sing, <goddess>.", VOICE),), timestamps=True)
        found = await against_sdk(upstream, sdk, provider(upstream).request(ours, KEY, NOW))
    assert found.keys() <= JUSTIFIED, found


async def test_a_dialogue_with_directions_is_the_call_that_the_sdk_makes() -> None:
    model = "gemini-2.5-flash-tts"
    async with running(vendor) as upstream:
        turns = [
            {"speaker": "Speaker1", "text": "Sing."},
            {"speaker": "Speaker2", "text": " Of what?"},
            {"speaker": "Speaker1", "text": " Of μῆνιν."},
        ]
        speakers = [
            {"speaker_alias": "Speaker1", "speaker_id": "Kore"},
            {"speaker_alias": "Speaker2", "speaker_id": "Puck"},
        ]
        sdk = synthesis(
            upstream,
            {"multi_speaker_markup": {"turns": turns}, "prompt": "Slowly."},
            {
                "language_code": "el-GR",
                "model_name": model,
                "multi_speaker_voice_config": {"speaker_voice_configs": speakers},
            },
        )
        ours = script(
            model=model,
            turns=(
                Turn("Sing.", "Kore", "Ann"),
                Turn(" Of what?", "Puck", "Bob"),
                Turn(" Of μῆνιν.", "Kore", "Ann"),
            ),
            instructions="Slowly.",
            language="el-GR",
        )
        found = await against_sdk(upstream, sdk, provider(upstream).request(ours, KEY, NOW))
    assert found.keys() <= JUSTIFIED, found


async def test_the_list_of_voices_is_asked_for_as_the_sdk_asks() -> None:
    async with running(vendor) as upstream:
        google = client(upstream)
        ours = provider(upstream).voices_call(KEY, None, NOW)
        assert ours is not None
        found = await against_sdk(upstream, google.list_voices, ours)
    # There is no content that could be of a type.
    assert found.keys() <= JUSTIFIED | {"header content-type"}, found


async def test_a_service_account_signs_what_the_sdk_signs() -> None:
    key = Secret(vendor.service_account())
    credentials = service_account.Credentials.from_service_account_info(
        json.loads(key.reveal()), scopes=[SCOPE]
    )
    async with running(vendor) as upstream:
        sdk = synthesis(
            upstream,
            {"text": TEXT},
            {"language_code": "en-US", "name": VOICE},
            credentials=credentials.with_always_use_jwt_access(True),
        )
        found = await against_sdk(upstream, sdk, provider(upstream).request(script(), key, NOW))
    theirs, ours = map(vendor.claims, found.pop("header authorization"))
    assert found.keys() <= JUSTIFIED, found
    assert ours["exp"] - ours["iat"] == theirs["exp"] - theirs["iat"] == 3600
    assert ours["iat"] == int(NOW.timestamp())
    for times in ("exp", "iat"):
        del theirs[times], ours[times]
    assert ours == theirs


async def test_a_token_is_signed_anew_before_it_ends() -> None:
    google, key = Google(), Secret(vendor.service_account())
    tokens = [
        google.request(script(), key, NOW + timedelta(minutes=minutes)).headers["Authorization"]
        for minutes in (0, 49, 51)
    ]
    assert tokens[0] == tokens[1] != tokens[2]


def test_without_google_auth_a_service_account_is_refused_with_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "google.auth", None)
    with pytest.raises(ProviderError, match="needs the package google-auth") as caught:
        Google().request(script(), Secret(vendor.service_account()), NOW)
    assert caught.value.kind == "auth"
    assert Google().request(script(), KEY, NOW).headers["X-Goog-Api-Key"] == KEY.reveal()


@pytest.mark.parametrize("key", ['{"private_key": "x-secret"', '{"private_key": "x-secret"}', "{}"])
def test_json_that_is_no_key_file_is_refused_without_being_quoted(key: str) -> None:
    with pytest.raises(ProviderError, match="not a service account's key file") as caught:
        Google().request(script(), Secret(key), NOW)
    assert caught.value.kind == "auth"
    assert "x-secret" not in caught.value.message


@pytest.mark.parametrize("cut", [1, 3, 4096])
async def test_audio_is_whole_however_the_answer_is_cut(cut: int) -> None:
    one = script(turns=(Turn("Sing.", VOICE),))
    async with running(vendor) as upstream:
        audio, delivered = await spoken(provider(upstream), one, cut=cut)
        whole, _ = await spoken(provider(upstream), one, cut=10**9)
    assert audio.startswith(b"RIFF") and audio == whole
    assert delivered.alignment is None


@pytest.mark.parametrize("cut", [1, 4096])
async def test_words_are_timed_where_they_are(cut: int) -> None:
    async with running(vendor) as upstream:
        _, delivered = await spoken(provider(upstream), script(timestamps=True), cut=cut)
    assert delivered.alignment is not None and delivered.alignment.unit == "word"
    timings = delivered.alignment.timings
    assert [TEXT[one.start : one.end] for one in timings] == TEXT.split()
    assert [one.start_ms for one in timings] == [one.start * 60 for one in timings]
    assert timings[-1].end_ms == len(TEXT) * 60
    assert all(one.end_ms == two.start_ms for one, two in pairwise(timings))


async def test_a_word_without_a_time_belongs_to_the_one_before() -> None:
    times = [{"markName": "0", "timeSeconds": 0.5}, {"markName": "2", "timeSeconds": 1.0}]
    body = {"audioContent": "AAAA", "timepoints": [*times, {"markName": "9", "timeSeconds": 2}]}
    one = script(turns=(Turn("Sing, o goddess.", VOICE),), timestamps=True)
    reader = Google().response(one, Head(200, {}))
    reader.feed(json.dumps(body).encode())
    alignment = reader.finish().alignment
    assert alignment is not None
    assert [(one.start, one.end, one.start_ms, one.end_ms) for one in alignment.timings] == [
        (0, 7, 500, 1000)
    ]


async def test_a_text_too_long_for_marks_at_all_words_gets_fewer() -> None:
    text = " ".join(["anger"] * 400)
    async with running(vendor) as upstream:
        ours = script(turns=(Turn(text, VOICE),), timestamps=True)
        _, delivered = await spoken(provider(upstream), ours)
    assert delivered.alignment is not None
    timings = delivered.alignment.timings
    assert 100 < len(timings) < 400
    assert (timings[0].start, timings[-1].end) == (0, len(text))


async def test_what_xml_cannot_hold_is_left_out_of_ssml() -> None:
    text = "Sing,\x0bgoddess\ufffe."
    async with running(vendor) as upstream:
        ours = script(turns=(Turn(text, VOICE),), timestamps=True)
        _, delivered = await spoken(provider(upstream), ours)
        sent = upstream.received[-1].json()["input"]["ssml"]
    assert "\x0b" not in sent and "\ufffe" not in sent
    assert delivered.alignment is not None and delivered.alignment.timings[-1].end == len(text)


@pytest.mark.parametrize(
    "kind", ["auth", "quota", "rate_limited", "invalid", "not_found", "too_long", "server"]
)
async def test_refusals_are_understood(kind: FaultKind) -> None:
    async with running(vendor) as upstream:
        upstream.refusals = [kind]
        with pytest.raises(ProviderError) as caught:
            await spoken(provider(upstream), script())
    assert caught.value.kind == kind
    assert caught.value.message and KEY.reveal() not in caught.value.message


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(502, {"content-type": "text/html"}, [b"<b>Bad Gateway</b>"]), "server"),
        (
            Answer(parts=[b'{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}']),
            "rate_limited",
        ),
        (Answer(parts=[b'{"audioContent": "AAAAAAAA']), "truncated"),
        (Answer(parts=[b'{"audioContent": "A"}']), "malformed"),
        (Answer(parts=[b'{"audioContent": ""}']), "malformed"),
        (Answer(parts=[b"[1]"]), "malformed"),
        (Answer(parts=[b"<html>Sign in</html>"]), "malformed"),
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


async def test_voices_are_listed_by_family() -> None:
    async with running(vendor) as upstream:
        google = provider(upstream)
        call = google.voices_call(KEY, None, NOW)
        assert call is not None
        page = google.read_voices((await send(call))[1])
    assert page.next is None
    assert [
        (one.id, one.name, one.model, one.language, one.gender, one.sample_rate)
        for one in page.voices
    ] == [
        ("en-US-Chirp3-HD-Kore", "Kore", "chirp3-hd", "en-US", "female", 24_000),
        ("cmn-CN-Wavenet-B", "B", "wavenet", "cmn-CN", "male", 24_000),
        ("en-GB-Standard-A", "A", "standard", "en-GB", None, 22_050),
    ]


def test_a_list_of_voices_that_is_none_is_malformed() -> None:
    with pytest.raises(ProviderError, match="list of voices") as caught:
        Google().read_voices(b"<html>")
    assert caught.value.kind == "malformed"


def test_the_voices_of_gemini_models_are_known_and_others_are_asked_for() -> None:
    assert len(Google().known_voices("gemini-2.5-pro-tts")) == 30
    assert Google().known_voices("neural2") == ()


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ValueError, match=r"options\.region: unknown option; google has none"):
        Google(Settings(options={"region": "eu"}))
