"""Money and measures in English."""

from __future__ import annotations

from stentor.text.normalise.english.numbers import cardinal, is_one, number, scaled
from stentor.text.normalise.template import NoReading
from stentor.text.normalise.vocabulary import Vocabulary

_MINUS = "-−–"
_POWERS = {"2": "square", "²": "square", "3": "cubic", "³": "cubic"}
_BEHIND = {"2": "squared", "²": "squared", "3": "cubed", "³": "cubed"}
_LENGTHS = ("meter", "foot", "inch", "yard", "mile")


class Money:
    """Reads amounts of money.

    Args:
        currencies: by symbol or code: one, several, one hundredth, several hundredths.
        scales: words and letters like `million` and `K`.
    """

    def __init__(self, currencies: Vocabulary, scales: Vocabulary) -> None:
        self._currencies = currencies
        self._scales = scales

    def amount(self, written: str, currency: str) -> str:
        """An amount without a word of scale: "two pounds one penny"."""
        one, several, hundredth, hundredths = self._names(currency)
        sign = "minus " if written[0] in _MINUS else ""
        whole, _, decimals = written.lstrip(_MINUS + "+").partition(".")
        rest = decimals.rstrip("0")
        if not rest and whole:
            return f"{sign}{cardinal(whole)} {one if is_one(whole) else several}"
        if not rest or len(rest) > 2 or not hundredth:
            kept = f"{whole}.{decimals}" if rest else "0"
            return f"{sign}{number(kept)} {several}"
        small = rest.ljust(2, "0").lstrip("0")
        said = f"{cardinal(small)} {hundredth if small == '1' else hundredths}"
        if whole.strip("0,"):
            said = f"{cardinal(whole)} {one if is_one(whole) else several} {said}"
        return sign + said

    def large(self, written: str, scale: str, currency: str) -> str:
        """An amount with a word of scale: "two point five million dollars"."""
        return f"{scaled(written)} {self.scale(scale)} {self._names(currency)[1]}"

    def scale(self, written: str) -> str:
        """The word for a scale."""
        found = self._scales.get(written)
        if found is None:
            raise NoReading
        return found[0]

    def cents(self, written: str) -> str:
        """An amount in hundredths of a dollar."""
        return f"{number(written)} {'cent' if is_one(written) else 'cents'}"

    def european(self, whole: str, cents: str, currency: str) -> str:
        """An amount with a comma before the cents and full stops between the thousands."""
        return self.amount(f"{whole.replace('.', '')}.{cents}", currency)

    def names(self, currency: str) -> str:
        """The plural of a currency."""
        return self._names(currency)[1]

    def one(self, currency: str) -> str:
        """The singular of a currency."""
        return self._names(currency)[0]

    def _names(self, currency: str) -> tuple[str, ...]:
        found = self._currencies.get(currency)
        if found is None:
            raise NoReading
        return found if len(found) == 4 else (*found, *("",) * (4 - len(found)))


class Measures:
    """Reads units.

    Args:
        units: by symbol: one, several.
        rates: units that are only known behind "per".
    """

    def __init__(self, units: Vocabulary, rates: Vocabulary) -> None:
        self._units = units
        self._rates = rates

    def unit(self, written: str, value: str = "", gap: str = "") -> str:
        """A unit, in the singular for a `value` of one and behind a hyphen ("a ten-mile run").

        It may have an exponent, and be divided by another.
        """
        above, slash, below = written.partition("/")
        column = 0 if is_one(value) or gap == "-" else 1
        if found := self._units.get(written):
            return found[column]
        if slash:
            return f"{self.unit(above, value)} per {self.rate(below)}"
        unit, exponent = _split(written)
        said = self._known(unit)[column]
        return f"{power(exponent)}{said}" if exponent else said

    def rate(self, written: str, exponent: str = "") -> str:
        """The unit that something is divided by: "second squared", "cubic meter"."""
        if not exponent and not self._units.get(written):
            written, exponent = _split(written)
        found = self._units.get(written) or self._rates.get(written)
        if found is None:
            raise NoReading
        if not exponent:
            return found[0]
        if found[0].endswith(_LENGTHS):
            return f"{power(exponent)}{found[0]}"
        return f"{found[0]} {_BEHIND[exponent[-1]]}"

    def _known(self, unit: str) -> tuple[str, ...]:
        found = self._units.get(unit)
        if found is None:
            raise NoReading
        return found


def _split(written: str) -> tuple[str, str]:
    unit = written.rstrip("23²³^")
    return unit.strip(), written[len(unit) :]


def power(written: str) -> str:
    """An exponent before the unit, with a space behind."""
    return f"{_POWERS[written[-1]]} "
