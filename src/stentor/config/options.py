"""The options one by one, as the schema has them: what loading and the reference both need."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, reduce
from operator import or_
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import msgspec
from msgspec.structs import FieldInfo

from stentor.config.schema import Config
from stentor.config.section import Section
from stentor.secret import Secret

PREFIX = "STENTOR_"
ITEM = "[]"


class Option(NamedTuple):
    """A leaf of the schema.

    `path` leads to it, with a placeholder for a name that the user chooses (`keys.NAME.value`),
    and with `ITEM` for an item of a list of tables. `target` is what `variable` sets: the leaf
    itself, or the whole table around chosen names.
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

    @property
    def header(self) -> str:
        """The line of a file above the option: `[server]`, `[[providers.NAME.keys]]`."""
        table = self.path[:-1]
        header = f"[{'.'.join(name for name in table if name != ITEM)}]"
        return f"[{header}]" if table[-1] == ITEM else header


@cache
def options() -> tuple[Option, ...]:
    """Every option, in the schema's order, those of a table before those of its tables.

    `default` is `msgspec.NODEFAULT` if there is none.
    """
    return tuple(_leaves(Config, (), None, msgspec.NODEFAULT))


def _leaves(
    annotation: Any, path: tuple[str, ...], table: tuple[str, ...] | None, default: Any
) -> Iterator[Option]:
    bare, _ = unwrap(annotation)
    if is_section(bare):
        for field in sorted(msgspec.structs.fields(bare), key=lambda field: _is_table(field.type)):
            here = path if field.name == bare.rest else (*path, field.name)
            yield from _leaves(field.type, here, table, _default(field))
    elif get_origin(bare) is dict:
        name, value = get_args(bare)
        placeholder = extra(name)["name"]
        yield from _leaves(value, (*path, placeholder), table or path, msgspec.NODEFAULT)
    else:
        if not _is_table(annotation):
            yield Option(path, table or path, annotation, default)
        for item in _items(annotation):
            if is_section(item):
                yield from _leaves(item, (*path, ITEM), table or path, msgspec.NODEFAULT)


def _default(field: FieldInfo) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def _items(annotation: Any) -> Iterator[Any]:
    """The types that a list's items may have, if a value of this type may be a list."""
    for choice in choices(unwrap(annotation)[0]):
        bare, _ = unwrap(choice)
        if get_origin(bare) is list:
            (item,) = get_args(bare)
            yield from choices(unwrap(item)[0])


def _is_table(annotation: Any) -> bool:
    """Whether a value can only be written under a header of its own, or as an inline table."""
    bare, _ = unwrap(annotation)
    if get_origin(bare) is list:
        return all(is_section(item) for item in _items(bare))
    return is_section(bare) or get_origin(bare) is dict


def unwrap(annotation: Any) -> tuple[Any, msgspec.Meta]:
    """The type without `Annotated` and without `| None`, and what the schema says about it."""
    if get_origin(annotation) is Annotated:
        inner, meta = get_args(annotation)
        return unwrap(inner)[0], meta
    if NoneType in get_args(annotation):
        members = [member for member in get_args(annotation) if member is not NoneType]
        return unwrap(reduce(or_, members))
    return annotation, msgspec.Meta()


def extra(annotation: Any) -> dict[str, Any]:
    """What the schema says about a type beyond what msgspec checks."""
    return unwrap(annotation)[1].extra or {}


def choices(bare: Any) -> tuple[Any, ...]:
    """The members of a union; of any other type, itself."""
    return get_args(bare) if get_origin(bare) in (Union, UnionType) else (bare,)


def is_section(bare: Any) -> bool:
    return isinstance(bare, type) and issubclass(bare, Section)


def is_text(annotation: Any) -> bool:
    """Whether a value may be text as it stands, rather than a TOML number, boolean or table."""
    return any(
        bare in (str, Path, Secret) or get_origin(bare) is Literal
        for bare in (unwrap(choice)[0] for choice in choices(unwrap(annotation)[0]))
    )


def expected(annotation: Any) -> str:
    """The values that a type accepts, in words: "an integer from 0 to 65535"."""
    bare, _ = unwrap(annotation)
    if bare is Secret:
        return f"{extra(annotation)['expected']}, or env:NAME or file:PATH"
    if "expected" in extra(annotation):
        return str(extra(annotation)["expected"])
    if is_section(bare) or get_origin(bare) is dict:
        return "a TOML table"
    if get_origin(bare) is list:
        (item,) = get_args(bare)
        return f"a list whose items are each {expected(item)}"
    if get_origin(bare) is Literal:
        return "one of " + ", ".join(f'"{value}"' for value in get_args(bare))
    if len(choices(bare)) > 1:
        return " or ".join(expected(choice) for choice in choices(bare))
    return _expected_scalar(annotation)


def _expected_scalar(annotation: Any) -> str:
    bare, meta = unwrap(annotation)
    if bare is int:
        return f"an integer from {meta.ge} to {meta.le}"
    if bare is float:
        start = f"above {meta.gt}, up" if meta.ge is None else f"from {meta.ge}"
        return f"a number {start} to {meta.le}"
    if bare is str:
        return "a text that is not empty" if meta.min_length else "a text"
    return {bool: "true or false", Path: "a path"}[bare]
