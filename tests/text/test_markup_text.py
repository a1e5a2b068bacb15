"""Plain text, what is taken for it, and phonemes in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stentor.errors import SpeechError
from stentor.text.markup.detect import detect
from stentor.text.markup.read import read_markup
from text.marking import Reading


@pytest.mark.parametrize(
    "text",
    [
        "# A novel\n\n_like this_ and *this*\n\n* * *\n\n[a](b) `c`\n",
        "<b>bold</b> and <p>",
        "I <speak> English",
        "<speaker>",
        "<htmlish>",
        "<!-- only a comment",
        "<!-- a comment --> and text",
        "",
        "  \r\n ",
    ],
)
def test_what_is_not_unmistakable_is_text_and_stays_as_it_is(text: str) -> None:
    marked = read_markup(text)
    assert marked.kind == "text"
    assert marked.text == text
    assert marked.breaks == marked.rewrites == marked.headings == marked.warnings == ()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("<speak>a</speak>", "ssml"),
        ('\ufeff \n<?xml version="1.0"?>\n<!-- a --> <!-- b -->\n<speak version="1.1"/>', "ssml"),
        ("<!DOCTYPE speak SYSTEM 'x'><speak/>", "ssml"),
        ("<!doctype HTML><p>a", "html"),
        ("  <HTML lang=en>", "html"),
        ("<?xml version='1.0'?><!DOCTYPE html PUBLIC 'x' 'y'><html>", "html"),
    ],
)
def test_documents_are_known_by_their_root(text: str, kind: str) -> None:
    assert detect(text) == kind


def test_a_thousand_comments_before_the_root_are_passed_over() -> None:
    assert detect("<!---->" * 1000 + "<speak>") == "ssml"


def test_phonemes_in_double_brackets_are_said_as_such() -> None:
    reading = Reading("A [[ təˈmɑːtəʊ ]] is red.", "text")
    assert reading.text == reading.source
    assert reading.said() == [("[[ təˈmɑːtəʊ ]]", "təˈmɑːtəʊ", "təˈmɑːtəʊ")]


@pytest.mark.parametrize(
    "text",
    [
        "[[Main Page]]",
        "[[pasta]]",
        "[[smørrebrød]]",
        "[[ˈa",
        "[[ˈ]]",
        "[[]]",
        "[ˈpasta]",
        "[[ˈa\nb]]",
        "[[ˈa1]]",
        "[[" + "ˈa" * 400 + "]]",
    ],
)
def test_what_need_not_be_phonemes_is_left_alone(text: str) -> None:
    assert Reading(text, "text").said() == []


@pytest.mark.parametrize("kind", ["auto", "text", "markdown", "html", "ssml"])
def test_half_a_surrogate_pair_is_refused_with_its_place(kind: str) -> None:
    with pytest.raises(SpeechError, match=r"U\+D800.* character 2") as caught:
        Reading("ab\ud800", kind)
    assert (caught.value.code, caught.value.param) == ("invalid_text", "input")


def test_a_range_outside_of_the_text_is_an_error() -> None:
    with pytest.raises(ValueError, match="not in a text of 2"):
        read_markup("ab").source_span(1, 3)


@given(
    st.lists(
        st.sampled_from(
            ["One two.", " ", "\n\n", "<b>", '<break time="1.5s" />', "<break time='200ms'>"]
        )
    )
)
def test_a_pause_is_taken_out_and_all_else_keeps_its_place(pieces: list[str]) -> None:
    source = "".join(pieces)
    marked = read_markup(source)
    pauses = [one for one in pieces if one.startswith("<break")]
    assert marked.text == "".join(one for one in pieces if one not in pauses)
    assert [one.ms for one in marked.breaks] == [1500 if "1.5" in one else 200 for one in pauses]
    for place in range(len(marked.text)):
        start, end = marked.source_span(place, place + 1)
        assert source[start:end] == marked.text[place]
    offsets = [one.offset for one in marked.breaks]
    assert offsets == sorted(offsets)


@pytest.mark.parametrize("text", ['<break time="long"/>', "<break/>", "<break time=1s>", "<break"])
def test_a_break_that_tells_no_time_is_text(text: str) -> None:
    assert read_markup(text).text == text


def test_in_what_is_said_to_be_text_a_break_is_text() -> None:
    text = 'Write <break time="1s"/> for a pause.'
    assert read_markup(text, "text").text == text
