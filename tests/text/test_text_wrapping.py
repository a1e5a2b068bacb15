"""Which line ends are read as spaces, and which as breaks."""

import pytest

from stentor.text.plan import plan
from stentor.text.segments import Pauses

PAUSES = Pauses(sentence_ms=30, clause_ms=10, paragraph_ms=70, section_ms=120)

WRAPPED = """\
                            CHAPTER I

                      Down the Rabbit-Hole


  Alice was beginning to get very tired of sitting by her sister
on the bank, and of having nothing to do:  once or twice she had
peeped into the book her sister was reading, but it had no
pictures or conversations in it, `and what is the use of a book,'
thought Alice `without pictures or conversation?'

  There was nothing so VERY remarkable in that; nor did the White
Rabbit with pink eyes stop.  Oh, how I wish
I could shut up like a telescope!  It TOOK A WATCH OUT OF ITS WAISTCOAT-
POCKET.
"""

STANZA = """\
    `You are old,' said the youth, `and your jaws are too weak
      For anything tougher than suet;
    Yet you finished the goose, with the bones and the beak--
      Pray how did you manage to do it?'
"""


def spoken(text: str, **options: object) -> list[str]:
    return [segment.text for segment in plan(text, "v", **options).segments]  # type: ignore[arg-type]


def spoken_with_pauses(text: str) -> list[tuple[str, int]]:
    segments = plan(text, "v", pauses=PAUSES).segments
    return [(segment.text, segment.pause_after_ms) for segment in segments]


def test_a_hard_wrapped_paragraph_is_read_without_its_line_ends() -> None:
    assert spoken(WRAPPED, max_chars=1000)[2] == (
        "Alice was beginning to get very tired of sitting by her sister on the bank, and of "
        "having nothing to do: once or twice she had peeped into the book her sister was reading, "
        "but it had no pictures or conversations in it, `and what is the use of a book,' thought "
        "Alice `without pictures or conversation?'"
    )


def test_a_wrap_before_a_capital_letter_is_a_wrap() -> None:
    assert "nor did the White Rabbit with pink eyes stop." in spoken(WRAPPED)[-3]


def test_a_ragged_line_of_a_wrapped_paragraph_is_joined() -> None:
    assert "Oh, how I wish I could shut up like a telescope!" in spoken(WRAPPED)


def test_headings_are_paragraphs_of_their_own() -> None:
    assert spoken_with_pauses(WRAPPED)[:2] == [("CHAPTER I", 70), ("Down the Rabbit-Hole", 70)]


def test_a_word_hyphenated_at_a_line_end_keeps_its_hyphen() -> None:
    assert spoken("It was a well-\nknown fact.") == ["It was a well-known fact."]
    assert spoken(WRAPPED)[-1].endswith("WAISTCOAT-POCKET.")


def test_a_soft_hyphen_at_a_line_end_disappears() -> None:
    assert spoken("An exam\u00ad\nple of it.") == ["An example of it."]


def test_verse_inside_a_wrapped_text_keeps_its_lines() -> None:
    lines = spoken_with_pauses(WRAPPED + "\n" + STANZA)[-4:]
    assert lines == [
        ("`You are old,' said the youth, `and your jaws are too weak", 10),
        ("For anything tougher than suet;", 10),
        ("Yet you finished the goose, with the bones and the beak--", 10),
        ("Pray how did you manage to do it?'", 0),
    ]


def test_a_line_of_verse_that_overflows_is_joined_with_its_rest() -> None:
    text = "    Would not, could not, would not, would not join\n        the dance.\n"
    assert spoken(text) == ["Would not, could not, would not, would not join the dance."]


def test_shaped_verse_is_not_read_word_by_word() -> None:
    text = """\
                    `Fury said to a
                   mouse, That he
                 met in the
               house,
"""
    assert spoken(text) == ["`Fury said to a mouse, That he met in the house,"]


def test_short_lines_that_were_not_wrapped_are_broken() -> None:
    text = "Introduction\nMilk\neggs\nbread and butter\nThe end"
    assert spoken(text) == ["Introduction", "Milk", "eggs", "bread and butter", "The end"]


def test_one_sentence_per_line_is_one_segment_per_line() -> None:
    text = "The door was open.\nNobody had seen who had come in so late\nWhat now?\nWe waited."
    assert spoken_with_pauses(text) == [
        ("The door was open.", 30),
        ("Nobody had seen who had come in so late", 30),
        ("What now?", 30),
        ("We waited.", 0),
    ]


def test_list_items_are_read_apart_and_without_their_bullets() -> None:
    text = "Take these with you:\n- a lamp, well filled\n* two blankets\n• water\n# Notes\n2. Go on"
    assert spoken(text) == [
        "Take these with you:",
        "a lamp, well filled",
        "two blankets",
        "water",
        "Notes",
        "2. Go on",
    ]


def test_a_wrapped_list_item_is_one_segment() -> None:
    text = "- the first of the things that we need, which\n  is a lamp\n- the second\n"
    assert spoken(text) == [
        "the first of the things that we need, which is a lamp",
        "the second",
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u2028", "\f", "\v", "\x85"])
def test_every_kind_of_line_end_is_one(end: str) -> None:
    text = (
        f"The rabbit-hole went straight on like a tunnel for{end}some way.{end}{end}Then it dipped."
    )
    assert spoken_with_pauses(text) == [
        ("The rabbit-hole went straight on like a tunnel for some way.", 70),
        ("Then it dipped.", 0),
    ]


def test_a_paragraph_separator_ends_a_paragraph() -> None:
    assert spoken_with_pauses("One.\u2029Two.") == [("One.", 70), ("Two.", 0)]


@pytest.mark.parametrize(
    "rule",
    ["* * * *", "----------", "======", "    *       *       *", "~~~", "|---|", "⁂", "═══", "#"],
)
def test_a_row_of_ornaments_is_a_long_pause_and_not_spoken(rule: str) -> None:
    assert spoken_with_pauses(f"One.\n\n{rule}\n\nTwo.") == [("One.", 120), ("Two.", 0)]


def test_three_blank_lines_are_a_section_break() -> None:
    assert spoken_with_pauses("One.\n\n\nTwo.\n\n\n\nThree.") == [
        ("One.", 70),
        ("Two.", 120),
        ("Three.", 0),
    ]


def test_wrapped_chinese_is_joined_without_spaces() -> None:
    line = "今天天气很好我们一起去公园散步看见了许多美丽的花朵"
    assert spoken(f"{line}\n{line}\n{line}。") == [f"{line}{line}{line}。"]


def test_wrapped_text_in_a_script_without_case_is_joined() -> None:
    line = "كان يا ما كان في قديم الزمان ملك عظيم"
    assert spoken(f"{line}\n{line}\n{line}.", language="ar") == [f"{line} {line} {line}."]


def test_paragraphs_on_one_line_each_stay_apart() -> None:
    long = "This is a paragraph that an editor left on one single line, as long as it may be. "
    assert spoken(f"{long}\n{long}".strip()) == [long.strip()] * 2
