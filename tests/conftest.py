"""Fixtures that several folders share."""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
from collections.abc import Iterator

import pytest

from support import Server

# FE_DFL_ENV of glibc's <fenv.h>.
_DEFAULT_ENVIRONMENT = ctypes.c_void_p(-1)


@pytest.fixture(autouse=True)
def very_small_numbers() -> None:
    """Networks that a test has run in this process make them zero, which hypothesis minds."""
    if sys.platform == "linux":
        ctypes.CDLL(ctypes.util.find_library("m")).fesetenv(_DEFAULT_ENVIRONMENT)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("server"))
    yield running
    running.stop()
