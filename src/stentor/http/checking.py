"""What is looked at before a request is accepted, whatever becomes of it."""

from __future__ import annotations

from collections.abc import Sequence

from stentor.errors import SpeechError
from stentor.gateway import Gateway
from stentor.http.failures import draining, storage_full
from stentor.lexicon.lexicon import Lexicon
from stentor.requests import StoredRequest, check, own_locators
from stentor.synthesis.values import Speech

# Markup takes up to some milliseconds a kilobyte to be read.
SMALL_BODY_BYTES = 4 * 1024


def refuse_if_unable(gateway: Gateway) -> None:
    """Take no work that could not be done.

    Raises:
        SpeechError: 503 while the server is stopping, or its disk full.
    """
    if gateway.draining:
        raise draining()
    if gateway.guard.full:
        raise storage_full()


async def named_lexicons(gateway: Gateway, stored: StoredRequest, owner: str) -> list[Lexicon]:
    """The dictionaries that a request names.

    Raises:
        SpeechError: 400 or 404 that names the locator.
    """
    locators = own_locators(stored)
    return await gateway.dictionaries.resolve(owner, locators) if locators else []


def checked(
    gateway: Gateway, stored: StoredRequest, lexicons: Sequence[Lexicon], seed: str = ""
) -> Speech:
    """The request, once it was found to be serviceable.

    Raises:
        SpeechError: 400 or 413 that names the field, and the model as the caller wrote it.
    """
    try:
        return check(
            stored,
            gateway.voices.catalogue,
            max_input_chars=gateway.config.server.max_input_chars,
            seed=seed,
            lexicons=lexicons,
        )
    except SpeechError as error:
        error.model = stored.speech.model
        raise
