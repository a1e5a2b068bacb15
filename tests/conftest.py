"""Fixtures that several folders share."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

from support import Server

# Enough for every run; HYPOTHESIS_PROFILE=thorough for a night.
# A machine that is busy is no failure.
settings.register_profile("usual", max_examples=50, deadline=None)
settings.register_profile("thorough", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "usual"))

# FE_DFL_ENV of glibc's <fenv.h>.
_DEFAULT_ENVIRONMENT = ctypes.c_void_p(-1)
# Looked up once: the search starts processes.
_MATHS = ctypes.CDLL(ctypes.util.find_library("m")) if sys.platform == "linux" else None


@pytest.fixture(autouse=True)
def very_small_numbers() -> None:
    """Networks that a test has run in this process make them zero, which hypothesis minds."""
    if _MATHS is not None:
        _MATHS.fesetenv(_DEFAULT_ENVIRONMENT)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(
        tmp_path_factory.mktemp("server"),
        STENTOR_ENGINES_WORKERS="2",
        STENTOR_ENGINES_PRELOAD="true",
    )
    yield running
    running.stop()
