"""Chapters of plain text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stentor.text.headings import find_headings
from stentor.text.plan import plan
from stentor.text.reading import Reading


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        (
            "CHAPTER I\n\nDown the Rabbit-Hole\n\n\nAlice was tired.",
            ["CHAPTER I: Down the Rabbit-Hole"],
        ),
        (
            "Chapter 1. The Start\n\nIt began.\n\nChapter 2\n\nIt went on.",
            ["Chapter 1. The Start", "Chapter 2"],
        ),
        ("Part Two\nThe End\n\nIt ended.", ["Part Two The End"]),
        ("Prologue\n\nBefore.\n\nKapitel 3\n\nDann.", ["Prologue", "Kapitel 3"]),
        ("He read chapter 3 of the book.\n\nAct now, he said.", []),
        ("Part of me\n\nwas tired.", []),
        (
            "Chapter 3 is where the hero, of whom so much is said, meets his match, or so we hear.",
            [],
        ),
        ("", []),
    ],
)
def test_what_stands_alone_and_says_that_it_is_one(text: str, titles: list[str]) -> None:
    assert [one.title for one in find_headings(text)] == titles


@given(st.text(alphabet="CHAPTERchapter IV12.\n ", max_size=200))
def test_headings_are_in_order_and_say_what_stands_there(text: str) -> None:
    headings = find_headings(text)
    at = 0
    for one in headings:
        assert at <= one.start < one.end <= len(text)
        assert text[one.start : one.end].split()[0] == one.title.split()[0]
        at = one.end


def test_chapters_of_a_plan_begin_with_their_headings_segment() -> None:
    text = "Title\n\nCHAPTER I\n\nThe Pool\n\nOne. Two.\n\nCHAPTER II\n\nThree."
    planned = plan(Reading(text, headings=find_headings(text)), "v")
    assert [(planned.segments[one.segment].text, one.title) for one in planned.chapters] == [
        ("CHAPTER I", "CHAPTER I: The Pool"),
        ("CHAPTER II", "CHAPTER II"),
    ]
