"""Text that arrives piece by piece, spoken by vendors."""

from __future__ import annotations

from pathlib import Path

import pytest

from socket_support import Talk, talking
from vendors_support import MODELS, Door, open_door

SENTENCE = "The herald had the voice of fifty men. "


def slowly(door: Door, pieces: int = 40, pace_s: float = 0.02) -> None:
    """Let the vendor take its time over the next answer."""
    vendor = door.vendors["elevenlabs"]
    vendor.faults, vendor.pieces, vendor.pace_s = ["slow"], pieces, pace_s


async def first_audio(talk: Talk) -> None:
    while not isinstance(await talk.socket.recv(), bytes):
        pass


async def test_a_sentence_is_heard_before_the_vendor_has_finished_it(tmp_path: Path) -> None:
    async with (
        open_door(tmp_path) as door,
        talking(door.scene.port, model=MODELS["elevenlabs"], voice="narrator") as talk,
    ):
        vendor = door.vendors["elevenlabs"]
        slowly(door, pieces=1000, pace_s=0.05)
        await talk.text(SENTENCE, "And")
        await first_audio(talk)
        # Who hangs up is not paid for any further.
        await talk.socket.close()
        await vendor.until(lambda: vendor.abandoned >= 1)


async def test_interrupting_stops_the_vendor(tmp_path: Path) -> None:
    async with (
        open_door(tmp_path) as door,
        talking(door.scene.port, model=MODELS["elevenlabs"], voice="narrator") as talk,
    ):
        vendor = door.vendors["elevenlabs"]
        slowly(door, pieces=1000, pace_s=0.05)
        await talk.text(SENTENCE * 5)
        await first_audio(talk)
        await talk.send("cancel")
        cancelled = await talk.until("cancelled")
        await vendor.until(lambda: vendor.abandoned >= 1)
        assert cancelled["char_end"] < len(SENTENCE)
        asked = len(door.said("elevenlabs"))
        assert asked <= 2
        await talk.text("Yes?")
        await talk.end()
        assert len(door.said("elevenlabs")) == asked + 1


@pytest.mark.parametrize("vendor", ["elevenlabs", "deepgram", "gemini"])
async def test_any_vendor_speaks_sentence_by_sentence(tmp_path: Path, vendor: str) -> None:
    async with (
        open_door(tmp_path, [vendor]) as door,
        talking(
            door.scene.port,
            model=MODELS[vendor],
            voice="narrator",
            with_timestamps=vendor == "elevenlabs",
        ) as talk,
    ):
        await talk.text(SENTENCE, SENTENCE)
        done = await talk.end()
        assert len(door.said(vendor)) == 2
        assert round(len(talk.audio) / 48) == done["audio_ms"] > 2000
        words = [word for event in talk.all("words") for word in event["words"]]
        if vendor == "elevenlabs":
            assert [word["text"] for word in words] == (SENTENCE * 2).split()


async def test_a_vendor_that_fails_is_covered_by_the_fallback(tmp_path: Path) -> None:
    async with (
        open_door(tmp_path, options={"openai": "retries = 0"}) as door,
        talking(
            door.scene.port,
            model=MODELS["openai"],
            voice="narrator",
            fallbacks=[MODELS["elevenlabs"]],
        ) as talk,
    ):
        door.vendors["openai"].faults = ["server"]
        await talk.text(SENTENCE)
        await talk.end()
        [spoken] = talk.all("sentence.done")
        assert spoken["model"] == MODELS["elevenlabs"]
