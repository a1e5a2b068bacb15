"""A home of the tests' own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder without a configuration, so that no test reads the machine's own."""
    home = tmp_path / "home"
    for variable in ("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, str(home))
    return home


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "stentor.toml"
