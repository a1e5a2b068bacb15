"""Reading takes work in proportion to the text, whatever the text is."""

import re
import time
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

import pytest

from stentor.text.normalise import normalise, spoken
from stentor.text.normalise.grammar import Grammar, Rule
from stentor.text.normalise.languages import grammar
from stentor.text.normalise.scan import scan

FLOODS = [
    *("1", "1,", "1 ", "1.", "1/", "1-", "1:", "1x", "+1 ", "-1 ", "'9", "½", "٣", "1 2 3-", "1e5"),
    *("$", "-", "$1,", "%", "=", "&", "#", "@", "(", "<", "[", "º", "°1", "* ", "- "),
    *("a", "A ", "A.", "a.", "a-1", "a=", "a.b", "a@", "www.", "http://", "/a", "#a", "C:\\"),
    *("I ", "IV ", "Mr. ", "May ", "may 5 ", "5 kg ", "1 a.m. ", "12 Aa ", "HELLO ", "1st "),
    *("é", "中1", "中文", "😂", "👩\u200d", "\u0301", "\u200b"),
]
SIZE = 15_000
GENEROUS_S = 5.0
"""More than ten times what the slowest takes; anything quadratic takes far longer."""


class Counting(Grammar):
    """Counts the rules that are tried."""

    tried = 0

    def starting_with(self, char: str) -> tuple[Rule, ...]:
        found = super().starting_with(char)
        self.tried += len(found)
        return found


def tried_in(text: str) -> int:
    rules = grammar("en")
    assert rules
    counting = Counting(rules.rules, rules.number, rules.digits, rules.kept, rules.spelled)
    scan(text, counting, False)
    return counting.tried


@pytest.mark.parametrize("flood", FLOODS)
def test_twice_the_text_tries_no_more_than_twice_the_rules(flood: str) -> None:
    once, twice = tried_in(flood * 500), tried_in(flood * 1000)
    assert twice <= 2 * once + 1000


def unbounded(pattern: Any) -> bool:
    """Whether a parsed pattern has a repetition without an upper bound."""
    for operation, argument in pattern:
        if operation in (
            _constants.MAX_REPEAT,
            _constants.MIN_REPEAT,
            _constants.POSSESSIVE_REPEAT,
        ) and (argument[1] == _constants.MAXREPEAT or unbounded(argument[2])):
            return True
        if operation is _constants.BRANCH and any(map(unbounded, argument[1])):
            return True
        if operation is _constants.SUBPATTERN and unbounded(argument[3]):
            return True
        if operation in (_constants.ASSERT, _constants.ASSERT_NOT) and unbounded(argument[1]):
            return True
    return False


def test_the_search_for_unbounded_repetitions_finds_them() -> None:
    assert unbounded(_parser.parse("a(?:b|(?=c*))"))
    assert not unbounded(_parser.parse("a(?:b|(?=c{0,9}))"))


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "it", "pt"])
def test_no_rule_looks_at_more_than_a_bounded_part_of_the_text(language: str) -> None:
    rules = grammar(language)
    assert rules
    assert [one.name for one in rules.rules if unbounded(_parser.parse(one.pattern.pattern))] == []


@pytest.mark.parametrize("flood", FLOODS)
def test_a_long_text_of_one_pattern_is_read_quickly(flood: str) -> None:
    text = flood * (SIZE // len(flood))
    started = time.perf_counter()
    normalise(text)
    assert time.perf_counter() - started < GENEROUS_S


@pytest.mark.parametrize("language", ["de", "zh", "ja"])
@pytest.mark.parametrize("flood", ["1", "1,", "1 ", "$", "中1", "5kg", "一"])
def test_a_flood_in_another_language_is_read_quickly(language: str, flood: str) -> None:
    text = flood * (SIZE // 3 // len(flood))
    started = time.perf_counter()
    normalise(text, language)
    assert time.perf_counter() - started < GENEROUS_S


def test_a_million_figures_are_read_one_by_one_in_short_pieces() -> None:
    rewrites = normalise("1" * 1_000_000)
    assert sum(one.end - one.start for one in rewrites) == 1_000_000
    assert max(one.end - one.start for one in rewrites) <= 12
    assert re.fullmatch("( one){1,12}", rewrites[1].text)
    assert spoken("120" * 10).split() == ["one", "two", "zero"] * 10
