"""What holds for every input, whatever it is taken for."""

from itertools import pairwise
from xml.sax.saxutils import escape

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stentor.errors import SpeechError
from stentor.text.markup.marked import InputType, Marked
from stentor.text.markup.read import read_markup
from stentor.text.rewrites import Rewritten

_ANY = st.characters(exclude_categories=["Cs"])
_WRITING = [
    "word ",
    "é",
    "中文",
    "👩\u200d👧",
    " ",
    "\n",
    "\r\n",
    "\r",
    "\t",
    "\x00",
    "[[bˈæ]]",
    "[[",
]
_MARKDOWN = [
    *("# ", "*", "**", "_", "`", "```\n", "~~", "[", "](", "]", ")", "![", "> ", "- ", "1. "),
    *("    ", "|", "|--|--|\n", "---\n", "[^1]", "[^1]: ", "<!--", "-->", "<b>", "<div>\n"),
    *("</div>\n", "<br>", "<script>", "&amp;", "&#65;", "\\", "<http://x.y>", "  \n", "\n\n"),
]
_HTML = [
    *("<p>", "</p>", "<p hidden>", "<ul>", "<ol start=3>", "<li>", "</li>", "</ul>", "<table>"),
    *("<tr>", "<td>", "</table>", "<h1>", "</h1>", "<h2>", "<br>", "<hr>", "<img alt='a &amp; b'>"),
    *("<pre>", "</pre>", "<code>", "<script>", "</script>", "<nav>", "</nav>", "<!--", "-->"),
    *("<![CDATA[", "]]>", "<a b='", "'", '"', ">", "<", "</", "&lt", "&#1;", "&notit;"),
    *("<span lang=fr>", "</span>", "<!doctype html>", "<html>", "</html>", "<x/>"),
]
_SSML = [
    *("<p>", "</p>", "<s>", "</s>", "<break/>", "<prosody rate='slow'>", "</prosody>", "<foo>"),
    *("</foo>", "<sub alias='x y'>", "</sub>", "<sub alias='q'/>", "<phoneme ph='bˈæ'>"),
    *("</phoneme>", "<say-as interpret-as='characters'>", "</say-as>", "<mark name='m'/>"),
    *("<!-- c -->", "<![CDATA[", "]]>", "&amp;", "&#233;", "<?pi?>"),
]


def mixed(parts: list[str]) -> st.SearchStrategy[str]:
    pieces = st.sampled_from(parts) | st.sampled_from(_WRITING) | _ANY
    return st.lists(pieces, max_size=60).map("".join)


def _element(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    opening = st.sampled_from([one for one in _SSML if one.endswith("'>") or one in ("<p>", "<s>")])
    return st.tuples(opening, inside).map(
        lambda parts: f"{parts[0]}{parts[1]}</{parts[0][1:].split(' ')[0].rstrip('>')}>"
    )


_LEAVES = st.sampled_from(["<break/>", "<sub alias='q'/>", "<mark name='m'/>", "&amp;", "&#233;"])
_LETTERS = st.text(st.characters(categories=["L", "Zs", "Po"]) | st.just("\n"), max_size=8).map(
    escape
)
WELL_FORMED = st.recursive(
    _LEAVES | _LETTERS,
    lambda inside: st.lists(inside | _element(inside), max_size=5).map("".join),
    max_leaves=20,
).map(lambda inside: f"<speak>{inside}</speak>")

INPUTS = st.one_of(
    st.tuples(mixed(_MARKDOWN), st.just("markdown")),
    st.tuples(mixed(_HTML), st.just("html")),
    st.tuples(mixed(_SSML).map(lambda text: f"<speak>{text}</speak>"), st.just("ssml")),
    st.tuples(WELL_FORMED, st.just("ssml")),
    st.tuples(mixed(_HTML), st.just("auto")),
    st.tuples(mixed(_MARKDOWN), st.just("text")),
)


def read_or_none(source: str, kind: InputType) -> Marked | None:
    """Only SSML may be refused, and only with a reason."""
    try:
        return read_markup(source, kind)
    except SpeechError as error:
        assert kind in ("ssml", "auto")
        assert (error.status_code, error.code) == (400, "invalid_ssml")
        return None


@settings(deadline=None)
@given(INPUTS)
@example(("a <b title='c", "html"))
def test_spans_are_ordered_disjoint_and_inside_the_input(case: tuple[str, InputType]) -> None:
    source, kind = case
    marked = read_or_none(source, kind)
    position = 0
    for offset in range(len(marked.text) if marked else 0):
        assert marked
        start, end = marked.source_span(offset, offset + 1)
        assert position <= start <= end <= len(source)
        position = end


@settings(deadline=None)
@given(INPUTS, st.data())
def test_the_span_of_a_range_joins_the_spans_of_its_parts(
    case: tuple[str, InputType], data: st.DataObject
) -> None:
    marked = read_or_none(*case)
    if marked and marked.text:
        edges = st.integers(0, len(marked.text))
        low, middle, high = sorted((data.draw(edges), data.draw(edges), data.draw(edges)))
        if low < middle < high:
            whole = marked.source_span(low, high)
            assert whole[0] == marked.source_span(low, middle)[0]
            assert whole[1] == marked.source_span(middle, high)[1]


@settings(deadline=None)
@given(INPUTS)
def test_marks_are_in_order_and_in_the_text(case: tuple[str, InputType]) -> None:
    marked = read_or_none(*case)
    if marked:
        for marks in (marked.styles, marked.say_as, marked.headings):
            edges = [edge for one in marks for edge in (one.start, one.end)]
            assert all(before <= after for before, after in pairwise([0, *edges]))
            assert all(one.start < one.end <= len(marked.text) for one in marks)
        for places in (marked.breaks, marked.named):
            offsets = [0, *(one.offset for one in places), len(marked.text)]
            assert all(before <= after for before, after in pairwise(offsets))
        Rewritten(marked.text, marked.rewrites)


@settings(deadline=None)
@given(mixed(_MARKDOWN))
def test_text_is_the_identity(source: str) -> None:
    marked = read_markup(source, "text")
    assert marked.text == source
    assert all(marked.source_span(at, at + 1) == (at, at + 1) for at in range(len(source)))


@pytest.mark.parametrize("kind", ["markdown", "html", "ssml"])
@settings(deadline=None)
@given(st.lists(st.text(st.characters(categories=["L"]), min_size=1), min_size=1, max_size=20))
def test_words_without_markup_are_all_read_and_have_exact_spans(
    kind: InputType, words: list[str]
) -> None:
    inside = " ".join(words)
    source = f"<speak>{inside}</speak>" if kind == "ssml" else inside
    marked = read_markup(source, kind)
    assert marked.text == inside
    shift = source.index(inside)
    assert all(
        marked.source_span(at, at + 1) == (at + shift, at + shift + 1) for at in range(len(inside))
    )


@settings(deadline=None)
@given(WELL_FORMED)
def test_well_formed_ssml_is_never_refused(source: str) -> None:
    assert read_markup(source).kind == "ssml"


@settings(deadline=None)
@given(st.lists(st.text(st.characters(categories=["L"]), min_size=1, max_size=9), max_size=12))
def test_no_word_of_a_page_is_lost(words: list[str]) -> None:
    """Whatever elements the words are in, they are read in order."""
    frames = [
        "<p>{}",
        "<li>{}</li>",
        "<b>{}</b> ",
        "<table><tr><td>{}</table>",
        "<h2>{}</h2>",
        "<div>{}",
    ]
    source = "".join(frames[at % len(frames)].format(word) for at, word in enumerate(words))
    spoken = read_markup(source, "html").text.replace("-", " ").replace(",", " ")
    assert spoken.split() == " ".join(words).split()
