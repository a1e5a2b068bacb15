"""What the tests of loading share."""

from __future__ import annotations

from pathlib import Path

import pytest

from stentor.config import ConfigError, load


def error_of(file: Path, text: str, **environ: str) -> str:
    """The message for a file with this text, without the file's folder."""
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(file, environ)
    return str(caught.value).replace(f"{file.parent}/", "")


def environment_error(**environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(None, environ)
    return str(caught.value)
