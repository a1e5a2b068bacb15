"""Comparing what a vendor's own SDK sends with what the adapter sends."""

from __future__ import annotations

import json
from typing import Any

from upstream.values import Received

# What every HTTP client says of itself, and what only a connection is about.
TRANSPORT_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "connection",
        "content-length",
        "host",
        "transfer-encoding",
        "user-agent",
    }
)
_ABSENT = "(absent)"


def differences(sdk: Received, ours: Received) -> dict[str, tuple[Any, Any]]:
    """What differs, as `header NAME`, `query NAME`, `body.PATH`, `method`, `path` → (SDK's, ours).

    Bodies are compared as JSON where they are JSON, whatever the order of the fields.
    """
    found: dict[str, tuple[Any, Any]] = {}

    def compare(what: str, theirs: Any, mine: Any) -> None:
        if theirs != mine:
            found[what] = (theirs, mine)

    compare("method", sdk.method, ours.method)
    compare("path", sdk.path, ours.path)
    compare_maps("query ", _query(sdk), _query(ours), compare)
    compare_maps("header ", _headers(sdk), _headers(ours), compare)
    compare_maps("body", _flat(_body(sdk)), _flat(_body(ours)), compare)
    return found


def compare_maps(prefix: str, theirs: dict[str, Any], mine: dict[str, Any], compare: Any) -> None:
    for name in sorted(theirs.keys() | mine.keys()):
        compare(f"{prefix}{name}", theirs.get(name, _ABSENT), mine.get(name, _ABSENT))


def _query(received: Received) -> dict[str, Any]:
    """The value of each name; of one that is there several times, all values."""
    values: dict[str, list[str]] = {}
    for name, value in received.query:
        values.setdefault(name, []).append(value)
    return {name: found[0] if len(found) == 1 else found for name, found in values.items()}


def _headers(received: Received) -> dict[str, str]:
    return {
        name: value for name, value in received.headers.items() if name not in TRANSPORT_HEADERS
    }


def _body(received: Received) -> Any:
    try:
        return json.loads(received.body)
    except ValueError:
        return received.body


def _flat(node: Any, path: str = "") -> dict[str, Any]:
    if isinstance(node, dict) and node:
        pairs = [(f"{path}.{name}", value) for name, value in node.items()]
    elif isinstance(node, list) and node:
        pairs = [(f"{path}[{number}]", value) for number, value in enumerate(node)]
    else:
        return {path: node}
    return {name: leaf for at, value in pairs for name, leaf in _flat(value, at).items()}
