"""Makes a `Config` of what the file, the environment and the command line say.

Each of them is checked on its own, so that an error can say where the value stands.
"""

from __future__ import annotations

import base64
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin
from urllib.parse import urlsplit

import msgspec

from stentor.config.locate import KeyPath, holds
from stentor.config.options import MIN_SECRET_CHARS, expected, is_section, is_text, unwrap
from stentor.config.schema import Config
from stentor.config.sources import (
    Source,
    did_you_mean,
    file_path,
    from_command_line,
    from_environment,
    from_file,
    refuse_unknown_variables,
)
from stentor.secret import Secret

WEBHOOK_SECRET_PREFIX = "whsec_"

_SECRET = re.compile(rf"[!-~]{{{MIN_SECRET_CHARS},}}")


def load(
    path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, Any] = {}
) -> Config:
    """The configuration of this start.

    Args:
        path: the TOML file; None for the one that `STENTOR_CONFIG` names, else the one in the
            user's configuration folder if it exists, else the defaults.
        environ: the environment, `os.environ` outside of tests.
        overrides: dotted name of an option → its value, from the command line. They win over
            the environment, which wins over the file.

    Raises:
        ConfigError: for an unreadable file, and at the first option or `STENTOR_` variable
            that is unknown or has a value out of its range.
    """
    file = file_path(path, environ)
    sources = [from_file(file)] if file is not None else []
    sources += [from_environment(environ), from_command_line(overrides)]

    readers = [_Reader(source, environ) for source in sources]
    trees = [reader.read(Config, reader.source.tree, ()) for reader in readers]
    refuse_unknown_variables(environ, set().union(*(reader.secrets_from for reader in readers)))

    merged: dict[str, Any] = {}
    for tree in trees:
        _merge(merged, tree)
    config = msgspec.convert(merged, Config)
    for at, problem in _contradictions(config):
        source = max(i for i, tree in enumerate(trees) if holds(tree, at))
        raise sources[source].error(at, problem)
    return config


def _merge(into: dict[str, Any], tree: dict[str, Any]) -> None:
    for name, value in tree.items():
        if isinstance(value, dict):
            _merge(into.setdefault(name, {}), value)
        else:
            into[name] = value


class _Reader:
    """Turns what one source says into the schema's values, or says what is wrong with it."""

    def __init__(self, source: Source, environ: Mapping[str, str]) -> None:
        self.source = source
        self.secrets_from: set[str] = set()
        self._environ = environ

    def read(self, annotation: Any, value: Any, at: KeyPath) -> Any:
        """The value at the path `at`; a table becomes a dict of read values."""
        if self.source.as_text and isinstance(value, str) and not is_text(annotation):
            value = _toml_value(value)
        bare, _ = unwrap(annotation)
        if is_section(bare):
            return self._section(bare, value, at)
        if get_origin(bare) is dict:
            key, entry = get_args(bare)
            return self._table(key, entry, value, at)
        if bare is Secret:
            return self._secret(value, at)
        if bare is Path and isinstance(value, str | Path) and value != "":
            return self._path(Path(value), at)
        return self._plain(annotation, value, at)

    def _section(self, section: type[msgspec.Struct], value: Any, at: KeyPath) -> dict[str, Any]:
        table = self._expect_table(value, at)
        fields = {field.name: field for field in msgspec.structs.fields(section)}
        for name, entry in table.items():
            if name not in fields:
                kind = "section" if isinstance(entry, dict) else "option"
                problem = f"unknown {kind}{did_you_mean(name, fields)}"
                raise self.source.error((*at, name), problem)
        for name, field in fields.items():
            if field.required and name not in table:
                problem = f"{name} is missing; expected {expected(field.type)}"
                raise self.source.error(at, problem)
        return {
            name: self.read(fields[name].type, entry, (*at, name)) for name, entry in table.items()
        }

    def _table(self, key: Any, annotation: Any, value: Any, at: KeyPath) -> dict[str, Any]:
        table = self._expect_table(value, at)
        for name in table:
            self._plain(key, name, (*at, name))
        return {name: self.read(annotation, entry, (*at, name)) for name, entry in table.items()}

    def _expect_table(self, value: Any, at: KeyPath) -> dict[str, Any]:
        if not isinstance(value, dict):
            # The value is not shown: where a table of keys belongs, it may well be a key.
            raise self.source.error(at, "expected a TOML table")
        return value

    def _secret(self, value: Any, at: KeyPath) -> Secret:
        if isinstance(value, str) and value.startswith("env:"):
            variable = value.removeprefix("env:")
            self.secrets_from.add(variable)
            value = self._environ.get(variable)
            if value is None:
                raise self.source.error(at, f"the environment variable {variable} is not set")
        if not isinstance(value, str) or not _SECRET.fullmatch(value):
            raise self.source.error(at, f"expected {expected(Secret)}")
        return Secret(value)

    def _path(self, value: Path, at: KeyPath) -> Path:
        try:
            return self.source.folder / value.expanduser()
        except RuntimeError:
            problem = f"the home folder {value.parts[0]} is not known"
            raise self.source.error(at, problem) from None

    def _plain(self, annotation: Any, value: Any, at: KeyPath) -> Any:
        try:
            return msgspec.convert(value, annotation)
        except msgspec.ValidationError:
            problem = f"expected {expected(annotation)}, got {_shown(value)}"
            raise self.source.error(at, problem) from None


def _toml_value(text: str) -> Any:
    """The TOML value that `text` is, or else `text` itself for the error message to show."""
    try:
        tree = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return tree["value"] if len(tree) == 1 else text


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    text = msgspec.json.encode(value, enc_hook=str).decode()
    return text if len(text) <= 80 else f"{text[:77]}..."


def is_webhook_secret(text: str) -> bool:
    """Whether a text is a symmetric secret as the Standard Webhooks specification has it."""
    if not text.startswith(WEBHOOK_SECRET_PREFIX):
        return False
    try:
        secret = base64.b64decode(text.removeprefix(WEBHOOK_SECRET_PREFIX), validate=True)
    except ValueError:
        return False
    return 24 <= len(secret) <= 64


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _contradictions(config: Config) -> Iterator[tuple[KeyPath, str]]:
    """What is wrong between options: the path of one that was set, and the problem."""
    jobs, kokoro = config.jobs, config.providers.kokoro
    # A default_ttl_seconds in range never exceeds the default maximum: the maximum was set.
    if jobs.max_ttl_seconds < jobs.default_ttl_seconds:
        problem = (
            f"expected at least default_ttl_seconds, which is {jobs.default_ttl_seconds}, "
            f"got {jobs.max_ttl_seconds}"
        )
        yield ("jobs", "max_ttl_seconds"), problem
    if kokoro.model and not kokoro.voices:
        yield ("providers", "kokoro", "model"), "expected voices to be set as well"
    if kokoro.voices and not kokoro.model:
        yield ("providers", "kokoro", "voices"), "expected model to be set as well"
    for name, webhook in config.webhooks.items():
        if not _has_host(webhook.url):
            # Not shown: a query or a user's password may be secret.
            yield ("webhooks", name, "url"), "expected a URL whose host and port are valid"
        for option in ("secret", "old_secret"):
            secret = getattr(webhook, option)
            if secret is not None and not is_webhook_secret(secret.reveal()):
                problem = "expected whsec_ and 24 to 64 bytes as base64"
                yield ("webhooks", name, option), problem
        if webhook.key is not None and webhook.key not in config.keys:
            problem = f"there is no [keys.{webhook.key}]"
            yield ("webhooks", name, "key"), problem
    owners: dict[Secret, str] = {}
    for owner, key in config.keys.items():
        first = owners.setdefault(key.value, owner)
        if first != owner:
            yield ("keys", owner, "value"), f"the same value as that of [keys.{first}]"
