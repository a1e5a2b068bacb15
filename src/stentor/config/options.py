"""The options one by one, as the schema has them: what loading and the reference both need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

import msgspec

from stentor.config.schema import Config
from stentor.secret import Secret

PREFIX = "STENTOR_"
MIN_SECRET_CHARS = 8


class Option(NamedTuple):
    """A leaf of the schema.

    `path` leads to it, with a placeholder for a name that the user chooses (`keys.NAME.value`).
    `target` is what `variable` sets: the leaf itself, or the whole table around chosen names.
    """

    path: tuple[str, ...]
    target: tuple[str, ...]
    annotation: Any
    default: Any

    @property
    def variable(self) -> str:
        return PREFIX + "_".join(self.target).upper()

    @property
    def description(self) -> str:
        return unwrap(self.annotation)[1].description or ""


def options() -> Iterator[Option]:
    """Every option, in the schema's order. `default` is `msgspec.NODEFAULT` if there is none."""
    return _leaves(Config, (), None, msgspec.NODEFAULT)


def _leaves(
    annotation: Any, path: tuple[str, ...], table: tuple[str, ...] | None, default: Any
) -> Iterator[Option]:
    bare, _ = unwrap(annotation)
    if is_section(bare):
        for field in msgspec.structs.fields(bare):
            yield from _leaves(field.type, (*path, field.name), table, field.default)
    elif get_origin(bare) is dict:
        name, value = get_args(bare)
        placeholder = (unwrap(name)[1].extra or {})["name"]
        yield from _leaves(value, (*path, placeholder), path, msgspec.NODEFAULT)
    else:
        yield Option(path, table or path, annotation, default)


def unwrap(annotation: Any) -> tuple[Any, msgspec.Meta]:
    """The type without `Annotated` and without `| None`, and what the schema says about it."""
    if get_origin(annotation) is Annotated:
        inner, meta = get_args(annotation)
        return unwrap(inner)[0], meta
    if NoneType in get_args(annotation):
        (inner,) = (member for member in get_args(annotation) if member is not NoneType)
        return unwrap(inner)
    return annotation, msgspec.Meta()


def is_section(bare: Any) -> bool:
    return isinstance(bare, type) and issubclass(bare, msgspec.Struct)


def is_text(annotation: Any) -> bool:
    """Whether a value is text as it stands, rather than a TOML number, boolean or table."""
    bare, _ = unwrap(annotation)
    return bare in (str, Path, Secret) or get_origin(bare) is Literal


def expected(annotation: Any) -> str:
    """The values that a type accepts, in words: "an integer from 0 to 65535"."""
    bare, meta = unwrap(annotation)
    if meta.extra and "expected" in meta.extra:
        return str(meta.extra["expected"])
    if get_origin(bare) is Literal:
        return "one of " + ", ".join(f'"{value}"' for value in get_args(bare))
    if bare is int:
        return f"an integer from {meta.ge} to {meta.le}"
    if bare is str:
        return "a text that is not empty" if meta.min_length else "a text"
    if bare is Secret:
        return f"at least {MIN_SECRET_CHARS} visible ASCII characters, or env:NAME"
    return {bool: "true or false", Path: "a path"}[bare]
