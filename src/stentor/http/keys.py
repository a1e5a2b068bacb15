"""Whose request it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from stentor.errors import SpeechError

KEY_HEADERS = ("x-bf-vk", "authorization", "x-api-key", "xi-api-key")


class Keys:
    """The callers' keys, by digest so that a comparison's time tells nothing of a key.

    Args:
        keys: owner's name → key; empty where keys are off.
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._owners = {_digest(value): name for name, value in keys.items()}

    @property
    def needed(self) -> bool:
        """Whether keys are on."""
        return bool(self._owners)

    def owner(self, headers: Mapping[str, str]) -> str:
        """Whose request this is; "" where keys are off.

        Raises:
            SpeechError: 401 when there is no key, or one that is not known.
        """
        if not self._owners:
            return ""
        for header in KEY_HEADERS:
            value = headers.get(header)
            if value is None:
                continue
            if header == "authorization":
                scheme, _, value = value.partition(" ")
                if scheme.lower() != "bearer":
                    continue
            owner = self._owners.get(_digest(value.strip()))
            if owner is None:
                raise SpeechError(
                    401, "invalid_api_key", f"the key in {header} is not known", param=header
                )
            return owner
        raise SpeechError(
            401,
            "missing_api_key",
            "a key is required: Authorization: Bearer KEY, or KEY as x-bf-vk, x-api-key or "
            "xi-api-key",
            param="authorization",
        )


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
