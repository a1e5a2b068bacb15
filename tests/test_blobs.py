"""Blobs, wherever they are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from stentor.blobs import BlobMissing, BlobStore

JOB = "01a20b4a-5506-711e-adfd-bf50fcec39fa"
SEGMENT = "f5200d89a732fde65f9bad3623ad3c83b7151c5e93457a9a11839f40659dbd98"


@pytest.fixture(params=["folder", "file", "memory"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[BlobStore, BlobStore]:
    """Where audio and segments are kept."""
    url = {
        "folder": None,
        "file": (tmp_path / "not" / "yet").as_uri(),
        "memory": "memory:///",
    }[request.param]
    return (
        BlobStore.open(url, tmp_path / "audio"),
        BlobStore.open(url, tmp_path / "segments", part="segments"),
    )


async def listed(store: BlobStore) -> list[str]:
    batches = store.keys()
    return [key async for batch in batches for key, _ in batch]


async def test_audio_and_segments_are_kept_apart_and_can_be_removed(
    places: tuple[BlobStore, BlobStore], tmp_path: Path
) -> None:
    audio, segments = places
    path = tmp_path / "file"
    path.write_bytes(b"audio")
    await audio.put(JOB, path, "audio/mpeg")
    await segments.put_bytes(SEGMENT, b"segment", tmp_path)
    assert (await listed(audio), await listed(segments)) == ([JOB], [SEGMENT])
    assert [await audio.read_all(JOB), await segments.read_all(SEGMENT)] == [b"audio", b"segment"]
    assert b"".join([piece async for piece in audio.read(JOB, 1, 3)]) == b"ud"
    assert await audio.delete([JOB, SEGMENT]) == []
    assert not await audio.exists(JOB)
    with pytest.raises(BlobMissing):
        await audio.read_all(JOB)
    assert (await listed(audio), await listed(segments)) == ([], [SEGMENT])


async def test_keys_that_stentor_did_not_make_are_not_its_own(
    places: tuple[BlobStore, BlobStore], tmp_path: Path
) -> None:
    audio, _ = places
    for name in ("thesis.pdf", "backup", f"{JOB}.pdf", SEGMENT[:40]):
        await audio.put_bytes(name, b"somebody else's", tmp_path)
    assert await listed(audio) == []
