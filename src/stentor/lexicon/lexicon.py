"""A dictionary at work: which stretches of a text are spoken otherwise than they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import accumulate, groupby
from typing import NamedTuple

from stentor.lexicon.automaton import Automaton
from stentor.lexicon.folding import Folded, characters, fold_case, words
from stentor.lexicon.rules import Rule
from stentor.text.rewrites import Rewrite

MAX_PREPARED = 4
"""For how many choices of languages a dictionary's rules are kept prepared."""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The rules of one version of a dictionary.

    The first call for a language takes the time to prepare the rules, which is in proportion to
    their length; the others take time in proportion to the text.

    Attributes:
        rules: in order; of several for the same grapheme the first holds.
        version_id: of the dictionary, where it is kept; the rules of a version never change.
    """

    rules: tuple[Rule, ...]
    version_id: str = ""
    _prepared: dict[frozenset[str], list[_Layer]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def rewrites(self, text: str, language: str | None = None) -> list[Rewrite]:
        """What the rules say of a text, in order and without overlaps.

        From left to right, and at each place the longest grapheme. Of graphemes of one length a
        rule that minds the case comes first, then one for whole words, then the order of the
        rules. White space of any kind and length matches a space, unless there is an empty line in
        it; soft hyphens do not disturb; typographic apostrophes match plain ones. In scripts that
        set no spaces between words, every character counts as a word.

        Args:
            language: BCP 47 tag of the text; rules for other languages are left out. None takes
                all rules.

        Returns:
            Rewrites whose `text` is the alias, or what is written where there is none, and whose
            `phonemes` are in IPA, unless an alias comes first.
        """
        layers = self._layers(language)
        if not layers or not text:
            return []
        folded = Folded(text)
        found = _found(folded.text, layers)
        rewrites: list[Rewrite] = []
        position = 0
        for _, rivals in groupby(found, key=lambda one: one.start):
            longest, *others = rivals
            start, end = folded.span(longest.start, longest.end)
            if start >= position:
                said = [longest.said, *(one.said for one in others if one.end == longest.end)]
                rewrites.append(_rewrite(text, start, end, said))
                position = end
        return rewrites

    def _layers(self, language: str | None) -> list[_Layer]:
        languages = {rule.language for rule in self.rules if rule.language}
        served = frozenset(one for one in languages if serves(one, language))
        layers = self._prepared.get(served)
        if layers is None:
            rules = [rule for rule in self.rules if not rule.language or rule.language in served]
            layers = list(_prepare(rules))
            if len(self._prepared) >= MAX_PREPARED:
                self._prepared.clear()
            self._prepared[served] = layers
        return layers


def serves(rule_language: str, language: str | None) -> bool:
    """Whether a rule for one language is for texts in another: if one is a part of the other.

    A rule for `en` serves `en-GB`, and one for `en-GB` a text of which no more is known than `en`,
    but not one in `en-US`.
    """
    if language is None:
        return True
    ours, theirs = (f"{tag.lower()}-" for tag in (rule_language, language))
    return ours.startswith(theirs) or theirs.startswith(ours)


class _Said(NamedTuple):
    """What the rules say for one grapheme: the rule that holds, and the first alias.

    `length` is that of the grapheme, in characters of folded text.
    """

    rule: Rule
    alias: str | None
    length: int


class _Layer(NamedTuple):
    """The rules that are matched in the same manner."""

    automaton: Automaton
    said: list[_Said]
    case_sensitive: bool
    whole_word: bool


class _Found(NamedTuple):
    start: int
    end: int
    said: _Said


_MANNERS = ((True, True), (True, False), (False, True), (False, False))


def _prepare(rules: Iterable[Rule]) -> Iterable[_Layer]:
    sorted_out: dict[tuple[bool, bool], dict[str, list[Rule]]] = {one: {} for one in _MANNERS}
    for rule in rules:
        key = Folded(rule.grapheme).text
        if not rule.case_sensitive:
            key = fold_case(key)
        sorted_out[rule.case_sensitive, rule.whole_word].setdefault(key, []).append(rule)
    for (case_sensitive, whole_word), groups in sorted_out.items():
        if groups:
            yield _Layer(
                Automaton(map(_splitter(whole_word), groups)),
                [_Said(group[0], _first_alias(group), len(key)) for key, group in groups.items()],
                case_sensitive,
                whole_word,
            )


def _splitter(whole_word: bool) -> Callable[[str], list[str]]:
    return words if whole_word else characters


def _first_alias(group: Iterable[Rule]) -> str | None:
    return next((rule.alias for rule in group if rule.alias is not None), None)


def _found(text: str, layers: Iterable[_Layer]) -> list[_Found]:
    """The longest match at each place in each layer: longest first, and then by the layers."""
    found: list[_Found] = []
    for automaton, said, case_sensitive, whole_word in layers:
        symbols = _splitter(whole_word)(text if case_sensitive else fold_case(text))
        starts = [0, *accumulate(map(len, symbols))]
        for at, number in automaton.find(symbols):
            start = starts[at]
            found.append(_Found(start, start + said[number].length, said[number]))
    # The sort is stable, which keeps the layers in order.
    found.sort(key=lambda one: (one.start, -one.end))
    return found


def _rewrite(text: str, start: int, end: int, said: list[_Said]) -> Rewrite:
    rule = said[0].rule
    alias = next((one.alias for one in said if one.alias is not None), None)
    if rule.alias is not None:
        return Rewrite(start, end, rule.alias)
    return Rewrite(start, end, text[start:end] if alias is None else alias, rule.phonemes)
