"""What is written becomes what is said, and the listener hears what was meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stentor.audio.decode import decode
from stentor.audio.form import AudioForm
from stentor.audio.loudness import measure
from support import JOBS, Server
from vendors_support import MODELS, open_door


def said(one: Any) -> str:
    body = one.json()
    text: str = body.get("input") or body["text"]
    return text


async def test_markdown_reaches_a_vendor_as_what_is_to_be_read(tmp_path: Path) -> None:
    text = "# The herald\n\nHe had *a great* voice; see [his page](http://x.example/y).\n\n- One\n"
    async with open_door(tmp_path) as door:
        await door.result(input=text, input_type="markdown")
        [call] = door.said("openai")
    assert said(call) == "The herald\n\nHe had a great voice; see his page.\n\nOne"


async def test_timings_of_marked_up_text_are_in_the_callers_own_characters(
    tmp_path: Path,
) -> None:
    text = (
        "<speak>The <sub alias='great herald'>GH</sub> spoke. <break time='1s'/> He left.</speak>"
    )
    async with open_door(tmp_path) as door:
        result = await door.result(
            model=MODELS["elevenlabs"], input=text, with_timestamps=True, response_format="wav"
        )
        texts = [said(one) for one in door.said("elevenlabs")]
    assert sorted(texts) == ["He left.", "The great herald spoke."]
    assert "".join(result["alignment"]["characters"]) == text
    start = text.index("He left")
    he = next(one for one in result["words"] if one["char_start"] <= start < one["char_end"])
    first_s = max(1, round(len("The great herald spoke.") * 0.06))
    # After the first call's audio and the second that was asked for.
    assert he["start_ms"] == pytest.approx(1000 * first_s + 1000, abs=120)


async def test_normalisation_is_for_whoever_wants_it(tmp_path: Path) -> None:
    text = "It cost $4.50 on 3 May."
    async with open_door(tmp_path) as door:
        await door.result(input=text)
        await door.result(input=text, text_normalization="on")
        as_written, normalised = (said(one) for one in door.said("openai"))
    assert as_written == text
    assert normalised == "It cost four dollars fifty cents on the third of May."


async def test_a_dictionary_is_an_alias_where_a_voice_takes_no_phonemes(tmp_path: Path) -> None:
    rules = [
        {"type": "alias", "string_to_replace": "WWW", "alias": "the web"},
        {
            "type": "phoneme",
            "string_to_replace": "Nguyen",
            "phoneme": "ŋwiən",
            "alphabet": "ipa",
        },
    ]
    async with open_door(tmp_path) as door:
        made = await door.client.post(
            "/v1/pronunciation-dictionaries", json={"name": "names", "rules": rules}
        )
        assert made.status_code == 201, made.text
        locator = {"pronunciation_dictionary_id": made.json()["id"]}
        result = await door.result(
            input="Nguyen made the WWW.", pronunciation_dictionary_locators=[locator]
        )
        [call] = door.said("openai")
        wrong = await door.client.post(
            JOBS,
            json={
                "model": MODELS["openai"],
                "voice": "narrator",
                "input": "Hi.",
                "pronunciation_dictionary_locators": [
                    {"pronunciation_dictionary_id": "pd_" + "0" * 32}
                ],
            },
        )
    assert said(call) == "Nguyen made the the web."
    assert any("'Nguyen'" in warning for warning in result["warnings"])
    assert wrong.status_code == 404
    assert wrong.json()["error"]["param"] == "pronunciation_dictionary_locators[0]"


def test_wrong_ssml_is_refused_with_its_place(server: Server) -> None:
    answer = server.client.post(
        JOBS,
        json={
            "model": "piper/en_US-joe-medium",
            "voice": "joe",
            "input": "<speak>\n  <p>Hello</s>\n</speak>",
        },
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_ssml"
    assert "line 2" in answer.json()["error"]["message"]


def test_a_break_is_as_long_as_was_asked_for(server: Server, tmp_path: Path) -> None:
    text = "<speak>One moment. <break time='1500ms'/> Go on.</speak>"
    file = tmp_path / "audio"
    file.write_bytes(server.speak(input=text, response_format="wav"))
    pcm = decode(file, AudioForm("wav")).pcm
    quiet = np.abs(pcm.samples.astype(int)) < 200
    longest = max(len(run) for run in "".join("1" if q else "0" for q in quiet).split("0"))
    assert longest / pcm.sample_rate == pytest.approx(1.5, abs=0.12)


def test_a_rate_and_a_volume_are_heard(server: Server, tmp_path: Path) -> None:
    def spoken(text: str) -> tuple[float, float]:
        file = tmp_path / "audio"
        file.write_bytes(server.speak(input=text, response_format="wav"))
        pcm = decode(file, AudioForm("wav")).pcm
        return pcm.duration_seconds, float(np.abs(pcm.samples.astype(int)).max())

    seconds, peak = spoken("<speak>The herald had a great voice.</speak>")
    slow_seconds, _ = spoken(
        "<speak><prosody rate='50%'>The herald had a great voice.</prosody></speak>"
    )
    _, soft_peak = spoken(
        "<speak><prosody volume='-12dB'>The herald had a great voice.</prosody></speak>"
    )
    assert slow_seconds == pytest.approx(2 * seconds, rel=0.2)
    assert soft_peak == pytest.approx(peak / 4, rel=0.1)


def test_a_job_is_as_loud_as_was_asked_for(server: Server, tmp_path: Path) -> None:
    text = "The herald had a great voice. " * 8
    job = server.finish(server.submit(input=text, response_format="wav", loudness=-19)["id"])
    assert job["status"] == "completed", job
    assert job["result"]["loudness_lufs"] == pytest.approx(-19, abs=0.3)
    file = tmp_path / "audio"
    file.write_bytes(server.client.get(job["result"]["audio_url"]).content)
    pcm = decode(file, AudioForm("wav")).pcm
    reached = measure([pcm.samples], pcm.sample_rate)
    assert reached.integrated_lufs == pytest.approx(-19, abs=0.5)
    assert reached.true_peak_dbtp <= -1.0


def test_an_audiobook_has_its_chapters(server: Server) -> None:
    text = "# One\n\nThe first chapter.\n\n# Two\n\nThe second chapter.\n"
    job = server.finish(
        server.submit(
            input=text,
            input_type="markdown",
            response_format="m4b",
            metadata={"title": "Two chapters", "authors": ["Anna"]},
        )["id"]
    )
    assert job["status"] == "completed", job
    assert job["result"]["content_type"] == "audio/mp4"
    chapters = job["result"]["chapters"]
    assert [one["title"] for one in chapters] == ["One", "Two"]
    assert chapters[0]["start_ms"] == 0 < 2000 < chapters[1]["start_ms"]
    audio = server.client.get(job["result"]["audio_url"]).content
    assert audio[4:8] == b"ftyp"


@pytest.mark.parametrize(
    ("fields", "param", "says"),
    [
        ({"loudness": -80}, "loudness", "-50"),
        ({"loudness": "loud"}, "loudness", "podcast"),
        ({"metadata": {"title": "x"}}, "metadata", "m4b"),
        ({"input_type": "rtf"}, "input_type", "markdown"),
        ({"text_normalization": "yes"}, "text_normalization", "auto"),
        (
            {"response_format": "m4b", "metadata": {"title": "x", "cover": "aGVsbG8="}},
            "metadata.cover",
            "JPEG or PNG",
        ),
    ],
)
def test_a_wrong_wish_is_named(
    server: Server, fields: dict[str, Any], param: str, says: str
) -> None:
    body = {"model": "piper/en_US-joe-medium", "voice": "joe", "input": "Hello."} | fields
    answer = server.client.post(JOBS, json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert says in answer.json()["error"]["message"]


def test_marks_have_their_times(server: Server) -> None:
    text = "<speak><mark name='a'/>One moment, please. <mark name='b'/>Go on.</speak>"
    job = server.finish(server.submit(input=text, with_timestamps=True)["id"])
    assert job["status"] == "completed", job
    marks = {one["name"]: one["time_ms"] for one in job["result"]["marks"]}
    words = {one["text"]: one["start_ms"] for one in job["result"]["words"]}
    assert marks["a"] == words["One"] < 200
    assert marks["b"] == words["Go"] > 1000
    assert list(words) == ["One", "moment,", "please.", "Go", "on."]
