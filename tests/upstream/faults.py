"""What can go wrong with an answer, on purpose."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from upstream.values import Answer, Received

# As the vendor itself says it (`Vendor.refuse`).
Refusal = Literal["auth", "quota", "rate_limited", "invalid", "not_found", "too_long", "server"]

# Another answer, whole and in order as HTTP.
Replacement = Literal[
    "retry_after",  # 429, Retry-After: 1
    "html",  # 502 and a page of a proxy
    "html_ok",  # 200 and a page of a proxy
    "empty",  # 200 and nothing
    "garbage",  # 200, the right content type, random bytes
]

# The right answer, but the connection breaks, or time passes.
Break = Literal[
    "truncated",  # closed at half of what Content-Length says
    "truncated_chunked",  # closed without the last chunk
    "reset",  # RST after half of the body
    "reset_before",  # RST before any byte
    "stall_before",  # no byte until the client gives up
    "stall_middle",  # half of the body, then nothing until the client gives up
    "slow",  # all of it, in `Upstream.pieces` pieces, `Upstream.pace_s` apart
]

Fault = Refusal | Replacement | Break
Faults = Callable[[Received], Fault | None]

REFUSALS: tuple[Refusal, ...] = get_args(Refusal)
REPLACEMENTS: tuple[Replacement, ...] = get_args(Replacement)
BREAKS: tuple[Break, ...] = get_args(Break)
ALL: tuple[Fault, ...] = (*REFUSALS, *REPLACEMENTS, *BREAKS)

PAGE = (
    b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title><style>b {color: red}</style></head>"
    b"<body><center><h1>502 Bad Gateway</h1></center><hr>nginx</body></html>"
)


def at_random(rate: float, seed: int, kinds: Sequence[Fault] = ALL) -> Faults:
    """One of `kinds` for this share of the requests; the same for the same seed."""
    dice = random.Random(seed)
    return lambda _: dice.choice(kinds) if dice.random() < rate else None


def replaced(fault: Replacement, answer: Answer) -> Answer:
    """What comes instead of a good answer."""
    if fault == "retry_after":
        return Answer(
            429,
            {"content-type": "application/json", "retry-after": "1"},
            [b'{"error": {"message": "slow down"}}'],
        )
    if fault in ("html", "html_ok"):
        return Answer(
            502 if fault == "html" else 200, {"content-type": "text/html; charset=utf-8"}, [PAGE]
        )
    noise = random.Random(0).randbytes(len(b"".join(answer.parts)) if fault == "garbage" else 0)
    return Answer(200, answer.headers, [noise])


@dataclass(frozen=True)
class Delivery:
    """How an answer is sent.

    Attributes:
        pieces: sent one by one, each flushed.
        length: what Content-Length says; None: the body is chunked.
        end: `whole`: as it should be; `close`, `reset`: the connection ends here, without the rest;
            `stall`: nothing more comes.
    """

    pieces: Iterable[bytes]
    length: int | None
    end: Literal["whole", "close", "reset", "stall"] = "whole"


def deliver(answer: Answer, fault: Fault | None, *, cut: int | None, pieces: int) -> Delivery:
    """How an answer is sent if this goes wrong with its sending.

    Args:
        cut: bytes of a piece.
        pieces: how many there are of a slow answer.
    """
    measured = isinstance(answer.parts, Sequence) and len(answer.parts) < 2
    length = sum(map(len, answer.parts)) if measured else None
    if fault not in BREAKS:
        return Delivery(_cut(b"".join(answer.parts), cut) if cut else answer.parts, length)
    body = b"".join(answer.parts)
    half = [body[: len(body) // 2]]
    match fault:
        case "truncated":
            return Delivery(half, len(body), "close")
        case "truncated_chunked":
            return Delivery(half, None, "close")
        case "reset":
            return Delivery(half, length, "reset")
        case "stall_middle":
            return Delivery(half, length, "stall")
        case "reset_before" | "stall_before":
            raise ValueError(f"{fault}: there is no answer to deliver")
    return Delivery(_cut(body, max(1, -(-len(body) // pieces))), length)


def _cut(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]
