"""The disk guard: says when there is too little room, and when there is room again."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from stentor.disk import LOOK_INTERVAL_S, DiskGuard, free_bytes

MIB = 1 << 20
FOLDER = Path("folder")


class Disk:
    """As much room as the test says, at the time that the test says."""

    def __init__(self, free: int | OSError) -> None:
        self.free = free
        self.now = 0.0
        self.looks = 0
        self.later: list[int | OSError] = []
        self.pauses: list[float] = []

    def guard(self, min_free_bytes: int = 1000) -> DiskGuard:
        return DiskGuard(
            FOLDER, min_free_bytes, clock=lambda: self.now, free=self.look, sleep=self.sleep
        )

    def look(self, folder: Path) -> int:
        assert folder == FOLDER
        self.looks += 1
        if isinstance(self.free, OSError):
            raise self.free
        return self.free

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        self.free = self.later.pop(0)


@pytest.mark.parametrize(("free", "full"), [(0, True), (999, True), (1000, False), (10**15, False)])
def test_full_means_that_less_is_free_than_must_be(free: int, full: bool) -> None:
    assert Disk(free).guard(1000).full is full


@pytest.mark.parametrize("free", [0, FileNotFoundError("gone")])
def test_where_nothing_need_be_free_nobody_looks(free: int | OSError) -> None:
    disk = Disk(free)
    assert not disk.guard(0).full
    assert disk.looks == 0


@pytest.mark.parametrize("error", [FileNotFoundError("gone"), OSError(5, "input/output error")])
def test_a_folder_that_cannot_be_looked_at_is_full(error: OSError) -> None:
    disk = Disk(error)
    guard = disk.guard()
    assert guard.full
    disk.free, disk.now = 1000, 1.0
    assert not guard.full


@pytest.mark.parametrize("free", [0, 2000, FileNotFoundError("gone")])
def test_a_look_counts_for_half_a_second(free: int | OSError) -> None:
    disk = Disk(free)
    guard = disk.guard()
    first = guard.full
    disk.free = 2000 if first else 0
    disk.now = 0.49
    assert guard.full is first
    assert disk.looks == 1
    disk.now = 0.5
    assert guard.full is not first
    assert disk.looks == 2


async def test_waiting_looks_once_a_second_until_there_is_room() -> None:
    disk = Disk(0)
    disk.later = [0, FileNotFoundError("gone"), 999, 1000, 0]
    await disk.guard().wait_for_room()
    assert disk.pauses == [LOOK_INTERVAL_S] * 4
    assert disk.later == [0]


async def test_who_finds_room_does_not_wait() -> None:
    disk = Disk(1000)
    await disk.guard().wait_for_room()
    assert disk.pauses == []


async def test_waiting_can_be_cancelled() -> None:
    waiting = asyncio.create_task(DiskGuard(FOLDER, 1, free=lambda _: 0).wait_for_room())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


def test_the_log_tells_when_room_ends_and_comes_back_and_why() -> None:
    disk = Disk(2000)
    guard = disk.guard()
    with capture_logs() as logged:
        for free in (2000, 5, 4, 3000, FileNotFoundError("gone")):
            disk.free = free
            disk.now += 1
            assert guard.full is (free in (5, 4) or isinstance(free, OSError))
    assert [(one["event"], one["free_bytes"], one.get("reason")) for one in logged] == [
        ("disk.full", 5, None),
        ("disk.has_room", 3000, None),
        ("disk.full", None, "gone"),
    ]


def test_a_folder_that_is_there_has_room_and_one_that_is_not_has_none(tmp_path: Path) -> None:
    assert not DiskGuard(tmp_path, 1).full
    assert DiskGuard(tmp_path, 1 << 62).full
    assert DiskGuard(tmp_path / "missing", 1).full


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "stentor-test", str(tmp_path)]
    try:
        subprocess.run(mount, check=True, capture_output=True, timeout=10)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"a tmpfs cannot be mounted here: {error}")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True, timeout=10)


def test_a_real_disk_fills_up_and_has_room_again(small_disk: Path) -> None:
    guard = DiskGuard(small_disk, MIB, max_age_s=0)
    assert free_bytes(small_disk) == 4 * MIB
    assert not guard.full
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(3 * MIB))
    assert not guard.full
    (small_disk / "last straw").write_bytes(b"!")
    assert guard.full
    ballast.unlink()
    assert not guard.full
