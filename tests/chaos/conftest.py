"""A voice that always says the same in the same way."""

from __future__ import annotations

import pytest

from chaos.texts import Voice


@pytest.fixture(scope="session")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Voice:
    return Voice(tmp_path_factory.mktemp("voice") / "voices")
