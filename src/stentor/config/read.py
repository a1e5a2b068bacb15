"""Reads what one source says into the schema's values."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec

from stentor.config.locate import KeyPath
from stentor.config.options import choices, expected, extra, is_section, is_text, unwrap
from stentor.config.secrets import BadSecret, SecretReader
from stentor.config.section import Section
from stentor.config.sources import Source, did_you_mean
from stentor.secret import Secret


class Reader:
    """Turns what one source says into the schema's values, or says what is wrong with it.

    What it returns has the file's shape: dicts for tables, lists for lists.
    """

    def __init__(self, source: Source, environ: Mapping[str, str]) -> None:
        self.source = source
        self._secrets = SecretReader(environ)

    @property
    def secrets_from(self) -> set[str]:
        """The environment variables that secrets were read from."""
        return self._secrets.variables

    def read(self, annotation: Any, value: Any, at: KeyPath) -> Any:
        """The value at the path `at`."""
        if self.source.as_text and isinstance(value, str) and not is_text(annotation):
            value = _toml_value(value)
        bare, meta = unwrap(annotation)
        if len(choices(bare)) > 1:
            return self._choice(annotation, value, at)
        if is_section(bare):
            return self._section(bare, value, at)
        if get_origin(bare) is dict:
            key, entry = get_args(bare)
            return self._table(key, entry, value, at)
        if get_origin(bare) is list:
            return self._list(bare, meta.min_length or 0, value, at)
        if bare is Secret:
            return self._secret(annotation, value, at)
        if bare is Path and isinstance(value, str | Path) and value != "":
            return self._path(Path(value), at)
        return self._plain(annotation, value, at)

    def _choice(self, annotation: Any, value: Any, at: KeyPath) -> Any:
        for choice in choices(unwrap(annotation)[0]):
            if _has_kind(unwrap(choice)[0], value):
                return self.read(choice, value, at)
        raise self._unexpected(annotation, value, at)

    def _section(self, section: type[Section], value: Any, at: KeyPath) -> dict[str, Any]:
        table = self._expect_table(value, at)
        fields = {field.name: field for field in msgspec.structs.fields(section)}
        types = {name: field.type for name, field in fields.items() if name != section.rest}
        rest = {name: entry for name, entry in table.items() if name not in types}
        for name, entry in rest.items():
            if section.rest is None:
                kind = "section" if isinstance(entry, dict) else "option"
                problem = f"unknown {kind}{did_you_mean(name, types)}"
                raise self.source.error((*at, name), problem)
            key, types[name] = get_args(fields[section.rest].type)
            self._plain(key, name, (*at, name))
        for name, field in fields.items():
            if field.required and name not in table:
                problem = f"{name} is missing; expected {expected(field.type)}"
                raise self.source.error(at, problem)
        return {name: self.read(types[name], entry, (*at, name)) for name, entry in table.items()}

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

    def _list(self, bare: Any, min_length: int, value: Any, at: KeyPath) -> list[Any]:
        if not isinstance(value, list):
            # Nor is it here, for the same reason.
            raise self.source.error(at, f"expected {expected(bare)}")
        if len(value) < min_length:
            raise self.source.error(at, "expected a list that is not empty")
        (item,) = get_args(bare)
        return [self.read(item, entry, (*at, number)) for number, entry in enumerate(value)]

    def _secret(self, annotation: Any, value: Any, at: KeyPath) -> Secret:
        try:
            return self._secrets.read(annotation, value, lambda path: self._path(path, at))
        except BadSecret as error:
            raise self.source.error(at, str(error)) from None

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
            raise self._unexpected(annotation, value, at) from None

    def _unexpected(self, annotation: Any, value: Any, at: KeyPath) -> Exception:
        got = "" if extra(annotation).get("hidden") else f", got {_shown(value)}"
        return self.source.error(at, f"expected {expected(annotation)}{got}")


def _has_kind(bare: Any, value: Any) -> bool:
    """Whether a value is a table, a list or neither, as the type wants it."""
    if is_section(bare) or get_origin(bare) is dict:
        return isinstance(value, dict)
    if get_origin(bare) is list:
        return isinstance(value, list)
    return not isinstance(value, dict | list)


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
    if isinstance(value, float):
        return str(value)  # JSON has no infinity
    text = msgspec.json.encode(value, enc_hook=str).decode()
    return text if len(text) <= 80 else f"{text[:77]}..."
