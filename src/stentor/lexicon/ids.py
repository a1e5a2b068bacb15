"""The ids of dictionaries and of their versions, which vendors' own never look like."""

from __future__ import annotations

import re

DICTIONARY_PREFIX = "pd_"
VERSION_PREFIX = "pdv_"

_DICTIONARY_ID = re.compile(rf"{DICTIONARY_PREFIX}[0-9a-f]{{32}}")
_VERSION_ID = re.compile(rf"{VERSION_PREFIX}[0-9a-f]{{32}}")


def is_dictionary_id(text: str) -> bool:
    """Whether this may be the id of a dictionary here, rather than of one that a vendor keeps."""
    return _DICTIONARY_ID.fullmatch(text) is not None


def is_version_id(text: str) -> bool:
    """Whether this may be the id of a version here."""
    return _VERSION_ID.fullmatch(text) is not None
