"""A server process besides the first; `stentor serve --processes` starts it as a module.

Its orders come over standard input. It ends when it is told to, or when the first process does.
"""

from __future__ import annotations

import os
import pickle
import socket
import sys

from stentor.cli.members import Orders

ALONE = 70


async def _serve(orders: Orders) -> None:
    from stentor.cli.serve import serve_gateway
    from stentor.gateway import open_member
    from stentor.processes.link import Link

    link = await Link.over(socket.socket(fileno=orders.link))
    with socket.socket(fileno=orders.listening) as bound:
        async with open_member(
            orders.config,
            link,
            name=orders.name,
            number=orders.number,
            # What it was doing is safe, and the store is another server's by now.
            on_alone=lambda: os._exit(ALONE),
        ) as gateway:
            await serve_gateway(orders.config, gateway, bound)


def main() -> None:
    from stentor.cli.serve import event_loop
    from stentor.logs import configure

    # Written by the first process, which pickled it.
    given = pickle.load(sys.stdin.buffer)
    orders = Orders(*given)
    configure(orders.config.logging)
    with event_loop() as runner:
        runner.run(_serve(orders))


if __name__ == "__main__":
    main()
