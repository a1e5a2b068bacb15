"""Azure Speech's adapter.

There is no comparison with the vendor's own Python SDK: it is a native library that speaks over a
WebSocket of its own, not to the HTTP endpoint. What the local vendor asks for is what the reference
of that endpoint does.
"""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from providers.calling import KEY, NOW, send, spoken
from stentor.audio.form import AudioForm
from stentor.contract import Voice
from stentor.providers.azure_speech import NEURAL, NEURAL_HD, AzureSpeech, ssml
from stentor.providers.base import Script, Settings, Turn
from stentor.providers.faults import FaultKind, ProviderError
from stentor.providers.wire import Head
from upstream import azure_speech as vendor
from upstream.azure_speech import SPEECH
from upstream.server import running

MSTTS = "{https://www.w3.org/2001/mstts}"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
HOSTILE = "Tom & Jerry's <break time='10s'/> \"quoted\" ]]> \x00\x1b\ufffe — \U0001f3b5 日本"


def script(
    text: str = "Sing, goddess.", voice: str = "en-US-JennyNeural", **more: object
) -> Script:
    fields: dict[str, object] = {
        "model": NEURAL,
        "turns": (Turn(text, voice),),
        "format": AzureSpeech().capabilities(NEURAL).formats[0],
    }
    return Script(**(fields | more))  # type: ignore[arg-type]


def document(spoken_script: Script) -> ElementTree.Element:
    return ElementTree.fromstring(ssml(spoken_script))


def local(url: str) -> AzureSpeech:
    return AzureSpeech(Settings(base_url=url))


def test_a_plain_script_is_the_voice_and_the_text_alone() -> None:
    assert ssml(script()) == (
        '<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis"'
        ' xmlns:mstts="https://www.w3.org/2001/mstts" xml:lang="en-US">'
        '<voice name="en-US-JennyNeural">Sing, goddess.</voice></speak>'
    )


def test_text_and_attributes_cannot_become_markup() -> None:
    extra = {"style": "sad\"><break time='9s'/>", "pitch": "&\x00'\""}
    root = document(script(HOSTILE, 'en-US-"Voice<', extra=extra))
    voice = root[0]
    assert "".join(voice.itertext()) == HOSTILE.replace("\x00", "").replace("\x1b", "").replace(
        "\ufffe", ""
    )
    assert voice.get("name") == 'en-US-"Voice<'
    assert [part.tag for part in root.iter()] == [
        f"{SPEECH}speak", f"{SPEECH}voice", f"{MSTTS}express-as", f"{SPEECH}prosody",
    ]  # fmt: skip
    assert voice[0].get("style") == extra["style"]
    assert voice[0][0].get("pitch") == "&'\""


@pytest.mark.parametrize(
    ("speed", "rate"), [(0.5, "-50.00%"), (1.25, "+25.00%"), (2.0, "+100.00%"), (1.0, None)]
)
def test_speed_is_a_rate_of_prosody(speed: float, rate: str | None) -> None:
    prosody = document(script(speed=speed)).find(f".//{SPEECH}prosody")
    assert (None if prosody is None else prosody.get("rate")) == rate


def test_style_is_an_element_of_microsofts() -> None:
    extra = {"style": "sad", "styledegree": 2, "role": "Girl", "volume": "+10%"}
    root = document(script(speed=1.5, extra=extra))
    express = root[0][0]
    assert express.attrib == {"style": "sad", "styledegree": "2", "role": "Girl"}
    assert express[0].attrib == {"volume": "+10%", "rate": "+50.00%"}


@pytest.mark.parametrize(
    ("voice", "language", "said", "held"),
    [
        ("de-DE-KatjaNeural", None, "de-DE", None),
        ("sr-Latn-RS-NicholasNeural", None, "sr-Latn-RS", None),
        ("zh-CN-liaoning-XiaobeiNeural", None, "zh-CN-liaoning", None),
        ("en-US-Ava:DragonHDLatestNeural", None, "en-US", None),
        ("my-custom-voice", None, "en-US", None),
        ("en-US-AvaMultilingualNeural", "de-AT", "de-AT", "de-AT"),
        ("en-US-Ava:DragonHDLatestNeural", "fr-FR", "fr-FR", "fr-FR"),
        ("en-US-AvaMultilingualNeural", "en-us", "en-us", None),
        ("en-US-AvaMultilingualNeural", "de", "de", None),
        ("en-US-JennyNeural", "de-DE", "de-DE", None),
    ],
)
def test_the_language_is_the_documents_and_holds_voices_that_have_several(
    voice: str, language: str | None, said: str, held: str | None
) -> None:
    root = document(script(voice=voice, language=language))
    element = root.find(f".//{SPEECH}lang")
    assert root.get(LANG) == said
    assert (None if element is None else element.get(LANG)) == held


def test_the_temperature_of_fine_voices_is_a_parameter_of_theirs() -> None:
    fine = script(voice="en-US-Ava:DragonHDLatestNeural", extra={"temperature": 0.8})
    assert document(fine)[0].get("parameters") == "temperature=0.8"


def test_fine_voices_know_neither_prosody_nor_styles() -> None:
    facts = AzureSpeech().capabilities(NEURAL_HD)
    assert facts.speed is None and facts.extra == ("temperature",)


@pytest.mark.parametrize("cut", [1, 3, 4096])
async def test_audio_is_whole_however_the_answer_is_cut(cut: int) -> None:
    async with running(vendor) as upstream:
        audio, _ = await spoken(local(upstream.url), script(HOSTILE), cut=cut)
        whole, _ = await spoken(local(upstream.url), script(HOSTILE), cut=10**9)
    assert audio == whole and len(audio) % 2 == 0 and len(audio) > 24_000


@pytest.mark.parametrize("position", range(8))
async def test_audio_is_of_the_form_that_is_said(position: int) -> None:
    chosen = AzureSpeech().capabilities(NEURAL).formats[position]
    provider_script = script(format=chosen)
    async with running(vendor) as upstream:
        provider = local(upstream.url)
        head, body = await send(provider.request(provider_script, KEY, NOW))
    reader = provider.response(provider_script, head)
    assert reader.feed(body) == body and reader.form == chosen.form
    magic = {"wav": b"RIFF", "opus": b"OggS"}.get(chosen.form.encoding, b"")
    assert body.startswith(magic) and head.status == 200


def test_formats_begin_with_lossless_audio_of_24_khz() -> None:
    first = AzureSpeech().capabilities(NEURAL).formats[0]
    assert first.form == AudioForm("pcm", 24_000)


@pytest.mark.parametrize("kind", ["auth", "quota", "rate_limited", "invalid", "server"])
async def test_refusals_are_understood(kind: FaultKind) -> None:
    async with running(vendor) as upstream:
        upstream.refusals = [kind]
        with pytest.raises(ProviderError) as caught:
            await spoken(local(upstream.url), script())
    assert caught.value.kind == kind
    assert caught.value.retry_after_s == (1 if kind == "rate_limited" else None)
    assert caught.value.message and KEY.reveal() not in caught.value.message


def test_a_page_instead_of_an_error_is_read_as_words() -> None:
    error = AzureSpeech().error(Head(503, {}), b"<html><h1>Service unavailable</h1></html>")
    assert (error.kind, error.message) == ("server", "Service unavailable")


def test_an_error_with_a_good_status_is_no_audio() -> None:
    reader = AzureSpeech().response(script(), Head(200, {"content-type": "text/html"}))
    reader.feed(b"<h1>Sign in</h1>")
    with pytest.raises(ProviderError, match="Sign in") as caught:
        reader.finish()
    assert caught.value.kind == "malformed"


async def test_voices_are_listed_but_for_those_that_are_going() -> None:
    async with running(vendor) as upstream:
        provider = local(upstream.url)
        call = provider.voices_call(KEY, None, NOW)
        assert call is not None
        _, body = await send(call)
    page = provider.read_voices(body)
    assert page.next is None
    assert page.voices == [
        Voice("en-US-JennyNeural", "Jenny", "azure-speech", NEURAL, 24_000, "en-US", "female"),
        Voice("zh-CN-YunxiNeural", "云希", "azure-speech", NEURAL, 48_000, "zh-CN", "male"),
        Voice(
            "en-US-Ava:DragonHDLatestNeural",
            "Ava",
            "azure-speech",
            NEURAL_HD,
            24_000,
            "en-US",
            "female",
        ),
    ]


@pytest.mark.parametrize("body", [b"<html>", b"{}x", b"[3]", b'[{"ShortName": "x"}]', b"3"])
def test_what_is_no_list_of_voices_is_refused(body: bytes) -> None:
    with pytest.raises(ProviderError) as caught:
        AzureSpeech().read_voices(body)
    assert caught.value.kind == "malformed"


def test_the_region_gives_the_address() -> None:
    provider = AzureSpeech(Settings(options={"region": "westeurope"}))
    url = provider.request(script(), KEY, NOW).url
    assert url == "https://westeurope.tts.speech.microsoft.com/cognitiveservices/v1"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"region": "evil.com/"}, r"options\.region: 'evil\.com/' is no region"),
        ({"zone": "1"}, r"options\.zone: unknown option; azure-speech has region"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        AzureSpeech(Settings(options=options))
