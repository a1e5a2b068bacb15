"""A text of any length: cut at sentences, spoken within limits, joined without a seam."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stentor.audio.decode import decode
from stentor.audio.form import AudioForm
from upstream import elevenlabs
from upstream.server import Upstream
from upstream.sound import SECONDS_PER_CHARACTER
from upstream.values import Received
from vendors_support import MODELS, Door, open_door

SENTENCES = [f"This is sentence number {n}, and it is not a short one." for n in range(60)]
STORY = " ".join(SENTENCES)
LIMIT = 500
SHORT = {"openai": f"max_segment_chars = {LIMIT}", "elevenlabs": f"max_segment_chars = {LIMIT}"}


def texts(door: Door, vendor: str) -> list[str]:
    said = [one.json() for one in door.said(vendor)]
    return sorted((one.get("input") or one["text"] for one in said), key=STORY.index)


async def test_it_is_cut_at_sentences_into_the_largest_pieces_that_fit(tmp_path: Path) -> None:
    async with open_door(tmp_path, options=SHORT) as door:
        result = await door.result(input=STORY, response_format="wav")
        pieces = texts(door, "openai")
    assert " ".join(pieces) == STORY
    assert all(piece.endswith("one.") for piece in pieces)
    for piece, following in pairwise(pieces):
        first = following.split(". ")[0] + "."
        assert len(piece) <= LIMIT < len(f"{piece} {first}")
    [attempt] = result["extra_fields"]["attempts"]
    assert (attempt["outcome"], attempt["calls"]) == ("ok", len(pieces))
    assert attempt["cost"] == pytest.approx(sum(map(len, pieces)) * 15 / 1e6)


async def test_the_models_own_limit_counts_in_characters_and_in_bytes(tmp_path: Path) -> None:
    text = " ".join(f"Ünïcödé sêntence nümber {n} is ä löng öne, tœ." for n in range(120))
    async with open_door(tmp_path, ["gemini"]) as door:
        await door.result(model=MODELS["gemini"], input=text)
        [*calls] = door.said("gemini")
        limit = door.scene.gateway.voices.catalogue.accounts[0].capabilities(
            "gemini-2.5-flash-preview-tts"
        )
    assert limit.max_bytes is not None and len(text.encode()) > limit.max_bytes
    sent = [one.json()["contents"][0]["parts"][0]["text"] for one in calls]
    assert len(sent) > 1
    assert all(len(one.partition("\n\n")[2].encode()) <= limit.max_bytes for one in sent)


async def test_the_pieces_are_joined_in_order_without_clicks_and_with_pauses(
    tmp_path: Path,
) -> None:
    async with open_door(tmp_path, options=SHORT) as door:
        result = await door.result(input=STORY, response_format="wav")
        pieces = texts(door, "openai")
        file = tmp_path / "audio.wav"
        file.write_bytes(await door.audio(result))
    samples = decode(file, AudioForm("wav")).pcm.samples.astype(int)
    spoken_s = sum(max(1, round(len(piece) * SECONDS_PER_CHARACTER)) for piece in pieces)
    pauses_s = (len(pieces) - 1) * 0.35
    assert result["duration_seconds"] == pytest.approx(spoken_s + pauses_s, rel=0.03)
    # A sine of 220 Hz at 8000 moves by 460 from one sample to the next.
    assert np.abs(np.diff(samples)).max() < 700
    silent = np.abs(samples) < 30
    gaps = re.findall(r"1{6000,}", "".join("1" if one else "0" for one in silent))
    assert len(gaps) == len(pieces) - 1


async def test_the_model_hears_what_comes_before_and_after(tmp_path: Path) -> None:
    async with open_door(tmp_path, options=SHORT) as door:
        await door.result(model="elevenlabs/eleven_multilingual_v2", input=STORY)
        bodies = sorted(
            (one.json() for one in door.said("elevenlabs")), key=lambda b: STORY.index(b["text"])
        )
    assert "previous_text" not in bodies[0]
    assert "next_text" not in bodies[-1]
    for one, following in pairwise(bodies):
        assert one["next_text"] and following["text"].startswith(one["next_text"])
        assert following["previous_text"] and one["text"].endswith(following["previous_text"])


async def test_pieces_are_spoken_at_once_within_the_providers_limit(tmp_path: Path) -> None:
    async with open_door(
        tmp_path, options={"openai": f"max_segment_chars = {LIMIT}\nconcurrency = 3"}
    ) as door:
        vendor = door.vendors["openai"]
        most = 0

        def busy(_: Received) -> None:
            nonlocal most
            most = max(most, sum(one.busy for one in vendor.connections))

        vendor.faults = busy
        vendor.cut = 500
        await door.result(input=STORY)
    assert most == 3


async def test_an_empty_line_stays_one_within_a_piece(tmp_path: Path) -> None:
    text = f"{SENTENCES[0]}\n\n{SENTENCES[1]}\n\n" + STORY
    async with open_door(tmp_path, options=SHORT) as door:
        await door.result(input=text)
        first = next(b for b in (c.json()["input"] for c in door.said("openai")) if "\n\n" in b)
    assert first.startswith(f"{SENTENCES[0]}\n\n{SENTENCES[1]}\n\n")


async def test_a_text_that_fits_is_sent_as_it_was_written(tmp_path: Path) -> None:
    text = "  * One *item*.\n  * Another\titem,\n    and more.\n"
    async with open_door(tmp_path) as door:
        await door.result(input=text)
        assert door.said("openai")[0].json()["input"] == text.strip()


CAST = [{"speaker": "Anna", "voice": "voice0001"}, {"speaker": "Ben", "voice": "voice0002"}]
DIALOGUE = "Anna: Where is the garden?\nBen: Behind the house.\nAnna: I see."


async def test_a_dialogue_is_one_call_where_the_model_has_dialogues(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        await door.result(model="elevenlabs/eleven_v3", input=DIALOGUE, voice=CAST)
        [call] = door.said("elevenlabs")
    assert call.path.startswith("/v1/text-to-dialogue")
    assert [(one["voice_id"], one["text"].strip()) for one in call.json()["inputs"]] == [
        ("voice0001", "Where is the garden?"),
        ("voice0002", "Behind the house."),
        ("voice0001", "I see."),
    ]


async def test_a_dialogue_is_a_call_a_line_where_it_has_not(tmp_path: Path) -> None:
    cast = [{"speaker": "Anna", "voice": "alloy"}, {"speaker": "Ben", "voice": "narrator"}]
    async with open_door(tmp_path) as door:
        result = await door.result(input=DIALOGUE, voice=cast)
        said = [(one.json()["voice"], one.json()["input"]) for one in door.said("openai")]
    assert sorted(said) == [
        ("alloy", "I see."),
        ("alloy", "Where is the garden?"),
        ("onyx", "Behind the house."),
    ]
    assert result["duration_seconds"] > 3


def starts_ms(result: dict[str, Any]) -> list[int]:
    return [word["start_ms"] for word in result["words"]]


async def test_timings_are_of_the_callers_own_characters(tmp_path: Path) -> None:
    text = "  The  herald\nspoke. “It is *fine*,” he said.  "
    async with open_door(tmp_path) as door:
        result = await door.result(model=MODELS["elevenlabs"], input=text, with_timestamps=True)
    alignment = result["alignment"]
    assert "".join(alignment["characters"]) == text
    times = [
        time
        for pair in zip(
            alignment["char_start_times_ms"], alignment["char_end_times_ms"], strict=True
        )
        for time in pair
    ]
    assert times == sorted(times)
    assert [word["text"] for word in result["words"]] == text.split()
    assert all(text[w["char_start"] : w["char_end"]] == w["text"] for w in result["words"])
    assert starts_ms(result) == pytest.approx(
        [
            1000 * elevenlabs.SECONDS_PER_CHARACTER * (word["char_start"] - 2)
            for word in result["words"]
        ],
        abs=2,
    )


async def test_timings_of_a_long_text_go_on_from_piece_to_piece(tmp_path: Path) -> None:
    async with open_door(tmp_path, options=SHORT) as door:
        result = await door.result(
            model=MODELS["elevenlabs"], input=STORY, with_timestamps=True, response_format="wav"
        )
        pieces = texts(door, "elevenlabs")
    assert "".join(result["alignment"]["characters"]) == STORY
    starts = starts_ms(result)
    assert starts == sorted(starts)
    # Each piece's first word begins where its audio does, after all the audio before it, whose
    # silent edges, some ms each, went into the pauses.
    begin_ms = 0.0
    for number, piece in enumerate(pieces):
        at = STORY.index(piece)
        [word] = [one for one in result["words"] if one["char_start"] == at]
        assert word["start_ms"] == pytest.approx(begin_ms, abs=40 + 10 * number)
        begin_ms += 1000 * max(1, round(len(piece) * SECONDS_PER_CHARACTER)) + 350


async def test_a_vendor_that_leaves_the_timings_out_is_not_believed(tmp_path: Path) -> None:
    class Silent:
        def answer(self, received: Received, sound: Any) -> Any:
            answered = elevenlabs.answer(received, sound)
            if answered is None or received.method != "POST":
                return answered
            parts = [
                re.sub(rb'"alignment": \{.*?\}', b'"alignment": null', part)
                for part in answered.parts
            ]
            return type(answered)(answered.status, answered.headers, parts)

        refuse = staticmethod(elevenlabs.refuse)

    async with open_door(tmp_path) as door:
        vendor: Upstream = door.vendors["elevenlabs"]
        vendor._vendor = Silent()  # type: ignore[assignment]
        job = await door.speak(
            model=MODELS["elevenlabs"], input="Hello there.", with_timestamps=True
        )
    assert job["status"] == "failed"
    assert "timings" in job["error"]["error"]["message"]
