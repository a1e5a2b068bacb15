"""Which types of providers there are, and the classes behind them.

Nothing is imported before it is asked for: most servers need one or two of the vendors.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stentor.providers.base import Provider

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINTS = "stentor.providers"

# Type → module and class.
BUILT_IN = {
    "azure": "stentor.providers.azure:AzureOpenAI",
    "azure-speech": "stentor.providers.azure_speech:AzureSpeech",
    "cartesia": "stentor.providers.cartesia:Cartesia",
    "deepgram": "stentor.providers.deepgram:Deepgram",
    "elevenlabs": "stentor.providers.elevenlabs:ElevenLabs",
    "fish": "stentor.providers.fish:Fish",
    "gemini": "stentor.providers.gemini:Gemini",
    "google": "stentor.providers.google:Google",
    "groq": "stentor.providers.groq:Groq",
    "huggingface": "stentor.providers.huggingface:HuggingFace",
    "hume": "stentor.providers.hume:Hume",
    "inworld": "stentor.providers.inworld:Inworld",
    "lmnt": "stentor.providers.lmnt:Lmnt",
    "minimax": "stentor.providers.minimax:MiniMax",
    "mistral": "stentor.providers.mistral:Mistral",
    "murf": "stentor.providers.murf:Murf",
    "openai": "stentor.providers.openai:OpenAI",
    "polly": "stentor.providers.polly:Polly",
    "sarvam": "stentor.providers.sarvam:Sarvam",
}


def provider_type_names() -> list[str]:
    """Every type that the configuration can name: the built-in ones and those of packages."""
    return sorted(BUILT_IN.keys() | {point.name for point in _entry_points()})


def provider_type(name: str) -> type[Provider]:
    """The class of a type: a built-in one, or else one that an installed package offers.

    Raises:
        ValueError: there is no such type, or what a package offers is not a provider.
    """
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        found: type[Provider] = getattr(importlib.import_module(module), attribute)
        return found
    point = next((point for point in _entry_points() if point.name == name), None)
    if point is None:
        raise ValueError(
            f"{name!r} is no type of provider; expected one of {', '.join(provider_type_names())}"
        )
    try:
        loaded = point.load()
    except Exception as error:
        raise ValueError(
            f"the provider {name!r} ({_origin(point)}) cannot be imported: {_told(error)}"
        ) from error
    if not (isinstance(loaded, type) and issubclass(loaded, Provider)):
        raise ValueError(
            f"the provider {name!r} ({_origin(point)}) is not what it should be; "
            "expected a subclass of stentor.providers.base.Provider"
        )
    return loaded


def load_file(path: Path) -> type[Provider]:
    """The provider that a Python file defines. A class with a leading underscore is not counted.

    The file is run, once in a process; it may import what is installed, but not its neighbours.

    Raises:
        ValueError: there is no such file, it cannot be imported, or does not define exactly one
            subclass of `Provider`.
    """
    path = path.resolve()
    # Structs look their annotations up in `sys.modules`, so the module has to have a name there.
    name = f"stentor_provider_{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
    module = sys.modules.get(name)
    if module is None:
        if not path.is_file():
            raise ValueError(
                f"{path}: no such file; expected a Python file that defines a provider"
            )
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ValueError(f"{path}: not a Python file; expected a name that ends in .py")
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[name]
            raise ValueError(f"{path}: cannot be imported: {_told(error)}") from error
    found = [
        value
        for key, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Provider)
        and value.__module__ == name
        and not key.startswith("_")
    ]
    if len(found) != 1:
        names = ", ".join(sorted(one.__name__ for one in found)) or "none"
        raise ValueError(
            f"{path}: expected one subclass of stentor.providers.base.Provider; there is {names}"
        )
    return found[0]


def _entry_points() -> tuple[EntryPoint, ...]:
    # Loads for 20 ms, which a server with nothing but built-in types does not need to spend.
    from importlib.metadata import entry_points

    return tuple(entry_points(group=ENTRY_POINTS))


def _origin(point: EntryPoint) -> str:
    package = point.dist.name if point.dist is not None else "an unknown package"
    return f"{point.value} of {package}"


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
