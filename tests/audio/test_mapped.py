from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stentor.audio import mapped as module
from stentor.audio.mapped import Region, mapped, occurrences


@given(data=st.binary(max_size=60), start=st.integers(0, 60), window=st.integers(1, 9))
def test_every_occurrence_is_found_once_wherever_windows_end(
    data: bytes, start: int, window: int
) -> None:
    data = data.translate(bytes(b"ab"[byte & 1] for byte in range(256)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_WINDOW", window)
        for needle in (b"a", b"aab", b"abab"):
            expected = [at for at in range(start, len(data)) if data.startswith(needle, at)]
            assert list(occurrences(data, needle, start)) == expected


@given(
    data=st.binary(max_size=40),
    bounds=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    moves=st.lists(
        st.one_of(
            st.tuples(st.just("read"), st.integers(0, 20)),
            st.tuples(st.just("seek"), st.integers(0, 50)),
            st.tuples(st.just("end"), st.integers(-10, 0)),
        )
    ),
)
def test_a_region_reads_as_a_file_of_its_own(
    data: bytes, bounds: tuple[int, int], moves: list[tuple[str, int]]
) -> None:
    start, stop = (min(bound, len(data)) for bound in sorted(bounds))
    region, file = Region(data, start, stop), io.BytesIO(data[start:stop])
    for move, number in moves:
        if move == "read":
            assert region.read(number) == file.read(number)
        elif move == "seek":
            region.seek(number)
            file.seek(min(number, stop - start))
        else:
            region.seek(number, os.SEEK_END)
            file.seek(max(0, stop - start + number))
        assert region.tell() == file.tell()


def test_a_file_is_mapped_as_far_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "some"
    path.write_bytes(b"abcdef")
    for size, expected in ((None, b"abcdef"), (4, b"abcd"), (99, b"abcdef"), (0, b"")):
        with mapped(path, size) as data:
            assert data[:] == expected
    path.write_bytes(b"")
    with mapped(path) as data:
        assert data == b""
