"""German, French, Spanish, Italian and Portuguese: number words from num2words, the rest from
data files.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Literal

from stentor.text.normalise.grammar import Grammar, read_rules
from stentor.text.normalise.net import Electronic
from stentor.text.normalise.template import NoReading, Reading
from stentor.text.normalise.vocabulary import Vocabulary, vocabularies

_MOST_FIGURES = 15
"""Longer numbers are read figure by figure."""
_GROUPING = re.compile("[.\\s\u00a0\u202f’']")
_VALUES = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}


def european(variant: str) -> Grammar:
    """The grammar of a language, by what num2words calls it."""
    code = variant[:2]
    tables = vocabularies(code)
    words = Words(variant, tables)
    rules = read_rules(
        ["european/macros", f"{code}/macros"],
        [f"{code}/rules", "european/rules"],
        tables,
        words.readings(),
    )
    return Grammar(rules, words.counted, words.digits)


class Words:
    """Reads numbers and what goes with them.

    Args:
        variant: what num2words calls the language.
        tables: of the language; `word` has the words of arithmetic and grammar.
    """

    def __init__(self, variant: str, tables: dict[str, Vocabulary]) -> None:
        from num2words import num2words

        self._convert: Callable[..., str] = partial(num2words, lang=variant)
        self._tables = tables
        self._code = variant[:2]

    def readings(self) -> dict[str, Reading]:
        """What templates may call, by name."""
        signs = self._tables["sign"]
        net = Electronic(signs, signs, self.digits, self.cardinal)
        return {
            **{name: partial(self._row, name) for name in self._tables},
            "amount": self.amount,
            "cardinal": self.cardinal,
            "clock": lambda written: self.cardinal(str(int(written))),
            "counted": self.counted,
            "digits": self.digits,
            "electronic": net,
            "fraction": self.fraction,
            "hour": self.hour,
            "month_number": self.month_number,
            "number": self.number,
            "one": self.first_or_cardinal,
            "ordinal": self.ordinal,
            "ordinal_n": lambda written: f"{self.ordinal(written)}n",
            "ordinal_r": lambda written: f"{self.ordinal(written)}r",
            "ordinal_f": lambda written: re.sub("o\\b", "a", self.ordinal(written)),
            "quantity": self.quantity,
            "roman": lambda written: self.cardinal(str(_roman(written))),
            "roman_ordinal": lambda written: self.ordinal(str(_roman(written))),
            "telephone": self.telephone,
            "year": self.year,
        }

    def word(self, name: str) -> str:
        """A word of arithmetic or grammar."""
        return self._row("word", name)

    def digits(self, written: str) -> str:
        """Each figure by itself."""
        return " ".join(self._number(int(char)) for char in written if char in "0123456789")

    def cardinal(self, written: str) -> str:
        """A whole number, with marks between the thousands or without."""
        figures = _GROUPING.sub("", written)
        if len(figures) > _MOST_FIGURES:
            return self.digits(figures)
        return self._number(int(figures))

    def counted(self, written: str) -> str:
        """A number by itself: figure by figure with leading zeros."""
        if written[0] == "0" and len(written) > 1:
            return self.digits(written)
        return self.cardinal(written)

    def number(self, written: str) -> str:
        """A number with or without a sign and decimals behind a comma, or a point."""
        sign = f"{self.word('minus')} " if written[0] in "-−–" else ""
        whole, mark, decimals = written.lstrip("-−–+").partition(",")
        if not mark and re.fullmatch(r"\d+\.(?:\d{1,2}|\d{4,})", whole):
            whole, mark, decimals = whole.partition(".")
        said = self.cardinal(whole or "0")
        if decimals:
            name = "comma" if mark == "," else "point"
            said += f" {self.word(name)} {self._decimals(decimals)}"
        return sign + said

    def _decimals(self, written: str) -> str:
        if self._code == "de" or len(written) > 2 or written[0] == "0":
            return self.digits(written)
        return self.cardinal(written)

    def ordinal(self, written: str) -> str:
        """The ordinal of a whole number, masculine."""
        return self._number(int(written), "ordinal")

    def first_or_cardinal(self, written: str) -> str:
        """A day of the month where only the first has an ordinal."""
        return self.ordinal("1") if int(written) == 1 else self.cardinal(written)

    def hour(self, written: str) -> str:
        """The hour of a time of day; one has the gender of the word for hour."""
        if int(written) == 1:
            return self.word("one_hour")
        return self._agreeing(self.cardinal(str(int(written))), True)

    def year(self, written: str) -> str:
        """A year of four figures."""
        return self._number(int(written), "year").replace(",", "")

    def month_number(self, written: str) -> str:
        """The name of a month by its number, 1 to 12."""
        return self._row("month_number", str(int(written)))

    def quantity(self, written: str, unit: str) -> str:
        """A number with a unit."""
        row = self._tables["unit"].get(unit)
        if row is None:
            raise NoReading
        if written == "1":
            return row[0]
        return f"{self._agreeing(self.number(written), row[2:] == ('f',))} {row[1]}"

    def _agreeing(self, said: str, feminine: bool) -> str:
        pairs = _FEMININE if feminine else _MASCULINE
        for ending, instead in pairs.get(self._code, ()):
            said = re.sub(rf"{ending}\b(?=$| mil)", instead, said)
        return said

    def amount(self, written: str, currency: str) -> str:
        """An amount of money: `written` with a comma or a point before two decimals."""
        row = self._tables["currency"].get(currency)
        if row is None:
            raise NoReading
        sign = f"{self.word('minus')} " if written[0] in "-−–" else ""
        match = re.fullmatch(r"(.*?\d)(?:[.,](\d{1,2})|,-|,–)?", written.lstrip("-−–"))
        if match is None:
            raise NoReading
        whole, cents = _GROUPING.sub("", match[1]).replace(",", ""), match[2] or ""
        one, several = row[:2]
        feminine = row[4:] == ("f",)
        said = f"{self._agreeing(self.cardinal(whole), feminine)} {several}"
        if whole == "1":
            said = one
        if cents.strip("0"):
            small = cents.ljust(2, "0").lstrip("0")
            if len(row) < 4:
                raise NoReading
            several_cents = f"{self._agreeing(self.cardinal(small), False)} {row[3]}"
            hundredths = row[2] if small == "1" else several_cents
            joined = f" {self.word('and_cents')} ".replace("  ", " ")
            said = hundredths if not int(whole) else f"{said}{joined}{hundredths}"
        return sign + said

    def fraction(self, above: str, below: str) -> str:
        """A fraction from the table, or one number over another."""
        known = self._tables["fraction"].get(f"{int(above)}/{int(below)}")
        if known:
            return known[0]
        return f"{self.cardinal(above)} {self.word('over')} {self.cardinal(below)}"

    def telephone(self, written: str) -> str:
        """Groups of figures with commas between."""
        groups = re.findall(r"\+|\d+", written)
        said = [self.word("plus") if group == "+" else self.digits(group) for group in groups]
        return ", ".join(said).replace(f"{self.word('plus')},", self.word("plus"))

    def _row(self, table: str, written: str) -> str:
        found = self._tables[table].get(written)
        if found is None:
            raise NoReading
        return found[0]

    def _number(self, value: int, to: Literal["cardinal", "ordinal", "year"] = "cardinal") -> str:
        if self._code == "de" and value == 0:
            return "null"
        try:
            return self._convert(value, to=to)
        except (OverflowError, NotImplementedError, IndexError, KeyError, ValueError) as error:
            if to != "cardinal":
                raise NoReading from error
            return " ".join(self._convert(int(char)) for char in str(abs(value)))


_FEMININE = {
    "fr": (("un", "une"),),
    "es": (("uno", "una"), ("cientos", "cientas")),
    "pt": (("um", "uma"), ("dois", "duas"), ("entos", "entas")),
}
_MASCULINE = {"es": (("veintiuno", "veintiún"), ("uno", "un"))}


def _roman(written: str) -> int:
    values = [_VALUES[char] for char in written.lower()]
    following = [*values[1:], 0]
    return sum(-one if one < other else one for one, other in zip(values, following, strict=True))
