"""The runner: what it does when things around it fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import stentor.jobs.runner as runner_module
from jobs_support import NO_LIMIT, job
from stentor.blobs import BlobStore
from stentor.contract import JobStatus
from stentor.engines import piper
from stentor.engines.base import Spoken, Utterance
from stentor.jobs.record import JobRecord
from stentor.jobs.runner import JobRunner
from stentor.jobs.sqlite import SqliteStore
from stentor.routing.catalogue import Catalogue
from stentor.synthesis import EncoderSettings, Synthesizer
from stentor.text.plan import Pauses

MODELS = piper.find_models(voices_dir=None, voices_package=True).models
REQUEST = b'{"speech": {"model": "piper/en_US-joe-medium", "input": "Hello.", "voice": "joe"}}'


class Speaker:
    size = 1

    async def speak(self, utterance: Utterance, flow: str) -> Spoken:
        return Spoken(b"\x10\x00" * 22050, 22050)


class FailingBlobs(BlobStore):
    """A blob store whose disk is full for the first `failures` files."""

    failures = 0

    async def put(self, key: str, path: Path, content_type: str) -> None:
        if self.failures > 0:
            self.failures -= 1
            raise OSError(28, "No space left on device")
        await super().put(key, path, content_type)


class House:
    def __init__(self, store: SqliteStore, blobs: BlobStore, folder: Path, attempts: int) -> None:
        self.store = store
        self.blobs = blobs
        self.synthesizer = Synthesizer(
            Speaker(), encoder=EncoderSettings(), pauses=Pauses(), max_segment_chars=300
        )
        self.runner = JobRunner(
            store,
            blobs,
            self.synthesizer,
            Catalogue(MODELS, {}),
            name="w1",
            spool=folder,
            concurrency=4,
            lease_ms=30_000,
            max_attempts=attempts,
            max_input_chars=1000,
        )

    async def ended(self, one: JobRecord) -> JobRecord:
        ends: tuple[JobStatus, ...] = ("completed", "failed")
        while True:
            found = await self.store.get(one.id, one.owner, 0)
            assert found is not None
            if found.status in ends:
                return found
            await asyncio.sleep(0.005)


@pytest.fixture
async def house(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: Any
) -> AsyncIterator[House]:
    monkeypatch.setattr(runner_module, "LONGEST_PAUSE_S", 0.01)
    monkeypatch.setattr(runner_module, "POLL_INTERVAL_S", 0.01)
    (tmp_path / "spool").mkdir()
    store = await SqliteStore.open(tmp_path / "jobs.db")
    blobs = FailingBlobs.open(None, tmp_path / "audio")
    made = House(store, blobs, tmp_path / "spool", getattr(request, "param", 10))
    made.runner.start()
    yield made
    await made.runner.close()
    made.synthesizer.close()
    await store.close()


async def test_a_passing_fault_of_the_disk_does_not_fail_the_job(house: House) -> None:
    house.blobs.failures = 2  # type: ignore[attr-defined]
    new = job(request=REQUEST)
    await house.store.submit(new, queue_limit=NO_LIMIT)
    record = await house.ended(new)
    assert (record.status, record.attempt) == ("completed", 3)
    assert len(await house.blobs.read_all(new.id)) > 100


@pytest.mark.parametrize("house", [3], indirect=True)
async def test_a_job_that_is_interrupted_again_and_again_fails_and_the_others_do_not(
    house: House,
) -> None:
    house.blobs.failures = 3  # type: ignore[attr-defined]
    poison = job(request=REQUEST)
    await house.store.submit(poison, queue_limit=NO_LIMIT)
    record = await house.ended(poison)
    assert (record.status, record.status_code, record.attempt) == ("failed", 500, 4)
    assert record.error is not None
    assert b"too_many_attempts" in record.error
    fine = job(request=REQUEST)
    await house.store.submit(fine, queue_limit=NO_LIMIT)
    assert (await house.ended(fine)).status == "completed"


async def test_nothing_is_left_in_the_spool(house: House, tmp_path: Path) -> None:
    new = job(request=REQUEST)
    await house.store.submit(new, queue_limit=NO_LIMIT)
    await house.ended(new)
    await house.runner.close()
    assert list((tmp_path / "spool").iterdir()) == []


async def test_a_request_that_is_no_longer_serviceable_fails_with_the_reason(house: House) -> None:
    gone = job(request=REQUEST.replace(b"en_US-joe-medium", b"en_US-gone-low"))
    await house.store.submit(gone, queue_limit=NO_LIMIT)
    record = await house.ended(gone)
    assert record.status_code == 400
    assert record.error is not None
    assert b"unknown_model" in record.error
