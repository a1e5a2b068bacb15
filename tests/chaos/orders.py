"""The mix of jobs that a round submits."""

from __future__ import annotations

import random
from dataclasses import dataclass

from chaos.server import KEYS
from chaos.texts import ALL, SENTENCES, Text
from stentor.contract import PRIORITIES, Priority, ResponseFormat

FORMATS: tuple[ResponseFormat, ...] = ("pcm", "wav", "mp3", "pcm", "wav", "mp3", "opus", "flac")
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Order:
    """One job that a client wants.

    Attributes:
        name: sent as `x-request-id`, unique in the round.
        private: submitted with `enable_logging: false`.
        key: the idempotency key; with one, two clients submit the order at once.
        cancel_after_s: when it is cancelled after its 202; None for never.
    """

    name: str
    owner: str
    text: Text
    priority: Priority
    private: bool = False
    key: str | None = None
    cancel_after_s: float | None = None

    @property
    def body(self) -> dict[str, object]:
        fields: dict[str, object] = {
            "model": "piper/en_US-joe-medium",
            "voice": "joe",
            "input": self.text.input,
            "response_format": self.text.response_format,
        }
        return fields | ({"enable_logging": False} if self.private else {})

    @property
    def headers(self) -> dict[str, str]:
        fields = {"x-request-id": self.name, "x-stentor-priority": self.priority}
        return fields | ({"Idempotency-Key": self.key} if self.key else {})


def make_orders(choose: random.Random, sentences: int) -> list[Order]:
    """Jobs of about so many sentences in all, from one sentence to `LONGEST`, in random order.

    A fifth of them is cancelled, a fifth private, and a third is submitted twice. Few sentences
    are few different ones, so that a small round is quick to prepare.
    """
    lengths = []
    left = sentences
    while left > 0:
        # Most jobs are short, and most sentences are in long ones.
        most = min(left, LONGEST)
        length = most if not lengths and sentences >= LONGEST else _length(choose, most)
        lengths.append(length)
        left -= length
    choose.shuffle(lengths)
    return [_order(choose, number, length, sentences) for number, length in enumerate(lengths)]


def _length(choose: random.Random, most: int) -> int:
    few, many = choose.choice(((1, 1), (1, 4), (2, 8), (5, 20), (10, 60)))
    return min(most, choose.randint(few, many))


def _order(choose: random.Random, number: int, length: int, sentences: int) -> Order:
    private = length <= 20 and choose.random() < 0.2
    said = range(len(ALL))[SENTENCES:] if private else range(min(sentences, SENTENCES))
    return Order(
        name=f"order-{number:04}",
        owner=choose.choice(list(KEYS)),
        text=Text(tuple(choose.sample(said, length)), choose.choice(FORMATS)),
        priority=choose.choice(PRIORITIES),
        private=private,
        key=f"key-{number:04}" if choose.random() < 0.33 else None,
        cancel_after_s=choose.uniform(0, 5) if choose.random() < 0.2 else None,
    )
