"""Which stretches of a text a dictionary speaks otherwise."""

from __future__ import annotations

import time
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stentor.lexicon.lexicon import MAX_PREPARED, Lexicon, serves
from stentor.lexicon.rules import Rule, make_rule
from stentor.lexicon.targets import compile_for
from stentor.text.rewrites import Rewrite, Rewritten, merged


def said(text: str, *rules: Rule, language: str | None = None) -> str:
    """The text as the rules have it, phonemes between slashes."""
    rewrites = [
        one if one.phonemes is None else one._replace(text=f"/{one.phonemes}/")
        for one in Lexicon(rules).rewrites(text, language)
    ]
    return Rewritten(text, rewrites).text


def part(grapheme: str, alias: str, **more: bool) -> Rule:
    return make_rule(grapheme, alias=alias, whole_word=False, **more)


def test_the_longest_grapheme_wins_and_then_the_text_goes_on_behind_it() -> None:
    rules = (
        make_rule("New York", alias="A"),
        make_rule("New York City", alias="B"),
        make_rule("York", alias="C"),
        make_rule("City", alias="D"),
    )
    assert said("New York City, New York, York; City New", *rules) == "B, A, C; D New"


def test_a_grapheme_that_only_begins_is_given_up_for_a_shorter_one() -> None:
    rules = (make_rule("New York City Hall", alias="A"), make_rule("York City", alias="B"))
    assert said("New York City Hotel", *rules) == "New B Hotel"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat category bobcat", "X category bobcat"),
        ("cat's 'cat' cat-like (cat) cat_", "X's 'X' X-like (X) X_"),
        ("cat9 9cat caté", "cat9 9cat caté"),
        ("cat\u0301 кот\u200dcat", "cat\u0301 кот\u200dcat"),
    ],
)
def test_whole_words_end_where_letters_marks_and_numbers_end(text: str, expected: str) -> None:
    assert said(text, make_rule("cat", alias="X")) == expected


def test_a_grapheme_with_signs_at_its_edges_is_a_whole_word_too() -> None:
    rules = (make_rule("C++", alias="see plus plus"), make_rule(".NET", alias="dot net"))
    assert said("C++, ASP.NET and VC++", *rules) == "see plus plus, ASPdot net and VC++"


def test_in_scripts_without_spaces_every_character_is_a_word() -> None:
    assert said("我在重庆工作", make_rule("重庆", alias="Chóngqìng")) == "我在Chóngqìng工作"
    assert said("हिन्दी हि", make_rule("हि", alias="X")) == "हिन्दी X"


def test_parts_of_words_are_replaced_but_never_half_a_character() -> None:
    assert said("cafes cafe\u0302", part("cafe", "X")) == "Xs cafe\u0302"
    assert said("👩\u200d🚀 👩", part("👩", "woman")) == "👩\u200d🚀 woman"


def test_case_matters_unless_a_rule_says_otherwise() -> None:
    strict = make_rule("Polish", alias="X")
    loose = make_rule("straße", alias="Y", case_sensitive=False)
    assert said("polish Polish STRAßE Straẞe ΣΟΦΟΣ", strict, loose) == "polish X Y Y ΣΟΦΟΣ"
    assert said("ΣΟΦΟΣ", make_rule("σοφος", alias="Z", case_sensitive=False)) == "Z"


def test_a_rule_that_minds_the_case_goes_before_one_that_does_not() -> None:
    rules = (make_rule("us", alias="them", case_sensitive=False), make_rule("US", alias="U S"))
    assert said("US us Us", *rules) == "U S them them"


def test_of_several_rules_for_a_grapheme_the_first_holds() -> None:
    assert said("tomato", make_rule("tomato", phoneme="a"), make_rule("tomato", phoneme="e")) == (
        "/a/"
    )
    assert said("tomato", make_rule("tomato", alias="b"), make_rule("tomato", phoneme="e")) == "b"


@pytest.mark.parametrize(
    "written", ["New York", "New\nYork", "New \r\n  York", "New\u00a0York", "Ne\u00adw York\u200b"]
)
def test_spaces_are_of_any_kind_and_what_is_invisible_does_not_disturb(written: str) -> None:
    [found] = Lexicon((make_rule("New York", alias="A"),)).rewrites(f"in {written}!")
    assert f"in {written}!"[found.start : found.end] == written.rstrip("\u200b")


def test_no_grapheme_reaches_across_an_empty_line() -> None:
    assert said("New\n\nYork New \r\n\t\r\n York", make_rule("New York", alias="A")).count("A") == 0


def test_apostrophes_and_composition_make_no_difference() -> None:
    rules = (make_rule("O'Brien", alias="A"), make_rule("Zoe\u0308", alias="B"))
    assert said("O’Brien Zoë Zoe\u0308 Zoe", *rules) == "A B B Zoe"


def test_rules_for_another_language_are_left_out() -> None:
    rules = (
        make_rule("die", alias="dee", language="de"),
        make_rule("a", alias="eh", language="en-GB"),
        make_rule("x", alias="ex"),
    )
    assert said("die a x", *rules, language="de-AT") == "dee a ex"
    assert said("die a x", *rules, language="en") == "die eh ex"
    assert said("die a x", *rules, language="en-us") == "die a ex"
    assert said("die a x", *rules) == "dee eh ex"
    assert not serves("en", "eng")


def test_few_choices_of_languages_are_kept_prepared() -> None:
    languages = [f"{one}{other}" for one in "abcd" for other in "xyz"]
    lexicon = Lexicon(
        tuple(make_rule("a", alias=language, language=language) for language in languages)
    )
    for language in (*languages, *languages):
        [found] = lexicon.rewrites("a", language)
        assert found.text == language
    assert len(lexicon._prepared) <= MAX_PREPARED


def test_a_target_without_phonemes_gets_an_alias_or_a_warning() -> None:
    text = "nginx and Siobhan and SIOBHAN and SQL"
    lexicon = Lexicon(
        (
            make_rule("nginx", phoneme="ˈɛndʒɪnˈɛks"),
            make_rule("nginx", alias="engine X"),
            make_rule("siobhan", phoneme="ʃɪˈvɔːn", case_sensitive=False),
            make_rule("SIOBHAN", phoneme="ʃɪˈvɔːn"),
            make_rule("siobhan", alias="Shivawn", case_sensitive=False),
            make_rule("SQL", phoneme="ˈsiːkwəl"),
        )
    )
    rewrites = lexicon.rewrites(text)
    assert [one.phonemes is not None for one in rewrites] == [True] * 4
    assert compile_for(rewrites, text, phonemes=True) == (rewrites, [])
    taken, warnings = compile_for(rewrites, text, phonemes=False)
    assert Rewritten(text, taken).text == "engine X and Shivawn and Shivawn and SQL"
    assert all(one.phonemes is None for one in taken)
    [warning] = warnings
    assert "'SQL'" in warning


def test_the_alias_of_a_shorter_grapheme_is_none_for_a_longer_one() -> None:
    text = "New York"
    lexicon = Lexicon((make_rule("New York", phoneme="a"), part("New", "X")))
    taken, warnings = compile_for(lexicon.rewrites(text), text, phonemes=False)
    assert taken == []
    assert len(warnings) == 1


def test_an_alias_that_says_what_is_written_loses_nothing() -> None:
    lexicon = Lexicon((make_rule("York", alias="York"),))
    assert compile_for(lexicon.rewrites("York"), "York", phonemes=False)[1] == []


def test_a_warning_is_given_once_for_each_grapheme() -> None:
    lexicon = Lexicon((make_rule("SQL", phoneme="ˈsiːkwəl"),))
    _, warnings = compile_for(lexicon.rewrites("SQL " * 9), "SQL " * 9, phonemes=False)
    assert len(warnings) == 1


def test_of_several_dictionaries_the_first_that_has_a_match_wins() -> None:
    text = "New York City"
    first, second = (
        Lexicon((make_rule("York City", alias="A"),)).rewrites(text),
        Lexicon((make_rule("New York", alias="B"), make_rule("City", alias="C"))).rewrites(text),
    )
    assert Rewritten(text, merged(first, second)).text == "New A"


# Few letters, so that graphemes overlap, contain and repeat each other.
_piece = st.sampled_from(["a", "b", "A", "B", " ", "ß", "'", "’", "-", "é", "e\u0301", "\n", "京"])
_text = st.lists(_piece, max_size=25).map("".join)
_rule = st.builds(
    Rule,
    st.lists(_piece.filter(lambda one: one != "\n"), min_size=1, max_size=5)
    .map(lambda pieces: unicodedata.normalize("NFC", " ".join("".join(pieces).split())))
    .filter(bool),
    alias=st.sampled_from(["x", "y"]),
    case_sensitive=st.booleans(),
    whole_word=st.booleans(),
)
_rules = st.lists(_rule, max_size=6).map(tuple)


@given(_rules, _text)
@settings(max_examples=400, deadline=None)
def test_rewrites_are_in_order_disjoint_and_in_the_text(rules: tuple[Rule, ...], text: str) -> None:
    rewrites = Lexicon(rules).rewrites(text)
    assert all(0 <= one.start < one.end <= len(text) for one in rewrites)
    assert all(one.end <= other.start for one, other in pairwise(rewrites))


def _slowly(rules: tuple[Rule, ...], text: str) -> list[Rewrite]:
    """The same for texts of plain ASCII without double spaces, place by place and rule by rule."""

    def matches(rule: Rule, at: int) -> bool:
        end = at + len(rule.grapheme)
        ours, theirs = rule.grapheme, text[at:end]
        if not rule.case_sensitive:
            ours, theirs = ours.lower(), theirs.lower()
        edges = not rule.whole_word or not (
            (text[at - 1 : at].isalnum() and theirs[:1].isalnum())
            or (text[end : end + 1].isalnum() and theirs[-1:].isalnum())
        )
        return ours == theirs and edges

    rewrites = []
    at = 0
    while at < len(text):
        found = [rule for rule in rules if matches(rule, at)]
        if not found:
            at += 1
            continue
        best = min(
            found, key=lambda one: (-len(one.grapheme), not one.case_sensitive, not one.whole_word)
        )
        rewrites.append(Rewrite(at, at + len(best.grapheme), str(best.alias)))
        at += len(best.grapheme)
    return rewrites


_plain = st.text("abAB'- ", max_size=30).map(lambda text: " ".join(text.split()))
_plain_rules = st.lists(
    st.builds(
        Rule,
        _plain.map(lambda text: text[:6].strip()).filter(bool),
        alias=st.sampled_from(["x", "y"]),
        case_sensitive=st.booleans(),
        whole_word=st.booleans(),
    ),
    max_size=8,
).map(tuple)


@given(_plain_rules, _plain)
@example((Rule("ab", alias="x"), Rule("a", alias="y", whole_word=False)), "aba")
@settings(max_examples=1000, deadline=None)
def test_what_is_found_is_what_a_slow_search_finds(rules: tuple[Rule, ...], text: str) -> None:
    assert Lexicon(rules).rewrites(text) == _slowly(rules, text)


@given(st.text(max_size=60), _rules)
@settings(max_examples=300, deadline=None)
def test_no_text_brings_it_down(text: str, rules: tuple[Rule, ...]) -> None:
    lexicon = Lexicon((*rules, *(Rule(one, alias="x") for one in text.split()[:3])))
    Rewritten(text, lexicon.rewrites(text))


@pytest.mark.parametrize(
    ("graphemes", "unit"),
    [
        (["a" * n for n in range(1, 200)], "a"),
        (["a" * 199 + "b"], "a"),
        (["a " * 99 + "b"], "a "),
        (["ab"], " \u00ad\n\t"),
    ],
)
def test_texts_made_to_be_slow_take_time_in_proportion_to_their_length(
    graphemes: list[str], unit: str
) -> None:
    lexicon = Lexicon(tuple(Rule(one, alias="x", whole_word=" " in one) for one in graphemes))

    def seconds(times: int) -> float:
        text = unit * times
        best = 9.0
        for _ in range(3):
            start = time.perf_counter()
            lexicon.rewrites(text)
            best = min(best, time.perf_counter() - start)
        return best

    seconds(100)
    # Eight times the text: a square would be 64 times the time.
    assert seconds(40_000) < 30 * seconds(5_000)


def test_ten_thousand_rules_are_as_fast_as_ten() -> None:
    text = "nobody knows what these words are " * 3000

    def seconds(count: int) -> float:
        lexicon = Lexicon(tuple(Rule(f"word{n}", alias="x") for n in range(count)))
        lexicon.rewrites("")
        lexicon.rewrites("x")
        start = time.perf_counter()
        assert lexicon.rewrites(text) == []
        return time.perf_counter() - start

    seconds(10)
    assert min(seconds(10_000) for _ in range(3)) < 5 * min(seconds(10) for _ in range(3))
