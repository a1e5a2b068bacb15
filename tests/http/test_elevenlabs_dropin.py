"""ElevenLabs' own SDK, to which only another base URL is told, and the voice of this machine."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from elevenlabs.client import ElevenLabs
from elevenlabs.core.api_error import ApiError
from elevenlabs.errors import UnprocessableEntityError
from elevenlabs.types import VoiceSettings

from stentor.audio.decode import decode
from stentor.audio.form import AudioForm
from stentor.audio.probe import probe
from stentor.contract import SPEECH_PATH
from stentor.http.elevenlabs.formats import OUTPUT_FORMATS
from support import DEADLINE_S, MODEL, Server, request, story

TEXT = "“Hello”, said Ann;  it cost £5."


def sdk(server: Server, key: str = "any") -> ElevenLabs:
    """The SDK as its own documentation has it, but for the address."""
    return ElevenLabs(base_url=f"{server.url}/elevenlabs", api_key=key, timeout=DEADLINE_S)


@pytest.fixture(scope="module")
def client(server: Server) -> ElevenLabs:
    return sdk(server)


def spoken(client: ElevenLabs, text: str = TEXT, voice: str = "joe", **options: Any) -> bytes:
    return b"".join(client.text_to_speech.convert(voice, text=text, **options))


def seconds(audio: bytes, folder: Path, form: AudioForm) -> float:
    file = folder / "audio"
    file.write_bytes(audio)
    return decode(file, form).pcm.duration_seconds


def detail(error: ApiError) -> dict[str, Any]:
    body: dict[str, Any] = error.body["detail"]
    assert body["status"] == body["code"]
    return body


def test_a_text_becomes_an_mp3(client: ElevenLabs, tmp_path: Path) -> None:
    assert seconds(spoken(client, story(2)), tmp_path, AudioForm("mp3")) > 2


def test_a_stream_is_heard_in_pieces(client: ElevenLabs, tmp_path: Path) -> None:
    pieces = list(client.text_to_speech.stream("joe", text=story(2), output_format="mp3_22050_32"))
    assert len(pieces) > 1
    assert seconds(b"".join(pieces), tmp_path, AudioForm("mp3")) > 2


@pytest.mark.parametrize("output_format", OUTPUT_FORMATS)
def test_every_format_has_the_rate_that_its_name_tells(
    client: ElevenLabs, server: Server, tmp_path: Path, output_format: str
) -> None:
    codec, rate, *kbps = output_format.split("_")
    audio = spoken(client, output_format=output_format)
    file = tmp_path / "audio"
    file.write_bytes(audio)
    facts = probe(file, AudioForm(codec, int(rate)))  # type: ignore[arg-type]
    assert facts.encoding == codec
    assert facts.sample_rate == int(rate)
    # The bytes of headerless audio do not tell their rate, but their length does; the voice never
    # takes quite the same time.
    usual = server.client.post(SPEECH_PATH, json=request(input=TEXT, response_format="pcm"))
    assert facts.duration_seconds == pytest.approx(len(usual.content) / 48_000, rel=0.25)
    if codec == "mp3":
        told = 8 * len(audio) / facts.duration_seconds / 1000
        assert told == pytest.approx(int(kbps[0]), rel=0.1)


def test_a_format_that_there_is_not_is_refused_with_those_that_there_are(
    client: ElevenLabs,
) -> None:
    with pytest.raises(UnprocessableEntityError) as raised:
        spoken(client, output_format="pcm_12345")
    assert detail(raised.value)["status"] == "invalid_output_format"
    assert "pcm_16000" in detail(raised.value)["message"]


def test_timings_are_of_the_callers_own_characters(client: ElevenLabs, tmp_path: Path) -> None:
    timed = client.text_to_speech.convert_with_timestamps(
        "joe", text=TEXT, output_format="pcm_16000"
    )
    alignment, said = timed.alignment, timed.normalized_alignment
    assert alignment is not None and said is not None
    assert "".join(alignment.characters) == TEXT
    assert "five pounds" in "".join(said.characters)
    starts, ends = alignment.character_start_times_seconds, alignment.character_end_times_seconds
    assert len(starts) == len(ends) == len(TEXT)
    assert starts == sorted(starts)
    length = seconds(base64.b64decode(timed.audio_base_64), tmp_path, AudioForm("pcm", 16_000))
    assert length - 1 < ends[-1] <= length


def test_a_stream_with_timings_tells_them_as_the_text_is_spoken(
    client: ElevenLabs, tmp_path: Path
) -> None:
    text = "  " + story(12) + "\n\nIt cost £5. ***\n"
    audio, characters, said, starts, ends, told = b"", "", "", [0.0], [0.0], 0
    for chunk in client.text_to_speech.stream_with_timestamps(
        "joe", text=text, output_format="pcm_8000"
    ):
        piece = base64.b64decode(chunk.audio_base_64)
        assert len(piece) % 2 == 0
        audio += piece
        if chunk.alignment is not None:
            told += 1
            characters += "".join(chunk.alignment.characters)
            starts += chunk.alignment.character_start_times_seconds
            ends += chunk.alignment.character_end_times_seconds
        if chunk.normalized_alignment is not None:
            said += "".join(chunk.normalized_alignment.characters)
    assert characters == text
    assert said.endswith("It cost five pounds.")
    assert told > 2
    assert starts == sorted(starts)
    assert ends == sorted(ends)
    length = seconds(audio, tmp_path, AudioForm("pcm", 8_000))
    assert length - 1 < ends[-1] <= length


def test_the_speed_of_the_voices_settings_is_that_of_the_voice(client: ElevenLabs) -> None:
    usual, fast = (
        len(spoken(client, output_format="pcm_16000", voice_settings=VoiceSettings(speed=speed)))
        for speed in (1.0, 2.0)
    )
    # The voice never takes quite the same time.
    assert fast == pytest.approx(usual / 2, rel=0.3)


def test_settings_that_a_voice_does_not_know_do_no_harm(client: ElevenLabs) -> None:
    assert spoken(
        client,
        model_id="eleven_flash_v2_5",
        voice_settings=VoiceSettings(stability=0.5, similarity_boost=0.75, use_speaker_boost=True),
        seed=7,
        previous_text="Before.",
        next_text="After.",
        previous_request_ids=["one"],
        apply_text_normalization="auto",
        optimize_streaming_latency=3,
        enable_logging=False,
        language_code="en",
    )


def test_text_is_said_as_it_stands_where_normalisation_is_off(client: ElevenLabs) -> None:
    timed = client.text_to_speech.convert_with_timestamps(
        "joe", text="It cost £5.", apply_text_normalization="off"
    )
    assert timed.normalized_alignment is not None
    assert "pounds" not in "".join(timed.normalized_alignment.characters)


@pytest.mark.parametrize("model_id", [None, "eleven_multilingual_v2", "eleven_v3", MODEL])
def test_a_model_of_elevenlabs_is_one_of_this_machine_and_the_answer_says_which(
    server: Server, model_id: str | None
) -> None:
    answer = server.client.post(
        "/elevenlabs/v1/text-to-speech/joe", json={"text": TEXT, "model_id": model_id}
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-stentor-model"] == MODEL


@pytest.mark.parametrize("model_id", ["elevn_v3", "piper/nobody", "elevenlabs/eleven_v3"])
def test_a_model_that_there_is_not_is_refused(client: ElevenLabs, model_id: str) -> None:
    with pytest.raises(ApiError) as raised:
        spoken(client, model_id=model_id)
    assert raised.value.status_code == 400
    assert detail(raised.value)["status"] == "model_not_found"
    assert detail(raised.value)["param"] == "model_id"


def test_a_voice_that_there_is_not_is_refused_with_those_that_there_are(
    client: ElevenLabs,
) -> None:
    with pytest.raises(ApiError) as raised:
        spoken(client, voice="21m00Tcm4TlvDq8ikWAM")
    assert raised.value.status_code == 400
    body = detail(raised.value)
    assert body["status"] == "voice_not_found"
    assert body["message"].startswith("voice_id: ")
    assert "joe" in body["message"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "text"),
        ({"text": 5}, "text"),
        ({"text": TEXT, "voice_settings": {"speed": 9}}, "voice_settings.speed"),
        ({"text": TEXT, "apply_text_normalization": "maybe"}, "apply_text_normalization"),
        (
            {"text": TEXT, "pronunciation_dictionary_locators": [{}]},
            "pronunciation_dictionary_locators[0].pronunciation_dictionary_id",
        ),
    ],
)
def test_a_malformed_body_is_a_422_that_names_the_field(
    server: Server, fields: dict[str, Any], param: str
) -> None:
    answer = server.client.post("/elevenlabs/v1/text-to-speech/joe", json=fields)
    assert answer.status_code == 422
    assert answer.json()["detail"]["param"] == param


@pytest.mark.parametrize("query", ["enable_logging=perhaps", "optimize_streaming_latency=5"])
def test_a_malformed_query_is_a_422_that_names_the_parameter(server: Server, query: str) -> None:
    answer = server.client.post(f"/elevenlabs/v1/text-to-speech/joe?{query}", json={"text": TEXT})
    assert answer.status_code == 422
    assert answer.json()["detail"]["param"] == query.partition("=")[0]


def test_what_is_not_spoken_to_yet_is_a_404_in_the_same_shape(client: ElevenLabs) -> None:
    with pytest.raises(ApiError) as raised:
        client.history.list()
    assert raised.value.status_code == 404
    assert detail(raised.value)["status"] == "not_found"


def test_the_voices_are_listed_and_searched_by_pages(client: ElevenLabs) -> None:
    [voice] = [one for one in client.voices.get_all().voices if one.voice_id == "joe"]
    assert voice.name == "Joe"
    assert voice.labels == {"language": "en-US", "gender": "male", "provider": "piper"}
    assert voice.high_quality_base_model_ids == [MODEL]
    page = client.voices.search(search="JO", page_size=1)
    assert [one.voice_id for one in page.voices] == ["joe"]
    assert (page.has_more, page.total_count, page.next_page_token) == (False, 1, None)
    assert client.voices.search(search="nobody").voices == []
    assert client.voices.get("joe") == voice


def test_a_voice_that_is_not_listed_is_a_404(client: ElevenLabs) -> None:
    with pytest.raises(ApiError) as raised:
        client.voices.get("nobody")
    assert raised.value.status_code == 404
    assert detail(raised.value)["status"] == "voice_not_found"


def test_the_models_are_listed(client: ElevenLabs) -> None:
    [model] = [one for one in client.models.list() if one.model_id == MODEL]
    assert model.can_do_text_to_speech
    assert model.languages is not None
    assert [one.language_id for one in model.languages] == ["en-US"]


def test_a_request_of_this_servers_own_may_be_mixed_in(server: Server) -> None:
    text = "<speak>One <mark name='here'/> two.</speak>"
    answer = server.client.post(
        "/elevenlabs/v1/text-to-speech/joe/with-timestamps",
        json={"text": text, "input_type": "ssml", "fallbacks": [MODEL]},
    )
    alignment = answer.json()["alignment"]
    assert "".join(alignment["characters"]) == text
    assert "speak" not in json.dumps(answer.json()["normalized_alignment"])


def test_the_key_is_sent_as_elevenlabs_clients_send_it(tmp_path: Path) -> None:
    server = Server(
        tmp_path,
        STENTOR_KEYS='{ ann = { value = "sk-ann-0123456789" } }',
        STENTOR_ENGINES_PRELOAD="false",
    )
    try:
        assert sdk(server, "sk-ann-0123456789").models.list()
        with pytest.raises(ApiError) as raised:
            sdk(server, "sk-bob-0123456789").voices.get_all()
        assert raised.value.status_code == 401
        assert detail(raised.value)["status"] == "invalid_api_key"
        with pytest.raises(ApiError) as raised:
            spoken(sdk(server, "sk-bob-0123456789"))
        assert raised.value.status_code == 401
        answer = server.client.get("/elevenlabs/v1/models")
        assert answer.json()["detail"]["status"] == "needs_authorization"
    finally:
        server.stop()
