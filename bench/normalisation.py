"""How many written forms are read as a file of pairs says, by category.

    python -m bench.normalisation PAIRS.tsv [--wrong]

The file has a line of headings, then category, written and spoken form, with tabs between. Case,
hyphens and punctuation are not compared.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from pathlib import Path

from stentor.text.normalise import spoken

_IGNORED = re.compile(r"[^\w\s]|_")


def comparable(text: str) -> str:
    """`text` without what is not compared."""
    return " ".join(_IGNORED.sub(" ", text.casefold()).split())


def main() -> None:
    """Print the score of each category and of all."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("pairs", type=Path)
    arguments.add_argument("--language", default="en")
    arguments.add_argument("--wrong", action="store_true", help="show the pairs that differ")
    options = arguments.parse_args()
    total: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for line in options.pairs.read_text(encoding="utf-8").splitlines()[1:]:
        category, written, wanted = line.split("\t")
        said = spoken(written, options.language)
        total[category] += 1
        if comparable(said) == comparable(wanted):
            right[category] += 1
        elif options.wrong:
            print(f"{category}: {written!r}\n  wanted {wanted!r}\n  said   {said!r}")
    print(f"{'category':<14}{'right':>6}{'of':>6}{'%':>8}")
    for category in [*sorted(total), "all"]:
        of = total.total() if category == "all" else total[category]
        good = right.total() if category == "all" else right[category]
        print(f"{category:<14}{good:>6}{of:>6}{100 * good / of:>8.1f}")


if __name__ == "__main__":
    main()
