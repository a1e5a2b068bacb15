"""Fixtures that several folders share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("server"))
    yield running
    running.stop()
