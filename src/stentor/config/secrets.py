"""Where a secret comes from: the option itself, an environment variable, or a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stentor.config.options import expected, extra
from stentor.secret import Secret

MAX_FILE_BYTES = 65_536


class BadSecret(Exception):
    """A secret cannot be had or used; the message says why, and never shows it."""


class SecretReader:
    """Reads secrets; `variables` are the environment variables that it has read."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.variables: set[str] = set()
        self._environ = environ

    def read(self, annotation: Any, value: Any, resolve: Callable[[Path], Path]) -> Secret:
        """The secret that an option's value is or leads to.

        Args:
            annotation: the option's; its `pattern` is what the whole secret is to match.
            resolve: makes a path of the option absolute.

        Raises:
            BadSecret: also for a value that is no text.
        """
        if not isinstance(value, str):
            raise BadSecret(f"expected {expected(annotation)}")
        kind, colon, place = value.partition(":")
        if not colon or kind not in ("env", "file"):
            if not _matches(annotation, value):
                raise BadSecret(f"expected {expected(annotation)}")
            return Secret(value)
        if kind == "env":
            origin, text = f"the environment variable {place}", self._variable(place)
        else:
            if not place:
                raise BadSecret("expected file:PATH with a path")
            path = resolve(Path(place))
            origin, text = f"the file {path}", _text_of(path)
        if not text:
            raise BadSecret(f"{origin} is empty")
        if not _matches(annotation, text):
            rule = extra(annotation)["expected"]
            raise BadSecret(f"{origin} holds something else than {rule}")
        return Secret(text)

    def _variable(self, name: str) -> str:
        self.variables.add(name)
        text = self._environ.get(name)
        if text is None:
            raise BadSecret(f"the environment variable {name} is not set")
        return text


def _matches(annotation: Any, text: str) -> bool:
    return re.fullmatch(extra(annotation)["pattern"], text) is not None


def _text_of(path: Path) -> str:
    """The text of a file without the line ends after it, or `BadSecret`."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise BadSecret(f"the file {path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise BadSecret("expected file:PATH with a path") from None  # it has a NUL
    if len(content) > MAX_FILE_BYTES:
        raise BadSecret(f"the file {path} is larger than {MAX_FILE_BYTES} bytes")
    try:
        return content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise BadSecret(f"the file {path} is not text in UTF-8") from None
