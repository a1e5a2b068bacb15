"""The rules of English with their readings."""

from __future__ import annotations

import re

from stentor.text.normalise.english import amounts, calendar, codes, numbers
from stentor.text.normalise.english.amounts import Measures, Money
from stentor.text.normalise.grammar import Grammar, read_rules
from stentor.text.normalise.net import Electronic
from stentor.text.normalise.template import NoReading, Reading
from stentor.text.normalise.vocabulary import Vocabulary, vocabularies

_FORMULA = re.compile(r"\^[23](?!\d)|\d+(?:\.\d+)?|[^\W\d_]|[<>=!~]=|[^\w\s]|[²³]")
_NUMBERED_BOOKS = {"1": "First", "2": "Second", "3": "Third"}
_EXPONENTS = {"²": "squared", "^2": "squared", "³": "cubed", "^3": "cubed"}
FILES = (
    "protected",
    "electronic",
    "telephone",
    "phrases",
    "addresses",
    "dates",
    "times",
    "money",
    "measures",
    "math",
    "ranges",
    "roman",
    "abbreviations",
    "codes",
    "numbers",
    "symbols",
)


def english() -> Grammar:
    """The grammar of English, from its files."""
    tables = vocabularies("en")
    rules = read_rules(["en/macros"], [f"en/{name}" for name in FILES], tables, readings(tables))
    letters = tables["spelled"]
    spelled = {word: letters.row(word)[0] for word in letters}
    alone = frozenset(word for word in letters if letters.row(word)[1:] == ("alone",))
    kept = frozenset(tables["initialisms"])
    return Grammar(rules, numbers.counted, numbers.digits, kept, spelled, alone)


def readings(tables: dict[str, Vocabulary]) -> dict[str, Reading]:
    """What the rules' templates may call, by name: the tables and the functions."""
    money = Money(tables["currency"], tables["scale"])
    measures = Measures(tables["unit"], tables["per"])
    return {
        **{name: _lookup(table) for name, table in tables.items()},
        "amount": money.amount,
        "ampersands": lambda written: " and ".join(written.split("&")),
        "bible": _bible(tables["bible"]),
        "by": _by,
        "cents": money.cents,
        "coded_and": numbers.counted,
        "counted_or_letter": _counted_or_letter,
        "european": money.european,
        "formula": _formula(tables["operator"]),
        "gap": lambda written: "-" if written == "-" else " ",
        "letters_apart": lambda written: " ".join(_letters(word) for word in written.split()),
        "minus": lambda written: "minus ",
        "pence": lambda written: money.amount(f"0.{written.zfill(2)}", "£"),
        "power": amounts.power,
        "rate": measures.rate,
        "units": measures.unit,
        "vulgar": numbers.vulgar,
        "with_vulgar": numbers.with_vulgar,
        "camel": codes.camel,
        "cardinal": numbers.cardinal,
        "coded": numbers.coded,
        "counted": numbers.counted,
        "currencies": money.names,
        "decade": calendar.decade,
        "digits": numbers.digits,
        "electronic": Electronic(
            tables["sign"], tables["net_word"], numbers.digits, numbers.cardinal
        ),
        "fraction": numbers.fraction,
        "house": calendar.house,
        "join": lambda written: " to " if written.strip() in "-–—" else written,
        "large": money.large,
        "letters": _letters,
        "lower": str.lower,
        "mixed": numbers.mixed,
        "month_and_day": calendar.month_and_day,
        "month_number": calendar.month_number,
        "number": numbers.number,
        "numeric_date": calendar.numeric_date,
        "one_currency": money.one,
        "ordinal": numbers.ordinal,
        "plain": numbers.plain,
        "roman": numbers.roman,
        "roman_ordinal": numbers.roman_ordinal,
        "scaled": numbers.scaled,
        "season": calendar.season,
        "serial": codes.serial,
        "short_year": calendar.short_year,
        "suffixed": numbers.suffixed,
        "telephone": codes.telephone,
        "time": calendar.time,
        "unit": measures.unit,
        "version": codes.version,
        "year": calendar.year,
        "year_span": calendar.year_span,
    }


def _lookup(table: Vocabulary) -> Reading:
    def read(written: str) -> str:
        found = table.get(written)
        if found is None:
            raise NoReading
        return found[0]

    return read


def _formula(operators: Vocabulary) -> Reading:
    def read(written: str) -> str:
        said: list[str] = []
        last = ""
        for piece in _FORMULA.findall(written):
            if piece == "x" and last[:1].isdigit() and " x " in written:
                said.append("times")
            elif known := operators.get(piece):
                said.append("minus" if piece in "-−–" else known[0])
            elif piece[0].isdigit():
                said.append(numbers.number(piece))
            else:
                said.append(_EXPONENTS.get(piece, piece))
            last = piece
        return " ".join(said)

    return read


def _counted_or_letter(written: str) -> str:
    return numbers.number(written) if written.strip("-−.").isdigit() else written


def _by(written: str) -> str:
    return f" by {numbers.number(written.strip(' x×'))}"


def _bible(books: Vocabulary) -> Reading:
    read = _lookup(books)

    def book(written: str) -> str:
        number, space, name = written.rpartition(" ")
        said = _NUMBERED_BOOKS[number] if number else ""
        return f"{said}{space}{read(name)}"

    return book


def _letters(written: str) -> str:
    return "".join(char for char in written if char.isalpha()).upper()
