"""Who goes next: a queue in which owners, and each owner's flows, take turns."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from stentor.contract import PRIORITIES, Priority
from stentor.engines.base import Flow

T = TypeVar("T", bound=Hashable)

_Items = OrderedDict[T, None]
_Flows = OrderedDict[Flow, _Items[T]]


class Turns(Generic[T]):
    """Items that wait, each in a flow, and the order in which they are served.

    Owners take turns, one item each. Within an owner the flows of the highest priority that has
    anything waiting go first, and those of one priority take turns. A flow's items keep their
    order. Whoever comes new joins at the end of the turns.

    Every operation takes constant time, and what no longer waits leaves nothing behind. Items
    are told apart by equality; an item waits at most once in a flow.
    """

    def __init__(self) -> None:
        self._owners: OrderedDict[str, dict[Priority, _Flows[T]]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def push(self, flow: Flow, item: T) -> None:
        """Append an item to its flow.

        Raises:
            ValueError: it waits there already.
        """
        items = self._flows(flow).setdefault(flow, OrderedDict())
        if item in items:
            raise ValueError(f"item waits already, expected one that does not: {item!r}")
        items[item] = None
        self._size += 1

    def put_back(self, flow: Flow, item: T) -> None:
        """Put an item before the others of its flow, and the flow before its owner's of the same
        priority. The owner, whose turn it was, waits for the next one.

        Raises:
            ValueError: it waits there already.
        """
        self.push(flow, item)
        flows = self._flows(flow)
        flows.move_to_end(flow, last=False)
        flows[flow].move_to_end(item, last=False)

    def pop(self) -> T:
        """Take the item whose turn it is.

        Raises:
            IndexError: nothing waits.
        """
        if not self._owners:
            raise IndexError("pop from turns in which nothing waits")
        owner, levels = self._owners.popitem(last=False)
        priority = next(level for level in reversed(PRIORITIES) if level in levels)
        flow, items = levels[priority].popitem(last=False)
        item, _ = items.popitem(last=False)
        self._size -= 1
        if items:
            levels[priority][flow] = items
        elif not levels[priority]:
            del levels[priority]
        if levels:
            self._owners[owner] = levels
        return item

    def discard(self, flow: Flow, item: T) -> None:
        """Remove an item, wherever it waits; nothing happens if it does not."""
        levels = self._owners.get(flow.owner, {})
        flows = levels.get(flow.priority)
        items = flows.get(flow) if flows else None
        if flows is None or items is None or item not in items:
            return
        del items[item]
        self._size -= 1
        if not items:
            del flows[flow]
        if not flows:
            del levels[flow.priority]
        if not levels:
            del self._owners[flow.owner]

    def _flows(self, flow: Flow) -> _Flows[T]:
        """The flows of this one's owner and priority, in the order of their turns."""
        levels = self._owners.setdefault(flow.owner, {})
        return levels.setdefault(flow.priority, OrderedDict())
