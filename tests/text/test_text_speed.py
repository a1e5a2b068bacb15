"""Planning takes time in proportion to the text, whatever the text is."""

import time

import pytest

from stentor.text.plan import plan

SIZE = 100_000
GENEROUS_S = 4.0
"""Several times what the slowest takes; anything quadratic takes far longer."""


@pytest.mark.parametrize(
    "pattern",
    [
        "The cat sat on the mat, and it was glad. ",
        "word ",
        "a",
        "1",
        "`a' ",
        "`a b. ",
        '"a b. ',
        "a\u0301",
        "\u0301",
        "!",
        "a*",
        "_ ",
        "* ",
        "1. ",
        "(a",
        "a--",
        "' ",
        "\u200b ",
        "well-\n",
        "Alice: ",
        "今天天气很好",
        "今天天气很好。",
        "👩\u200d",
        "a\r\n\r\n",
    ],
)
def test_a_long_text_of_one_pattern_is_planned_quickly(pattern: str) -> None:
    text = "a " + pattern * (SIZE // len(pattern))
    started = time.perf_counter()
    planned = plan(text, "v")
    assert time.perf_counter() - started < GENEROUS_S
    assert planned.characters == len(text)
