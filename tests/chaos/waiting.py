"""Waiting for something to become true."""

from __future__ import annotations

import time
from collections.abc import Callable

LOOK_S = 0.05


def until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Wait until the condition holds; False if it does not within the time."""
    deadline = time.monotonic() + timeout_s
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(LOOK_S)
    return met
