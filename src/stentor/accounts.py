"""From the configuration to providers that can be called."""

from __future__ import annotations

import os
from collections.abc import Mapping

from stentor.config import Config, ConfigError
from stentor.config.providers import Provider as Table
from stentor.providers.base import Provider, Settings
from stentor.providers.catalogue import load_file, provider_type
from stentor.providers.prices import prices
from stentor.routing.account import Account, Patience
from stentor.routing.keys import ProviderKey
from stentor.routing.transport import Timeouts
from stentor.secret import Secret


def share(whole: int, shares: int) -> int:
    """One of so many equal shares of a limit, none of them less than 1 unless the whole is 0."""
    return -(-whole // shares)


def open_accounts(
    config: Config, environ: Mapping[str, str] = os.environ, *, shares: int = 1
) -> dict[str, Account]:
    """The enabled providers, by name.

    Args:
        shares: among how many processes their limits are divided.
        environ: has the vendors' own variables, for providers whose table has no key.

    Raises:
        ConfigError: a provider is of no known type, lacks its key, or has an option wrong.
    """
    return {
        name: _account(name, table, config, environ, shares)
        for name, table in config.providers.named.items()
        if table.enabled
    }


def _account(
    name: str, table: Table, config: Config, environ: Mapping[str, str], shares: int
) -> Account:
    provider = _provider(name, table)
    routing = config.routing
    return Account(
        name,
        provider,
        _keys(name, table, provider, environ),
        models=table.models,
        timeouts=Timeouts(
            connect_s=table.connect_timeout_seconds,
            first_byte_s=table.first_byte_timeout_seconds,
            idle_s=table.idle_timeout_seconds,
            total_s=table.total_timeout_seconds,
        ),
        patience=Patience(
            retries=table.retries,
            retry_s=table.retry_seconds,
            breaker_failures=routing.breaker_failures,
            breaker_s=routing.breaker_seconds,
        ),
        concurrency=share(table.concurrency or provider.concurrency, shares),
        requests_per_minute=share(table.requests_per_minute, shares),
        characters_per_minute=share(table.characters_per_minute, shares),
        max_segment_chars=table.max_segment_chars,
        prices=prices(provider.type, table.prices),
    )


def _provider(name: str, table: Table) -> Provider:
    try:
        cls = load_file(table.file) if table.file is not None else provider_type(table.type or name)
    except ValueError as error:
        option = "file" if table.file is not None else "type"
        raise ConfigError(f"[providers.{name}] {option}: {error}") from None
    try:
        return cls(Settings(name, table.base_url or "", table.options))
    except ValueError as error:
        raise ConfigError(f"[providers.{name}] {error}") from None


def _keys(
    name: str, table: Table, provider: Provider, environ: Mapping[str, str]
) -> list[ProviderKey]:
    keys = [ProviderKey(key.label, key.value, key.weight) for key in table.labelled_keys]
    if keys:
        return keys
    variable = provider.key_variable
    if variable is not None and not provider.own_server and environ.get(variable):
        return [ProviderKey(variable, Secret(environ[variable]))]
    if not provider.needs_key:
        return [ProviderKey(None, None)]
    way_out = f", or the environment variable {variable}" if variable else ""
    raise ConfigError(
        f"[providers.{name}] api_key: missing; expected {provider.title}'s key, such as "
        f'api_key = "env:{variable or "NAME"}"{way_out}'
    )
