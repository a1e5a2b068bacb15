"""Markup is read in time proportional to its length, whatever it is."""

import time

import pytest

from stentor.errors import SpeechError
from stentor.text.markup.marked import InputType
from stentor.text.markup.read import read_markup

SIZE = 100_000
GENEROUS_S = 4.0
"""Several times what the slowest takes; anything quadratic takes far longer."""

PATTERNS: list[tuple[InputType, str]] = [
    *(
        ("html", pattern)
        for pattern in (
            *("<a ", "<a b='", '<a x="<b>" ', "<!--", "<![CDATA[", "</a>", "&", "&#1", "<script>"),
            *("<li>", "<dt><dl><span>", "<table><tr><td>", "<pre><code>", "<nav>", "<h1>a"),
            *("<p hidden>", "<i></b>", "<ul><li>", '<a b=">" c=\' >', "<p lang=fr>x", "<br>"),
        )
    ),
    *(
        ("markdown", pattern)
        for pattern in (
            *("*a ", "**a", "`", "[", "[a](", "> ", "- ", "|a|b\n|-|-\n", "<a ", "<div>\n"),
            *("<!--", "&amp;", "~~a", "[a]: b\n", "[^a]", "[^a]: b\n", "a\n", "[[a]]", "\\"),
        )
    ),
    *(
        ("ssml", pattern)
        for pattern in (
            *("<p>a</p>", "&amp;", "a\n", "<break/>", "<foo/>", "<sub alias='x'>a</sub>", "é"),
            *("<![CDATA[", "<mark name='a'/>", "\r\n", "<!-- -->"),
        )
    ),
    *(("text", pattern) for pattern in ("[[", "[[ˈa", "[[ˈa]]", "[[" + "a" * 490 + "]]")),
]


@pytest.mark.parametrize(("kind", "pattern"), PATTERNS)
def test_a_long_input_of_one_pattern_is_read_quickly(kind: InputType, pattern: str) -> None:
    source = pattern * (SIZE // len(pattern))
    if kind == "ssml":
        source = f"<speak>{source}</speak>"
    started = time.perf_counter()
    try:
        read_markup(source, kind)
    except SpeechError:
        assert kind == "ssml"
    assert time.perf_counter() - started < GENEROUS_S


def test_an_attribute_of_a_million_characters_is_read_quickly() -> None:
    started = time.perf_counter()
    assert read_markup(f"<speak><p a='{'x' * 10**6}'>b</p></speak>").text == "b"
    assert read_markup(f"<html><p a='{'x' * 10**6}'>b</p></html>").text == "b"
    assert time.perf_counter() - started < GENEROUS_S
