"""English dates and times of day."""

from __future__ import annotations

import re

from stentor.text.normalise.english.numbers import (
    below_hundred,
    cardinal,
    digits,
    ordinal,
    plain,
)
from stentor.text.normalise.template import NoReading

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_TIME = re.compile(
    r"(\d{1,2})(?:[:.](\d{2}))?(?:[:](\d{2}))? ?([ap])?\.?(?:m\.?)?(?: ?([a-z.]+))?", re.IGNORECASE
)


def year(written: str) -> str:
    """A year of up to four figures, as two numbers: "nineteen oh five", "two thousand five"."""
    value = int(written)
    century, rest = divmod(value, 100)
    if value < 1000 or value > 9999:
        return plain(written.lstrip("0") or "0")
    if century % 10 == 0 and rest < 10:
        return plain(written)
    if not rest:
        return f"{below_hundred(century)} hundred"
    return f"{below_hundred(century)} {_two(rest)}"


def _two(number: int, nought: str = "oh") -> str:
    return f"{nought} {below_hundred(number)}" if number < 10 else below_hundred(number)


def short_year(written: str) -> str:
    """The last two figures of a year: "ninety eight", "oh five"."""
    return _two(int(written))


def decade(written: str) -> str:
    """A decade by its first year, of two or four figures: "nineteen eighties".

    Raises:
        NoReading: it does not end in zero.
    """
    if int(written) % 10:
        raise NoReading
    said = year(written) if len(written) == 4 else below_hundred(int(written))
    return f"{said[:-1]}ies" if said.endswith("y") else f"{said}s"


def month_number(written: str) -> str:
    """The name of a month by its number, 1 to 12."""
    value = int(written)
    if not 1 <= value <= 12:
        raise NoReading
    return MONTHS[value - 1]


def numeric_date(first: str, second: str, written_year: str) -> str:
    """A date in numbers, month first unless only day first makes sense."""
    said = short_year(written_year) if len(written_year) == 2 else year(written_year)
    return f"{month_and_day(first, second)} {said}"


def month_and_day(first: str, second: str) -> str:
    """A day of the year in two numbers, month first unless only day first makes sense."""
    if int(first) <= 12 and 1 <= int(second) <= 31:
        return f"{month_number(first)} {ordinal(second)}"
    if not 1 <= int(first) <= 31:
        raise NoReading
    return f"the {ordinal(first)} of {month_number(second)}"


def year_span(first: str, last: str) -> str:
    """Two years of which the second may have only its last two figures.

    Raises:
        NoReading: the second is not the later one.
    """
    if len(last) == 2:
        if int(last) <= int(first[2:]):
            raise NoReading
        return f"{year(first)} to {short_year(last)}"
    if int(last) <= int(first):
        raise NoReading
    return f"{year(first)} to {year(last)}"


def season(first: str, last: str) -> str:
    """A season over the end of a year.

    Raises:
        NoReading: the second year does not follow the first.
    """
    if int(last) != (int(first) + 1) % 100:
        raise NoReading
    return f"{year(first)} to {short_year(last)}"


def time(written: str) -> str:
    """A time of day like `4:05 p.m. e.s.t.` in hours, minutes and seconds.

    Raises:
        NoReading: no such time.
    """
    match = _TIME.fullmatch(written.strip())
    if match is None:
        raise NoReading
    hour, minute, second, half, zone = match.groups()
    if int(hour) > 24 or int(minute or 0) > 59 or int(second or 0) > 59:
        raise NoReading
    if second:
        said = duration(hour, minute, second)
    elif minute and int(minute):
        said = f"{below_hundred(int(hour))} {_two(int(minute), 'o')}"
    elif minute and not half:
        said = f"{below_hundred(int(hour))} o'clock"
    else:
        said = below_hundred(int(hour))
    if half:
        said += f" {half.upper()}M"
    if zone:
        said += f" {zone.replace('.', '').upper()}"
    return said


def duration(hours: str, minutes: str, seconds: str) -> str:
    """Hours, minutes and seconds."""
    return f"{_count(hours, 'hour')} {_count(minutes, 'minute')} and {_count(seconds, 'second')}"


def _count(written: str, unit: str) -> str:
    value = int(written)
    return f"{cardinal(written)} {unit}{'' if value == 1 else 's'}"


def house(written: str) -> str:
    """The number of a house: "one twenty three", "seven zero eight", "sixteen hundred"."""
    figures = written.replace(",", "")
    if len(figures) < 3:
        return cardinal(figures)
    if len(figures) > 4:
        return digits(figures)
    first, rest = figures[:-2], int(figures[-2:])
    if not rest:
        if figures.endswith("000"):
            return cardinal(figures)
        return f"{below_hundred(int(first))} hundred"
    if rest < 10:
        return (
            digits(figures)
            if len(first) == 1
            else f"{below_hundred(int(first))} zero {digits(str(rest))}"
        )
    return f"{below_hundred(int(first))} {below_hundred(rest)}"
