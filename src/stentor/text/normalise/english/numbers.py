"""English number words.

British "and" is said before the tens of a whole number that stands for itself ("two hundred and
seven"), not in ordinals, fractions, codes and before a word of scale.
"""

from __future__ import annotations

import re
import unicodedata

from stentor.text.normalise.template import NoReading

ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
TENS = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
SCALES = ("", "thousand", "million", "billion", "trillion", "quadrillion", "quintillion")
_IRREGULAR = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_NUMBER = re.compile(r"([-−–+]?)([0-9,]*)(?:\.([0-9]+))?")
_MINUS = "-−–"


def below_hundred(number: int) -> str:
    """0 to 99 in words."""
    if number < 20:
        return ONES[number]
    tens, ones = divmod(number, 10)
    return f"{TENS[tens]} {ONES[ones]}" if ones else TENS[tens]


def _below_thousand(number: int, conjunction: str) -> str:
    hundreds, rest = divmod(number, 100)
    if not hundreds:
        return below_hundred(rest)
    said = f"{ONES[hundreds]} hundred"
    return f"{said}{conjunction}{below_hundred(rest)}" if rest else said


def digits(written: str) -> str:
    """Each figure by itself; what is no figure is left out."""
    return " ".join(ONES[int(char)] for char in written if char in "0123456789")


def _whole(written: str, conjunction: str) -> str:
    figures = written.replace(",", "")
    if len(figures.lstrip("0")) > 3 * len(SCALES):
        return digits(figures)
    number = int(figures or "0")
    if not number:
        return ONES[0]
    groups = []
    while number:
        number, group = divmod(number, 1000)
        groups.append(group)
    said = [
        f"{_below_thousand(group, ' ')} {SCALES[power]}"
        for power, group in reversed(list(enumerate(groups)))
        if power and group
    ]
    if last := groups[0]:
        joins = conjunction != " " and len(groups) > 1 and groups[1] and last < 100
        said.append(f"{'and ' if joins else ''}{_below_thousand(last, conjunction)}")
    return " ".join(said)


def cardinal(written: str) -> str:
    """A whole number with thousands' commas or without: "one thousand and one"."""
    return _whole(written, " and ")


def plain(written: str) -> str:
    """A whole number without "and": "one thousand one"."""
    return _whole(written, " ")


def counted(written: str) -> str:
    """A whole number that stands by itself: one with leading zeros, or of five figures and more
    without commas that is not round, is a code and read figure by figure."""
    if written[0] == "0" and len(written) > 1:
        return digits(written)
    if len(written) > 4 and "," not in written and not written.endswith("000"):
        return digits(written)
    return cardinal(written)


def coded(written: str) -> str:
    """The number in a code like A320: figure by figure if it has more than four or a leading
    zero."""
    if len(written) > 4 or (written[0] == "0" and len(written) > 1):
        return digits(written)
    return plain(written)


def number(written: str) -> str:
    """A number with or without a sign and decimals."""
    return _signed(written, " and ")


def scaled(written: str) -> str:
    """A number before a word of scale: without "and" if it is whole."""
    return _signed(written, " and " if "." in written else " ")


def _signed(written: str, conjunction: str) -> str:
    match = _NUMBER.fullmatch(written)
    if match is None or not (match[2] or match[3]):
        raise NoReading
    sign, whole, fraction = match.groups()
    said = ["minus"] if sign and sign in _MINUS else ["plus"] if sign else []
    if whole:
        said.append(_whole(whole, conjunction))
    if fraction:
        said += ["point", digits(fraction)]
    return " ".join(said)


def is_one(written: str) -> bool:
    """Whether what is counted is in the singular."""
    return written.strip("-−–+") == "1"


def to_ordinal(words: str) -> str:
    """Number words into those of the ordinal: "twenty one" to "twenty first"."""
    head, space, last = words.rpartition(" ")
    if last in _IRREGULAR:
        last = _IRREGULAR[last]
    elif last.endswith("y"):
        last = f"{last[:-1]}ieth"
    else:
        last = f"{last}th"
    return f"{head}{space}{last}"


def ordinal(written: str) -> str:
    """The ordinal of a whole number in figures."""
    return to_ordinal(plain(written))


def suffixed(written: str, suffix: str) -> str:
    """A number with the ending of an ordinal. With a wrong one, the ending is said as it is."""
    said = ordinal(written)
    if suffix.lower() == ending(int(written.replace(",", "")[-2:])):
        return said
    return f"{plain(written)} {suffix}"


def ending(number: int) -> str:
    """The letters behind the figures of an ordinal, by its last two figures."""
    if number // 10 == 1:
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def fraction(above: str, below: str) -> str:
    """A fraction of two whole numbers: "two thirds".

    Raises:
        NoReading: nothing is divided into none or one part.
    """
    parts = int(below)
    if parts < 2:
        raise NoReading
    one = int(above) == 1
    if parts == 2:
        name = "half" if one else "halves"
    elif parts == 4:
        name = "quarter" if one else "quarters"
    else:
        name = ordinal(below) + ("" if one else "s")
    return f"{plain(above)} {name}"


def mixed(whole: str, above: str, below: str) -> str:
    """A whole number and a fraction: "two and a half"."""
    said = fraction(above, below)
    return f"{cardinal(whole)} and {'a half' if said == 'one half' else said}"


def vulgar(written: str) -> str:
    """A fraction that is one character."""
    above, _, below = unicodedata.normalize("NFKC", written).partition("⁄")
    return fraction(above, below)


def with_vulgar(whole: str, written: str) -> str:
    """A whole number and a fraction that is one character."""
    above, _, below = unicodedata.normalize("NFKC", written).partition("⁄")
    return mixed(whole, above, below)


_VALUES = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}


def roman_value(written: str) -> int:
    """The value of a Roman numeral that is written by the rules."""
    values = [_VALUES[char] for char in written.lower()]
    following = [*values[1:], 0]
    return sum(-one if one < other else one for one, other in zip(values, following, strict=True))


def roman(written: str) -> str:
    """A Roman numeral as a cardinal."""
    return cardinal(str(roman_value(written)))


def roman_ordinal(written: str) -> str:
    """A Roman numeral as an ordinal."""
    return ordinal(str(roman_value(written)))
