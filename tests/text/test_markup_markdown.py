"""Markdown."""

import pytest

from text.marking import Reading


def read(source: str) -> Reading:
    return Reading(source, "markdown")


def test_marks_of_emphasis_links_images_and_code_are_not_text() -> None:
    reading = read('A *b* __c__ [d *e*](http://f "g") ![h](i) `j  k` ~~l~~ <http://m.n>')
    assert reading.text == "A b c d e h j k l http://m.n"
    assert reading.marked.warnings == ()


def test_unchanged_characters_have_exact_spans() -> None:
    source = "Héllo *wörld* 中文 [a b](b) `c d`, a\\*b &amp; c.\r\n> quoted\r\n> 👩 more\r\n"
    reading = read(source)
    assert reading.text == "Héllo wörld 中文 a b c d, a*b & c.\n\nquoted 👩 more"
    for part in ("Héllo", "wörld", "中文", "a b", "c d", "quoted", "👩 more"):
        assert reading.source_of(part) == part
    assert reading.source_of("a*b") == "a\\*b"
    assert reading.source_of("&") == "&amp;"


def test_headings_have_levels_titles_and_a_break() -> None:
    reading = read("# One *two* #\n\ntext\n\nThree\n---\n\n###### Six\n")
    assert [(one.level, one.title) for one in reading.marked.headings] == [
        (1, "One two"),
        (2, "Three"),
        (6, "Six"),
    ]
    first = reading.marked.headings[0]
    assert reading.text[first.start : first.end] == "One two"
    assert reading.before("heading") == ["two", "Three", "Six"]


def test_list_items_are_lines_with_bullets_or_numbers() -> None:
    reading = read("Do:\n\n* a\n  + b\n* c\n\n7) d\n8) e\n")
    assert reading.text == "Do:\n\n- a\n- b\n- c\n\n7. d\n8. e"
    assert reading.before("item") == ["a", "b", "c", "d", "e"]


def test_paragraphs_of_an_item_stay_apart() -> None:
    assert read("1. a\n\n   b\n2. c").text == "1. a\n\nb\n\n2. c"


def test_wrapped_lines_are_one_line_and_hard_breaks_are_two() -> None:
    reading = read("a\nb  \nc\\\nd<br>e")
    assert reading.text == "a b\nc\nd\ne"
    assert reading.before("line") == ["b", "c", "d"]


def test_tables_are_read_row_by_row() -> None:
    reading = read("| a | b |\n|---|---|\n| 1 \\| 2 | *x.* |\n| | y |\n")
    assert reading.text == "a, b\n\n1 | 2, x.\n\ny"
    assert reading.before("row") == ["b", "x.", "y"]


def test_fenced_code_is_not_read_and_reported_but_indented_text_is_read() -> None:
    reading = read("a\n\n```py\nx = 1\n```\n\n    It was night.\n\nb")
    assert reading.text == "a\n\nIt was night.\n\nb"
    assert reading.marked.warnings == ("the code block at line 3 was not read",)


def test_front_matter_is_not_read() -> None:
    reading = read("---\ntitle: x\n---\n\n# a")
    assert reading.text == "a"
    assert reading.marked.warnings == ("the front matter at line 1 was not read",)


def test_footnotes_are_read_where_they_stand_and_their_signs_are_not() -> None:
    assert read("A[^1] b.\n\n[^1]: note\n\nc").text == "A b.\n\nnote\n\nc"


def test_rules_stay_rows_of_ornaments() -> None:
    assert read("a\n\n***\n\nb").text == "a\n\n***\n\nb"


def test_html_in_markdown_is_read_like_html() -> None:
    reading = read(
        "a <b title='x'>b</b> <!-- c -->\n\n<div>d &amp; <i>e</i></div>\n\n<script>f</script>\n\n"
        "> <p\n> title='g'>h\n> i</p>\n\n<!-- j\n\nk -->\n\nl"
    )
    assert reading.text == "a b\n\nd & e\n\nh i\n\nl"
    assert reading.source_of("h i") == "h\n> i"


@pytest.mark.parametrize("source", ["[[bˈæt]]", "*[[bˈæt]]*"])
def test_phonemes_work_in_markdown(source: str) -> None:
    assert read(source).said() == [("[[bˈæt]]", "bˈæt", "bˈæt")]


def test_a_byte_order_mark_is_no_character_of_the_text() -> None:
    reading = read("\ufeff# é a")
    assert reading.text == "é a"
    assert reading.source_of("a") == "a"
