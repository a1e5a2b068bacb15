"""Makes a `Config` of what the file, the environment and the command line say.

Each of them is checked on its own, so that an error can say where the value stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from stentor.config.contradictions import contradictions
from stentor.config.locate import holds
from stentor.config.options import is_section, unwrap
from stentor.config.read import Reader
from stentor.config.schema import Config
from stentor.config.section import Section
from stentor.config.sources import (
    file_path,
    from_command_line,
    from_environment,
    from_file,
    refuse_unknown_variables,
)


def load(
    path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, Any] = {}
) -> Config:
    """The configuration of this start. Reads the files that secrets are in, too.

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
    sources += [*from_environment(environ), from_command_line(overrides)]

    readers = [Reader(source, environ) for source in sources]
    trees = [reader.read(Config, reader.source.tree, ()) for reader in readers]
    refuse_unknown_variables(environ, set().union(*(reader.secrets_from for reader in readers)))

    merged: dict[str, Any] = {}
    for tree in trees:
        _merge(merged, tree)
    config = msgspec.convert(_gathered(Config, merged), Config)
    for at, problem in contradictions(config):
        source = max(i for i, tree in enumerate(trees) if holds(tree, at))
        raise sources[source].error(at, problem)
    return config


def _merge(into: dict[str, Any], tree: dict[str, Any]) -> None:
    for name, value in tree.items():
        if isinstance(value, dict):
            _merge(into.setdefault(name, {}), value)
        else:
            into[name] = value


def _gathered(section: type[Section], tree: dict[str, Any]) -> dict[str, Any]:
    """A table as the schema has it: its further tables are in the section's field for them."""
    types = {field.name: unwrap(field.type)[0] for field in msgspec.structs.fields(section)}
    gathered: dict[str, Any] = {section.rest: {}} if section.rest else {}
    for name, value in tree.items():
        if section.rest and (name == section.rest or name not in types):
            gathered[section.rest][name] = value
        else:
            gathered[name] = _gathered(types[name], value) if is_section(types[name]) else value
    return gathered
