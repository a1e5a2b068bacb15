"""The voices of all models, those of vendors' accounts included."""

from __future__ import annotations

import asyncio

import msgspec

from stentor.contract import Voice, VoiceList
from stentor.errors import invalid
from stentor.providers.faults import ProviderError
from stentor.routing.account import Account
from stentor.voicing import Voices

# Of all pages of one vendor's list.
LISTING_S = 20.0


async def list_voices(voices: Voices, provider: str | None) -> VoiceList:
    """Every voice that there is; a vendor that cannot be asked is told in a warning.

    Args:
        provider: only this one's; None for all.

    Raises:
        SpeechError: 400: there is no such provider.
    """
    local = [voice for voice in voices.catalogue.voices() if provider in (None, voice.provider)]
    accounts = [one for one in voices.catalogue.accounts if provider in (None, one.name)]
    if provider is not None and not local and not accounts:
        names = dict.fromkeys(
            [
                *(voice.provider for voice in voices.catalogue.voices()),
                *(one.name for one in voices.catalogue.accounts),
            ]
        )
        raise invalid(
            f"provider: there is no provider {provider!r}; expected one of {', '.join(names)}",
            param="provider",
        )
    found = await asyncio.gather(*(_of_account(voices, account) for account in accounts))
    return VoiceList(
        [*local, *(voice for listed, _ in found for voice in listed)],
        [warning for _, warning in found if warning is not None],
    )


async def _of_account(voices: Voices, account: Account) -> tuple[list[Voice], str | None]:
    known = {
        (voice.model, voice.id): _full(voice, account.name)
        for model in account.models
        for voice in account.provider.known_voices(model)
    }
    timeouts = msgspec.structs.replace(
        account.timeouts, total_s=min(LISTING_S, account.timeouts.total_s)
    )
    live: list[Voice] = []
    warning = None
    for key in account.keys.in_turn:
        try:
            live = await voices.live_voices.voices(account.provider, key.value, timeouts)
            warning = None
            break
        except ProviderError as error:
            warning = f"{account.name}: its voices could not be listed: {error.message}"
            if error.kind not in ("auth", "quota"):
                break
    for voice in live:
        full = _full(voice, account.name)
        known.setdefault((full.model, full.id), full)
    return list(known.values()), warning


def _full(voice: Voice, account: str) -> Voice:
    """The voice with its model's full name."""
    if not voice.model or voice.model.startswith(f"{account}/"):
        return voice
    return msgspec.structs.replace(voice, model=f"{account}/{voice.model}")
