"""Finding many patterns at once, in time that does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class Automaton:
    """Tells for every place of a text which is the longest pattern that begins there.

    Aho and Corasick's automaton (Efficient string matching, 1975), made of the patterns read
    backwards and run over the text from its end: what their automaton knows at a place is the
    longest pattern that ends there. It takes a bounded number of steps for each symbol of the text
    and of the patterns.

    Args:
        patterns: not empty, and none of them twice.
    """

    __slots__ = ("_best", "_fail", "_next")

    def __init__(self, patterns: Iterable[Sequence[str]]) -> None:
        self._next: list[dict[str, int]] = [{}]
        self._best: list[int] = [-1]
        for number, pattern in enumerate(patterns):
            node = 0
            for symbol in reversed(pattern):
                target = self._next[node].get(symbol)
                if target is None:
                    target = self._next[node][symbol] = len(self._next)
                    self._next.append({})
                    self._best.append(-1)
                node = target
            self._best[node] = number
        self._fail = [0] * len(self._next)
        # Nearest to the root first, so that what a node falls back to is settled before it.
        level = list(self._next[0].values())
        while level:
            below = []
            for node in level:
                if self._best[node] < 0:
                    self._best[node] = self._best[self._fail[node]]
                for symbol, target in self._next[node].items():
                    self._fail[target] = self._step(self._fail[node], symbol)
                    below.append(target)
            level = below

    def find(self, symbols: Sequence[str]) -> list[tuple[int, int]]:
        """Places in ascending order, each with the number of the longest pattern there."""
        found = []
        nexts, best = self._next, self._best
        root = nexts[0]
        node = 0
        for at in range(len(symbols) - 1, -1, -1):
            symbol = symbols[at]
            if node:
                target = nexts[node].get(symbol)
                node = self._step(self._fail[node], symbol) if target is None else target
            else:
                node = root.get(symbol, 0)
            if node and best[node] >= 0:
                found.append((at, best[node]))
        found.reverse()
        return found

    def _step(self, node: int, symbol: str) -> int:
        """Where the symbol leads from the node or from what the node falls back to."""
        nexts, fail = self._next, self._fail
        while (target := nexts[node].get(symbol)) is None and node:
            node = fail[node]
        return target or 0
