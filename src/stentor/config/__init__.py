"""The configuration: one TOML file, overridable from the environment and the command line."""

from stentor.config.callers import Key, Webhook
from stentor.config.load import load
from stentor.config.providers import Kokoro, Piper, Price, Provider, ProviderKey, Providers
from stentor.config.routing import Routing, WeightedModel, alias_targets
from stentor.config.schema import (
    Alignment,
    Audio,
    Cache,
    Config,
    Engines,
    Jobs,
    Logging,
    Server,
    Storage,
)
from stentor.config.sources import ConfigError
from stentor.secret import Secret

__all__ = [
    "Alignment",
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
    "Price",
    "Provider",
    "ProviderKey",
    "Providers",
    "Routing",
    "Secret",
    "Server",
    "Storage",
    "Webhook",
    "WeightedModel",
    "alias_targets",
    "load",
]
