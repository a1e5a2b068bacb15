"""What happens when a vendor fails: the next one, the same character, and a record of it all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stentor.audio.form import AudioForm
from upstream import openai
from upstream.faults import Fault
from upstream.values import Answer, Received, Sound
from vendors_support import MODELS, open_door

TEXT = "The herald had the voice of fifty men."
BOTH = {"model": MODELS["openai"], "fallbacks": [MODELS["elevenlabs"]], "voice": "narrator"}
NO_RETRIES = {"openai": "retries = 0", "elevenlabs": "retries = 0"}


def always(fault: Fault) -> Any:
    return lambda _: fault


def attempts(job: dict[str, Any]) -> list[tuple[str, str]]:
    where = job["result"] or {} if job["status"] == "completed" else job["error"]
    return [(one["provider"], one["outcome"]) for one in where["extra_fields"]["attempts"]]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("server", "server"),
        ("auth", "auth"),
        ("quota", "quota"),
        ("invalid", "invalid"),
        ("not_found", "not_found"),
        ("too_long", "too_long"),
        ("rate_limited", "rate_limited"),
        ("html", "server"),
        ("html_ok", "malformed"),
        ("empty", "malformed"),
        ("garbage", "malformed"),
        ("truncated", "truncated"),
        ("truncated_chunked", "truncated"),
        ("reset", "truncated"),
        ("reset_before", "network"),
        ("stall_before", "timeout"),
        ("stall_middle", "timeout"),
    ],
)
async def test_whatever_goes_wrong_the_fallback_keeps_the_character(
    tmp_path: Path, fault: Fault, outcome: str
) -> None:
    async with open_door(tmp_path, options=NO_RETRIES, patience=0.3) as door:
        door.vendors["openai"].faults = always(fault)
        job = await door.speak(**BOTH, input=TEXT)
        [call] = door.said("elevenlabs")
    assert job["status"] == "completed", job["error"]
    assert attempts(job) == [("openai", outcome), ("elevenlabs", "ok")]
    [first, second] = job["result"]["extra_fields"]["attempts"]
    assert first["key"] == second["key"] == "key-1"
    assert first["error"] and "secret-" not in str(job)
    assert job["result"]["extra_fields"]["provider"] == "elevenlabs"
    assert job["result"]["extra_fields"]["model_used"] == MODELS["elevenlabs"]
    assert job["result"]["extra_fields"]["model_requested"] == MODELS["openai"]
    assert call.path.startswith("/v1/text-to-speech/voice0001")


async def test_if_all_fail_it_is_the_firsts_error_with_the_others_attached(
    tmp_path: Path,
) -> None:
    async with open_door(tmp_path, options=NO_RETRIES) as door:
        door.vendors["openai"].faults = always("rate_limited")
        door.vendors["elevenlabs"].faults = always("server")
        job = await door.speak(**BOTH, input=TEXT)
    assert (job["status"], job["status_code"]) == ("failed", 429)
    error = job["error"]
    assert error["is_bifrost_error"] is False
    assert error["error"]["code"] == "provider_rate_limited"
    assert "openai/tts-1" in error["error"]["message"]
    assert attempts(job) == [("openai", "rate_limited"), ("elevenlabs", "server")]


async def test_what_cannot_serve_a_request_is_passed_over_before_money_is_spent(
    tmp_path: Path,
) -> None:
    async with open_door(tmp_path) as door:
        job = await door.speak(**BOTH, input=TEXT, with_timestamps=True)
        assert not door.said("openai")
    assert attempts(job) == [("openai", "skipped"), ("elevenlabs", "ok")]
    assert job["result"]["extra_fields"]["attempts"][0]["error"].startswith("with_timestamps")


async def test_what_nobody_can_serve_is_refused_with_what_could(tmp_path: Path) -> None:
    async with open_door(tmp_path, ["openai", "elevenlabs"]) as door:
        body = {"model": MODELS["openai"], "voice": "onyx", "input": TEXT, "with_timestamps": True}
        answer = await door.client.post("/v1/async/audio/speech", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, "with_timestamps")
    assert MODELS["elevenlabs"].partition("/")[0] in error["message"]


async def test_the_voice_never_changes_in_the_middle_of_a_job(tmp_path: Path) -> None:
    text = " ".join(f"This is sentence number {n}." for n in range(40))
    options = dict.fromkeys(NO_RETRIES, "retries = 0\nmax_segment_chars = 200\nconcurrency = 2")

    def fails_late(received: Received) -> Fault | None:
        return "server" if "number 30." in received.json()["input"] else None

    async with open_door(tmp_path, options=options) as door:
        door.vendors["openai"].faults = fails_late
        job = await door.speak(**BOTH, input=text)
        again = " ".join(
            sorted((one.json()["text"] for one in door.said("elevenlabs")), key=text.index)
        )
    assert job["status"] == "completed"
    assert again == text
    assert job["result"]["usage"]["cost"] == pytest.approx(
        sum(one.get("cost", 0) for one in job["result"]["extra_fields"]["attempts"])
    )


async def test_a_single_piece_may_be_substituted_if_the_configuration_says_so(
    tmp_path: Path,
) -> None:
    text = " ".join(f"This is sentence number {n}." for n in range(40))
    options = dict.fromkeys(NO_RETRIES, "retries = 0\nmax_segment_chars = 200\nconcurrency = 2")

    def fails_once(received: Received) -> Fault | None:
        return "server" if "number 30." in received.json()["input"] else None

    async with open_door(
        tmp_path, options=options, more='[routing]\nfallback = "segment"\nbreaker_failures = 100'
    ) as door:
        door.vendors["openai"].faults = fails_once
        job = await door.speak(**BOTH, input=text, response_format="wav")
        [substituted] = {one.json()["text"] for one in door.said("elevenlabs")}
    assert job["status"] == "completed", job["error"]
    assert "number 30." in substituted and len(substituted) <= 200
    [warning] = job["result"]["warnings"]
    start = text.index(substituted)
    assert f"characters {start} to {start + len(substituted)}" in warning
    # Every second of it is there.
    assert job["result"]["duration_seconds"] == pytest.approx(len(text) * 0.06 + 2, abs=5)


async def test_a_vendor_in_this_machine_can_be_the_last_resort(tmp_path: Path) -> None:
    async with open_door(tmp_path, ["openai"], options=NO_RETRIES) as door:
        door.vendors["openai"].faults = always("server")
        job = await door.speak(
            model=MODELS["openai"],
            fallbacks=["piper/en_US-joe-medium"],
            voice="narrator",
            input=TEXT,
        )
    assert attempts(job) == [("openai", "server"), ("piper", "ok")]
    assert job["result"]["duration_seconds"] > 1


async def test_a_vendor_that_failed_too_often_is_not_asked_for_a_while(tmp_path: Path) -> None:
    more = "[routing]\nbreaker_failures = 2\nbreaker_seconds = 600"
    async with open_door(tmp_path, options=NO_RETRIES, more=more) as door:
        door.vendors["openai"].faults = always("server")
        jobs = [await door.speak(**BOTH, input=f"{TEXT} {n}") for n in range(4)]
        assert len(door.said("openai")) == 2
    assert [attempts(job)[0][1] for job in jobs] == [
        "server",
        "server",
        "unavailable",
        "unavailable",
    ]
    assert all(job["status"] == "completed" for job in jobs)


async def test_an_alias_shares_requests_by_weight_and_falls_back_within(tmp_path: Path) -> None:
    more = f"""
[models]
herald = [
    {{ model = "{MODELS["openai"]}", weight = 3 }},
    {{ model = "{MODELS["elevenlabs"]}", weight = 1 }},
]
"""
    async with open_door(tmp_path, options=NO_RETRIES, more=more) as door:
        for n in range(60):
            await door.result(model="herald", input=f"{TEXT} {n}")
        share = len(door.said("openai"))
        assert share + len(door.said("elevenlabs")) == 60
        door.vendors["openai"].faults = always("server")
        job = await door.speak(model="herald", input=f"{TEXT} last")
    assert 30 <= share <= 57
    assert job["status"] == "completed"
    assert job["result"]["extra_fields"]["model_requested"] == "herald"


async def test_an_alias_of_a_voice_must_name_it_at_every_vendor(tmp_path: Path) -> None:
    more = '[voices.herald]\nopenai = "onyx"'
    async with open_door(tmp_path, more=more) as door:
        body = BOTH | {"voice": "herald", "input": TEXT}
        answer = await door.client.post("/v1/async/audio/speech", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (400, "voice", "unknown_voice")
    assert MODELS["elevenlabs"] in error["message"] and "openai" in error["message"]


@pytest.mark.parametrize("name", ["elevenlabs/", "nobody/tts-1", "/x", "openai", "a b/c"])
async def test_an_unknown_fallback_is_refused_with_what_there_is(tmp_path: Path, name: str) -> None:
    async with open_door(tmp_path) as door:
        body = BOTH | {"input": TEXT, "fallbacks": [MODELS["elevenlabs"], name]}
        answer = await door.client.post("/v1/async/audio/speech", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "fallbacks[1]"


async def test_substituted_lines_keep_their_voices_and_timings(tmp_path: Path) -> None:
    cast = [{"speaker": "Anna", "voice": "anna"}, {"speaker": "Ben", "voice": "ben"}]
    lines = [f"{'Anna' if n % 2 else 'Ben'}: This is line number {n}." for n in range(6)]
    text = "\n".join(lines)
    more = """
[routing]
fallback = "segment"
breaker_failures = 100
[voices.anna]
elevenlabs = "voice0001"
[voices.ben]
elevenlabs = "voice0002"
"""

    def fails_once(received: Received) -> Fault | None:
        return "server" if "number 3." in received.json()["text"] else None

    async with open_door(tmp_path, ["elevenlabs"], options=NO_RETRIES, more=more) as door:
        door.vendors["elevenlabs"].faults = fails_once
        job = await door.speak(
            model="elevenlabs/eleven_flash_v2_5",
            fallbacks=["elevenlabs/eleven_multilingual_v2"],
            voice=cast,
            input=text,
            with_timestamps=True,
        )
        # The substitute is the same vendor, which refuses that line there, too.
        assert job["status"] == "failed"
        door.vendors["elevenlabs"].faults = lambda received: (
            "server"
            if "number 3." in received.json()["text"]
            and received.json()["model_id"] == "eleven_flash_v2_5"
            else None
        )
        job = await door.speak(
            model="elevenlabs/eleven_flash_v2_5",
            fallbacks=["elevenlabs/eleven_multilingual_v2"],
            voice=cast,
            input=text,
            with_timestamps=True,
        )
        [substituted] = [
            one
            for one in door.said("elevenlabs")
            if one.json()["model_id"] == "eleven_multilingual_v2"
        ][-1:]
    assert job["status"] == "completed", job["error"]
    assert substituted.path.startswith("/v1/text-to-speech/voice0001")
    words = job["result"]["words"]
    starts = [one["start_ms"] for one in words]
    assert starts == sorted(starts)
    for number in range(6):
        at = text.index(f"{number}.")
        [word] = [one for one in words if one["char_start"] == at]
        assert word["end_ms"] > word["start_ms"] > 900 * number


async def test_retries_of_one_request_come_out_of_one_budget(tmp_path: Path) -> None:
    text = " ".join(f"This is sentence number {n}." for n in range(40))
    options = {"openai": "retries = 50\nmax_segment_chars = 100"}
    more = "[routing]\nretry_budget = 2\nbreaker_failures = 1000"
    async with open_door(tmp_path, ["openai"], options=options, more=more) as door:
        door.vendors["openai"].faults = always("truncated")
        job = await door.speak(input=text)
        pieces = {one.json()["input"] for one in door.said("openai")}
        assert len(door.said("openai")) <= len(pieces) + 2 + 14 // 5
    assert job["status"] == "failed"


async def test_what_is_the_last_to_try_is_waited_for(tmp_path: Path) -> None:
    more = "[routing]\nbreaker_failures = 1\nbreaker_seconds = 1"
    async with open_door(tmp_path, ["openai"], options=NO_RETRIES, more=more) as door:
        door.vendors["openai"].faults = ["server"]
        assert (await door.speak(input=TEXT))["status"] == "failed"
        assert (await door.speak(input=TEXT))["status"] == "completed"


async def test_a_dead_entry_of_an_alias_is_passed_over_and_told_at_the_start(
    tmp_path: Path,
) -> None:
    more = f'[models]\nherald = ["nobody/x", "{MODELS["openai"]}"]\n[voices.v]\nnobody = "x"'
    async with open_door(tmp_path, ["openai"], more=more) as door:
        notes = door.scene.gateway.voices.notes
        for n in range(5):
            await door.result(model="herald", input=f"{TEXT} {n}")
    assert "alias herald: there is no model 'nobody/x'" in notes
    assert "voice v: there is no provider 'nobody'" in notes


@pytest.mark.parametrize("seconds", [0.5, 300])
async def test_audio_that_cannot_be_the_texts_is_spoken_once_more(
    tmp_path: Path, seconds: float
) -> None:
    class Runaway:
        def answer(self, received: Received, sound: Sound) -> Answer | None:
            clip = sound.clip(AudioForm("wav"), "x" * round(seconds / 0.06))
            return Answer(200, {"content-type": "audio/wav"}, [clip])

        refuse = staticmethod(openai.refuse)

    text = f"{TEXT} {TEXT} {TEXT}"
    async with open_door(tmp_path, ["openai"]) as door:
        door.vendors["openai"]._vendor = Runaway()  # type: ignore[assignment]
        job = await door.speak(input=text, response_format="wav")
        assert len(door.said("openai")) == 2
    assert job["status"] == "failed"
    assert f"s of audio for {len(text)} characters" in job["error"]["error"]["message"]
    assert "characters 0 to" in job["error"]["error"]["message"]
