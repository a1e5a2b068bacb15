"""`make bench`: run all benchmarks, or those named on the command line."""

from __future__ import annotations

import importlib
import sys

from bench.table import Row, show

ALL = (
    "http",
    "side_by_side",
    "first_byte",
    "synthesis",
    "encoding",
    "transcoding",
    "passthrough",
    "streams",
    "faults",
    "loudness",
    "latency",
    "polling",
    "store",
    "start",
)


def main() -> None:
    rows: list[Row] = []
    for name in sys.argv[1:] or ALL:
        print(f"running {name} ...", flush=True)
        rows += importlib.import_module(f"bench.{name}").run()
    show(rows)


if __name__ == "__main__":
    main()
