"""HTML."""

import pytest

from text.marking import Reading


def read(source: str) -> Reading:
    return Reading(source, "html")


def test_paragraphs_are_apart_and_white_space_is_one_space() -> None:
    reading = read("<p>One\n   two <b>th</b>ree</p>\n<div>four</div>five")
    assert reading.text == "One two three\n\nfour\n\nfive"
    assert reading.source_of("One two") == "One\n   two"
    assert reading.source_of("three") == "th</b>ree"


def test_character_references_have_spans() -> None:
    reading = read(
        "<p>caf&eacute; &amp; &#x4e2d;&#25991; &lt b &copy2 &nosuch; &#99999999999; AT&T"
    )
    assert reading.text == "café & 中文 < b ©2 &nosuch; \ufffd AT&T"
    assert reading.source_of("café") == "caf&eacute;"
    assert reading.source_of("文") == "&#25991;"
    assert reading.source_of("AT&T") == "AT&T"


@pytest.mark.parametrize(
    "unread",
    [
        "<script>if (a < b) alert('<p>')</script>",
        "<style>p {}</style>",
        "<nav><ul><li>x</ul></nav>",
        "<template><p>x</p></template>",
        "<!-- x > y -->",
        "<!-->",
        "<span hidden>x<b>y</b></span>",
        '<span aria-hidden="true">x</span>',
        '<div style="color: red; display : none">x</div>',
        '<a epub:type="noteref" href="#n1">1</a>',
        '<span role="doc-pagebreak">17</span>',
        "<ruby><rt>x</rt></ruby>",
        "<img src=x>",
        "<svg><text>x</text></svg>",
        "<?xml-stylesheet x?>",
    ],
)
def test_what_no_reader_sees_is_not_read(unread: str) -> None:
    reading = read(f"<p>a {unread} b")
    assert reading.text.split() == ["a", "b"]
    assert reading.marked.warnings == ()


def test_the_head_is_not_read() -> None:
    source = "<!doctype html><html><head><title>T</title><meta charset=utf-8></head><body>a</html>"
    assert read(source).text == "a"


@pytest.mark.parametrize("source", ["a<nav>b", "<div>a<nav>b</div>", "a<p><template>b"])
def test_an_unread_element_without_end_is_read_rather_than_everything_lost(source: str) -> None:
    reading = read(source)
    assert reading.text.split() == ["a", "b"] or reading.text == "ab"
    assert "has no end tag" in reading.marked.warnings[0]


def test_a_hidden_paragraph_without_end_tag_ends_at_the_next() -> None:
    assert read("<p>a<p hidden>b<p>c<ul><li hidden>d<li>e</ul>").text == "a\n\nc\n\n- e"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("5 < 6 <3 a<", "5 < 6 <3 a<"),
        ("a <b title='c", "a <b title='c"),
        ("a <b title='c> d", "a d"),
        ("a <!-- b", "a <!-- b"),
        ("a </> </ b", "a </ b"),
        ("a <script> b", "a b"),
        ("<b title='x > y'>a</b>", "a"),
        ("<![CDATA[a <b> & c]]>", "a <b> & c"),
    ],
)
def test_broken_markup_loses_no_text(source: str, text: str) -> None:
    assert read(source).text == text


def test_lists_have_bullets_and_numbers() -> None:
    reading = read("x<ul><li>a<ul><li>b</ul><li>c</ul><ol start=3><li>d<li value=9>e<li>f</ol>y")
    assert reading.text == "x\n\n- a\n- b\n- c\n\n3. d\n9. e\n10. f\n\ny"
    assert reading.before("item") == ["a", "b", "c", "d", "e", "f"]


def test_tables_are_read_row_by_row() -> None:
    reading = read(
        "<table><caption>t</caption><tr><th>a<th>b</tr>"
        "<tr><td><p>1.</p></td> <td></td> <td><p>2</p></td></table>z"
    )
    assert reading.text == "t\n\na, b\n\n1. 2\n\nz"
    assert reading.before("row") == ["b", "2"]


def test_breaks_rules_and_images() -> None:
    reading = read("<p>a<br>b<br><br>c<hr>d <img alt='An &quot;é&quot;'></p>")
    assert reading.text == 'a\nb\n\nc\n\n* * *\n\nd An "é"'
    assert reading.before("line") == ["a", "b"]
    assert reading.source_of("é") == "é"


def test_headings_have_levels_and_titles() -> None:
    reading = read("<h1>A <i>b</i>\n c</h1><p>d<h3> e </h3><h2></h2>")
    assert [(one.level, one.title) for one in reading.marked.headings] == [(1, "A b c"), (3, "e")]
    assert reading.before("heading") == ["c", "e"]


def test_preformatted_lines_stay_lines_but_code_is_not_read() -> None:
    reading = read("<pre>a\n  b</pre><pre><code>x = 1</code></pre>c <code>d</code>")
    assert reading.text == "a\n  b\n\nc d"
    assert reading.marked.warnings == ("the code at line 2 was not read",)


def test_languages_are_marked() -> None:
    reading = read("<html lang=de><p>Sie sagte <i lang=fr>oui</i>.</html>")
    found = [
        (reading.text[one.start : one.end], one.style.language) for one in reading.marked.styles
    ]
    assert found == [("Sie sagte", "de"), ("oui", "fr"), (".", "de")]


def test_in_xhtml_empty_tags_end_themselves() -> None:
    source = (
        '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head>'
        '<script src="a"/><title/></head><body><p><a id="p1"/>a</p><div hidden="hidden"/>b'
        "<script>c</script></body></html>"
    )
    assert read(source).text == "a\n\nb"
