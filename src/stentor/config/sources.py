"""The places that options come from: the TOML file, the environment, the command line."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Set
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from stentor.config.locate import KeyPath, line_of
from stentor.config.options import PREFIX, options

PATH_VARIABLE = "STENTOR_CONFIG"
# What the commands that talk to a server read.
CLIENT_VARIABLES = frozenset({"STENTOR_URL", "STENTOR_KEY"})

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

# Kubernetes tells every container of a Service called "stentor" in variables of these forms;
# they are not meant for us. One called "stentor-server" even takes STENTOR_SERVER_PORT.
_SERVICE_LINK = re.compile(
    r"\w+_SERVICE_HOST=.*|\w+_SERVICE_PORT(_\w+)?=\d+"
    r"|\w+_PORT(_\d+_(TCP|UDP|SCTP))?=(tcp|udp|sctp)://.*"
    r"|\w+_PORT_\d+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR)=.*"
)


class ConfigError(Exception):
    """The configuration cannot be used; the message says where, what and what was expected."""


class Source(NamedTuple):
    """What one place says, unchecked.

    `where` names the place of a key, for errors. Relative paths start at `folder`. With
    `as_text`, numbers, booleans and tables may stand as text that is to be read as TOML.
    """

    tree: dict[str, Any]
    where: Callable[[KeyPath], str]
    folder: Path
    as_text: bool

    def error(self, at: KeyPath, problem: str) -> ConfigError:
        return ConfigError(f"{self.where(at)}: {_place(at)}: {problem}")


def _place(at: KeyPath) -> str:
    """How errors write a path: `[providers.openai] keys[1].weight`."""
    numbers = [index for index, step in enumerate(at) if isinstance(step, int)]
    end = numbers[0] if numbers else len(at)
    table, (option, *rest) = at[: end - 1], at[end - 1 :]
    header = ".".join(_as_key(str(name)) for name in table)
    inside = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in rest)
    return f"[{header}] {option}{inside}" if header else f"{option}{inside}"


def _as_key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def file_path(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read: the given one, the environment's, the user's, or none at all."""
    if path is not None:
        return path
    if environ.get(PATH_VARIABLE):
        return Path(environ[PATH_VARIABLE])
    import platformdirs

    default = platformdirs.user_config_path("stentor") / "stentor.toml"
    return default if default.exists() else None


def from_file(path: Path) -> Source:
    """Raises `ConfigError` if the file cannot be read or is not TOML."""
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
        tree = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 at byte {error.start}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    return Source(tree, lambda at: f"{path}:{line_of(text, at)}", path.absolute().parent, False)


def from_environment(environ: Mapping[str, str]) -> list[Source]:
    """What each of the options' own variables says; an empty one says nothing.

    The variables of tables come first, so that those of single options win over them.
    """
    variables = {option.variable: option.target for option in options()}
    return [
        _from_variable(variable, target, environ[variable])
        for variable, target in sorted(variables.items(), key=lambda entry: len(entry[1]))
        if environ.get(variable) and not _is_service_link(variable, environ[variable])
    ]


def _from_variable(variable: str, target: tuple[str, ...], text: str) -> Source:
    tree: dict[str, Any] = {}
    _put(tree, target, text)
    return Source(tree, lambda _: variable, Path.cwd(), True)


def from_command_line(overrides: Mapping[str, Any]) -> Source:
    """`overrides` has dotted names of options, such as `server.port`."""
    tree: dict[str, Any] = {}
    for name, value in overrides.items():
        _put(tree, tuple(name.split(".")), value)
    return Source(tree, lambda _: "command line", Path.cwd(), True)


def refuse_unknown_variables(environ: Mapping[str, str], used: Set[str]) -> None:
    """Raises `ConfigError` at a `STENTOR_` variable that is neither an option's nor `used`."""
    known = {option.variable for option in options()} | {PATH_VARIABLE} | CLIENT_VARIABLES
    for name, value in environ.items():
        if (
            name.startswith(PREFIX)
            and name not in known | used
            and not _is_service_link(name, value)
        ):
            raise ConfigError(f"{name}: unknown variable{did_you_mean(name, known)}")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: its closest relative, if there is one."""
    close = get_close_matches(name, sorted(known), n=1)
    return f'; did you mean "{close[0]}"?' if close else ""


def _put(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = value


def _is_service_link(variable: str, value: str) -> bool:
    return _SERVICE_LINK.fullmatch(f"{variable}={value}") is not None
