"""The configuration: one TOML file, overridable from the environment and the command line."""

from stentor.config.load import load
from stentor.config.schema import (
    Audio,
    Cache,
    Config,
    Engines,
    Jobs,
    Key,
    Kokoro,
    Logging,
    Piper,
    Providers,
    Server,
    Storage,
    Webhook,
)
from stentor.config.sources import ConfigError
from stentor.secret import Secret

__all__ = [
    "Audio",
    "Cache",
    "Config",
    "ConfigError",
    "Engines",
    "Jobs",
    "Key",
    "Kokoro",
    "Logging",
    "Piper",
    "Providers",
    "Secret",
    "Server",
    "Storage",
    "Webhook",
    "load",
]
