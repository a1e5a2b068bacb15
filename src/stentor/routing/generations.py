"""What tells audio that cannot be made a second time from all other audio of a job."""

from __future__ import annotations

import secrets

# Numbers below are those of a request's targets, whose audio is made the same again.
FIRST_RANDOM = 1000
_BEYOND = 10**9


def new_generation() -> int:
    """A number that no other audio has, of at most nine figures."""
    return FIRST_RANDOM + secrets.randbelow(_BEYOND - FIRST_RANDOM)
