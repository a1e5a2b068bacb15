"""A server that is killed while a vendor speaks: what was paid for is not paid again."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import zlib
from pathlib import Path

import pytest

from stentor.audio.form import AudioForm
from stentor.audio.probe import probe
from stentor.blobs import BlobMissing, BlobStore
from stentor.contract import Attempt
from stentor.jobs.kept import DamagedTake, KeptTake, read_take, seal_take
from stentor.routing.caller import Called
from stentor.routing.takes import Take
from support import Server
from upstream import openai
from upstream.server import running
from upstream.sound import Tones
from upstream.values import Vendor

SENTENCES = [f"This is sentence number {n}, and it is not short." for n in range(60)]
TEXT = " ".join(SENTENCES)
CONFIG = """
[providers.openai]
base_url = "{url}"
api_key = "secret"
max_segment_chars = 200
concurrency = 1

[providers.openai.prices."tts-1"]
per_million_characters = 15
"""


async def test_after_a_kill_only_the_rest_is_asked_for_and_the_cost_is_all_of_it(
    tmp_path: Path,
) -> None:
    vendor: Vendor = openai  # type: ignore[assignment]
    async with running(vendor) as upstream:
        config = tmp_path / "stentor.toml"
        config.write_text(CONFIG.format(url=upstream.url))
        options = ("--config", str(config))
        server = await asyncio.to_thread(Server, tmp_path / "data", *options)
        job = await asyncio.to_thread(
            server.submit, model="openai/tts-1", voice="alloy", input=TEXT, response_format="wav"
        )
        await upstream.until(lambda: upstream.requests["POST"] == 8)
        await asyncio.to_thread(server.stop, signal.SIGKILL)
        before = [one.json()["input"] for one in upstream.received]
        server = await asyncio.to_thread(Server, tmp_path / "data", *options)
        ended = await asyncio.to_thread(server.finish, job["id"])
        await asyncio.to_thread(server.stop)
        said = [one.json()["input"] for one in upstream.received]
    assert ended["status"] == "completed"
    assert " ".join(dict.fromkeys(said)) == TEXT
    # At most the one that was on its way, and the one whose audio was not on disk yet.
    twice = [piece for piece in set(said) if said.count(piece) > 1]
    assert len(twice) <= 2 and set(twice) <= set(before[-2:])
    assert len(said) == len(set(said)) + len(twice)
    cost = ended["result"]["usage"]["cost"]
    assert cost == pytest.approx(sum(map(len, set(said))) * 15 / 1e6, abs=250 * 15 / 1e6)


async def test_a_damaged_take_is_paid_again_rather_than_heard(tmp_path: Path) -> None:
    vendor: Vendor = openai  # type: ignore[assignment]
    async with running(vendor) as upstream:
        config = tmp_path / "stentor.toml"
        config.write_text(CONFIG.format(url=upstream.url))
        server = await asyncio.to_thread(Server, tmp_path / "data", "--config", str(config))
        # What is mastered goes through files.
        fields = {"model": "openai/tts-1", "voice": "alloy", "loudness": -20}
        first = await asyncio.to_thread(lambda: server.speak(**fields))
        [kept] = (tmp_path / "data" / "segments").iterdir()
        damaged = bytearray(kept.read_bytes())
        damaged[100] ^= 1
        kept.write_bytes(damaged)
        again = await asyncio.to_thread(lambda: server.speak(**fields))
        await asyncio.to_thread(server.stop)
        assert upstream.requests["POST"] == 2
    assert first == again


async def test_a_damaged_take_of_a_short_job_is_paid_again_once(tmp_path: Path) -> None:
    vendor: Vendor = openai  # type: ignore[assignment]
    async with running(vendor) as upstream:
        config = tmp_path / "stentor.toml"
        config.write_text(CONFIG.format(url=upstream.url))
        server = await asyncio.to_thread(Server, tmp_path / "data", "--config", str(config))
        fields = {"model": "openai/tts-1", "voice": "alloy"}
        first = await asyncio.to_thread(lambda: server.speak(**fields))
        assert list((tmp_path / "data" / "segments").iterdir()) == []
        with sqlite3.connect(tmp_path / "data" / "stentor.db") as store:
            store.execute("UPDATE small_takes SET data = zeroblob(length(data))")
        again = [await asyncio.to_thread(lambda: server.speak(**fields)) for _ in range(2)]
        await asyncio.to_thread(server.stop)
        assert upstream.requests["POST"] == 2
    assert again == [first, first]


async def test_takes_in_an_object_store_are_found_again(tmp_path: Path) -> None:
    vendor: Vendor = openai  # type: ignore[assignment]
    async with running(vendor) as upstream:
        config = tmp_path / "stentor.toml"
        config.write_text(
            f'[storage]\naudio_url = "file://{tmp_path}/bucket"\n' + CONFIG.format(url=upstream.url)
        )
        server = await asyncio.to_thread(Server, tmp_path / "data", "--config", str(config))
        fields = {"model": "openai/tts-1", "voice": "alloy", "input": " ".join(SENTENCES[:20])}
        first = await asyncio.to_thread(lambda: server.speak(**fields))
        calls = upstream.requests["POST"]
        jobs = await asyncio.gather(*(asyncio.to_thread(server.speak, **fields) for _ in range(3)))
        await asyncio.to_thread(server.stop)
        assert upstream.requests["POST"] == calls
    assert jobs == [first] * 3
    assert not list((tmp_path / "data" / "spool").iterdir())


@pytest.mark.parametrize("end", [0, 7, 16, 40, -1])
def test_a_file_that_was_cut_off_is_no_take(tmp_path: Path, kept: KeptTake, end: int) -> None:
    file = tmp_path / "sealed"
    assert seal_take(kept, file) == file.stat().st_size
    found = read_take(file)
    assert (found.job, found.take.size, found.take.facts) == (
        kept.job,
        kept.take.size,
        kept.take.facts,
    )
    assert found.take.attempts == kept.take.attempts
    file.write_bytes(file.read_bytes()[:end])
    with pytest.raises(DamagedTake):
        read_take(file)


@pytest.fixture
def kept(tmp_path: Path) -> KeptTake:

    path = tmp_path / "take.1"
    path.write_bytes(Tones().clip(AudioForm("mp3"), "Hello there."))

    form = AudioForm("mp3")
    take = Take(
        path,
        path.stat().st_size,
        probe(path, form),
        Called(form, request_id="req_1"),
        zlib.crc32(path.read_bytes()),
        5000,
        (Attempt("openai", "tts-1", "ok", 5, cost=0.1),),
    )
    return KeptTake(take, "job-1")


async def test_what_is_not_there_is_not_fetched(tmp_path: Path) -> None:

    for blobs in (
        BlobStore.open(None, tmp_path / "folder"),
        BlobStore.open(f"file://{tmp_path}/bucket", tmp_path),
    ):
        with pytest.raises(BlobMissing):
            await blobs.fetch("0" * 64, tmp_path / "copy")
