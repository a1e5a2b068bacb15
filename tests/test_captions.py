from __future__ import annotations

import html
import io
import itertools
import re
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webvtt import WebVTT

from stentor.captions.cues import CaptionSettings, make_cues
from stentor.captions.width import width
from stentor.captions.words import Cue, join
from stentor.captions.write import to_srt, to_vtt
from stentor.contract import Word

LATIN = r"\w+(?:['’-]\w+)*"
PAUSES = {",": 120, ";": 120, ".": 350, "!": 350, "?": 350, "。": 350}


def spoken(text: str, pattern: str = LATIN, ms_per_character: int = 65) -> list[Word]:
    """The text's words at an even pace, with pauses at its punctuation."""
    words, clock = [], 0
    for match in re.finditer(pattern, text):
        end = clock + ms_per_character * len(match.group())
        words.append(Word(match.group(), clock, end, *match.span()))
        following = text[match.end() : match.end() + 1]
        clock = end + PAUSES.get(following, ms_per_character if following.isspace() else 0)
    return words


def shown(text: str, language: str = "en", pattern: str = LATIN) -> list[str]:
    return [cue.text for cue in make_cues(spoken(text, pattern), text, language=language)]


def pieces(cues: Sequence[Cue]) -> list[tuple[int, str]]:
    return [(piece.word, piece.text) for cue in cues for line in cue.lines for piece in line]


# -- which words are shown together ---------------------------------------------------------------


def test_a_short_sentence_is_one_line_with_its_punctuation() -> None:
    assert shown("“Hello, Dr. Smith!”") == ["“Hello, Dr. Smith!”"]


def test_sentences_that_do_not_fit_together_are_cues_of_their_own() -> None:
    text = (
        "The rabbit went straight on like a tunnel for some way. "
        "Then it dipped suddenly down into a deep dark well."
    )
    first, second = shown(text)
    assert first.replace("\n", " ") == text[:55]
    assert second.replace("\n", " ") == text[56:]


def test_lines_break_at_clauses() -> None:
    text = "When the rain had stopped at last, we walked along the river to the town."
    assert shown(text) == [
        "When the rain had stopped at last,\nwe walked along the river to the town."
    ]


def test_lines_do_not_end_with_an_article() -> None:
    text = "She ran across the meadow quickly and saw the rabbit pop down a large hole."
    for line in "\n".join(shown(text)).splitlines():
        assert line.split()[-1] not in ("a", "the", "and")


def test_lines_are_of_similar_length_where_nothing_else_decides() -> None:
    [cue] = shown("Some people always think about those mountains near Norway")
    first, second = map(len, cue.splitlines())
    assert abs(first - second) < 10


@pytest.mark.parametrize("before", range(20))
def test_parts_of_a_word_stay_together(before: int) -> None:
    text = "x" * before + " such long incomprehensibleness would have been unbelievable"
    lines = "\n".join(shown(text, pattern=r"\w{1,4}")).splitlines()
    assert {word for line in lines for word in line.split()} == set(text.split())


def test_a_cue_is_not_gone_before_it_was_seen() -> None:
    text = "Yes. No. Why? Because it is so late that nobody is going to come here."
    words = [
        Word(match.group(), 150 * n, 150 * n + 150, *match.span())
        for n, match in enumerate(re.finditer(LATIN, text))
    ]
    assert all(cue.end_ms - cue.start_ms >= 800 for cue in make_cues(words, text))


def test_slow_speech_is_shown_in_smaller_cues() -> None:
    text = "One and two and three and four and five and six and seven and eight and nine and ten"
    quick, slow = (make_cues(spoken(text, ms_per_character=ms), text) for ms in (60, 300))
    assert max(cue.end_ms - cue.start_ms for cue in slow) < 13_000
    assert len(slow) > len(quick)


def test_a_pause_in_the_middle_of_a_sentence_is_a_place_to_break() -> None:
    text = "You will never believe what has happened here to us since then"
    words = spoken(text)
    late = [
        Word(w.text, w.start_ms + 900 * (n > 3), w.end_ms + 900 * (n > 3), w.char_start, w.char_end)
        for n, w in enumerate(words)
    ]
    assert make_cues(words, text)[0].text.splitlines()[0] != "You will never believe"
    assert make_cues(late, text)[0].text.splitlines()[0] == "You will never believe"


def test_paragraphs_never_share_a_cue() -> None:
    text = "Chapter One\n\nIt was late.\r\n\r\nYes.\u2029No."
    assert shown(text) == ["Chapter One", "It was late.", "Yes.", "No."]


def test_prose_that_is_wrapped_in_the_source_flows() -> None:
    text = (
        "Alice was beginning to get very tired of sitting by her\n"
        "sister on the bank, and of having nothing to do."
    )
    assert shown(text) == [
        "Alice was beginning to get very tired\nof sitting by her sister on the bank,",
        "and of having nothing to do.",
    ]


def test_verse_keeps_its_lines() -> None:
    text = "How doth the little crocodile\nImprove his shining tail\nAnd pour the waters"
    lines = "\n".join(shown(text)).splitlines()
    assert lines == text.splitlines()


def test_a_long_pause_ends_a_cue() -> None:
    words = [Word("Wait", 0, 400, 0, 4), Word("now", 5000, 5400, 5, 8)]
    assert [cue.text for cue in make_cues(words, "Wait now")] == ["Wait", "now"]


def test_dashes_between_words_are_shown_once() -> None:
    assert shown("He came — late, 2–3 days -- why") == ["He came — late, 2–3 days -- why"]


def test_what_is_not_read_is_not_shown() -> None:
    text = "<p class='x'>Alice: _Do_ *come*, <b>please</b>!</p>"
    words = spoken(text, "Do|come|please")
    assert [cue.text for cue in make_cues(words, text)] == ["Do come, please!"]


def test_punctuation_inside_the_words_counts_like_punctuation_around_them() -> None:
    text = "When the rain had stopped at last, we walked along the river to the town."
    assert shown(text, pattern=r"\S+") == shown(text)


def test_several_words_for_one_place_stand_apart() -> None:
    words = [
        Word("five", 0, 300, 0, 2),
        Word("dollars", 300, 800, 0, 2),
        Word("go", 800, 900, 3, 5),
    ]
    assert [cue.text for cue in make_cues(words, "$5 go")] == ["five dollars go"]


def test_words_without_anything_to_show_are_left_out() -> None:
    words = [Word(" ", 0, 100, 0, 1), Word("Hi", 100, 300, 1, 3), Word("", 300, 300, 3, 3)]
    assert [cue.text for cue in make_cues(words, " Hi")] == ["Hi"]


def test_no_words_make_no_cues() -> None:
    assert make_cues([], "...") == []
    assert to_vtt([]) == "WEBVTT\n"
    assert to_srt([]) == ""


# -- scripts --------------------------------------------------------------------------------------


def test_chinese_has_no_spaces_and_half_as_many_characters_to_a_line() -> None:
    text = (
        "我们昨天去了北京的一个很大的公园，看到了许多漂亮的花和鸟。今天天气很好，我们想再去一次。"
    )
    cues = shown(text, "zh", r"\w")
    assert "".join(cues).replace("\n", "") == text
    for line in "\n".join(cues).splitlines():
        assert width(line) <= 42
        assert line[0] not in "，。"
    assert cues[0].endswith("。")


def test_opening_brackets_stay_with_what_they_open() -> None:
    text = "她说「你好」。然后「再见」。"
    for line in "\n".join(shown(text * 4, "zh", r"\w")).splitlines():
        assert line[0] not in "」。"
        assert line[-1] not in "「"


def test_thai_lines_end_between_words() -> None:
    words = ["สวัสดี", "ครับ", "วันนี้", "อากาศ", "ดี", "มาก"] * 4
    text = "".join(words)
    cues = shown(text, "th", "|".join(dict.fromkeys(words)))
    assert "".join(cues).replace("\n", "") == text
    assert all(width(line) <= 42 for line in "\n".join(cues).splitlines())


def test_arabic_and_hebrew_stay_in_the_order_of_speech() -> None:
    for text in ("مرحبا بالعالم، كيف حالك؟", "שלום עולם, מה שלומך?"):
        assert " ".join(shown(text)).replace("\n", " ") == text


@pytest.mark.parametrize(
    ("text", "columns"),
    [("abc", 3), ("漢字", 4), ("e\u0301", 1), ("ＡＢ", 4), ("👍", 2), ("กำ", 2), ("", 0)],
)
def test_width_is_in_columns(text: str, columns: int) -> None:
    assert width(text) == columns


def test_a_word_wider_than_a_line_is_cut_and_its_time_shared() -> None:
    text = "Donau" * 20
    cues = make_cues([Word(text, 1000, 6000, 0, 100)], text)
    assert "".join(text for _, text in pieces(cues)) == text
    starts = [piece.start_ms for cue in cues for line in cue.lines for piece in line]
    assert starts[0] == 1000
    assert starts == sorted(set(starts))
    assert all(width(join(line)) <= 42 for cue in cues for line in cue.lines)


def test_what_a_reader_sees_as_one_character_is_not_cut() -> None:
    text = "abc" + "👍🏽" * 40
    for cue in make_cues([Word(text, 0, 4000, 0, len(text))], text):
        for line in cue.lines:
            assert join(line)[0] in "a👍"


def test_a_word_of_several_words_is_cut_at_its_spaces() -> None:
    text = "this provider gave the whole of a long sentence as a single word"
    [cue] = make_cues([Word(text, 0, 4000, 0, len(text))], text)
    assert cue.text.replace("\n", " ") == text


# -- invariants -----------------------------------------------------------------------------------

letters = st.text("abcdefghijABCÄßéñ漢字かนก😀\u0301'’-", min_size=1, max_size=12)
long_words = st.text("ab漢\u0301 ", min_size=30, max_size=150)
gaps = st.sampled_from(
    [" ", " ", " ", ", ", ". ", "! ", "? “", "\n", "\n\n", " — ", "-", "", "。", "「", " (", ") ",
     "… ", "; ", " <b>", "</b> ", " * ", "\r\n", " 1: ", "?!?!", " ... "]
)  # fmt: skip


@st.composite
def speeches(draw: st.DrawFn) -> tuple[list[Word], str]:
    text, words, clock = draw(gaps), [], draw(st.integers(0, 5000))
    for content in draw(st.lists(st.one_of(letters, letters, letters, long_words), max_size=60)):
        start = clock + draw(st.sampled_from([-300, 0, 0, 0, 20, 100, 350, 700, 3000]))
        end = start + draw(st.sampled_from([-50, 0, 1, 40, 200, 400, 9000]))
        words.append(Word(content, max(0, start), max(0, end), len(text), len(text) + len(content)))
        text += content + draw(gaps)
        clock = max(clock, end)
    return words, text


@given(speeches(), st.sampled_from(["en", "de", "zh", "xx-YY"]))
def test_every_word_is_in_one_cue_in_order(speech: tuple[list[Word], str], language: str) -> None:
    words, text = speech
    cues = make_cues(words, text, language=language)
    found = pieces(cues)
    numbers = [number for number, _ in found]
    assert numbers == sorted(numbers)
    visible = [n for n, word in enumerate(words) if word.text.strip()]
    assert sorted(set(numbers)) == visible
    for number, group in itertools.groupby(found, key=lambda piece: piece[0]):
        parts = [part for _, part in group]
        content = "".join(words[number].text.split())
        assert content in "".join(parts).replace(" ", "")
        if width(words[number].text) <= 30:
            assert len(parts) == 1


@given(speeches())
def test_lines_are_short_and_few(speech: tuple[list[Word], str]) -> None:
    for cue in make_cues(*speech):
        assert 1 <= len(cue.lines) <= 2
        for line in cue.lines:
            assert width(join(line)) <= 42
            assert join(line).strip() == join(line) != ""


@given(speeches())
def test_cues_are_in_order_and_neither_overlap_nor_flicker(
    speech: tuple[list[Word], str],
) -> None:
    cues = make_cues(*speech)
    assert all(cue.start_ms < cue.end_ms for cue in cues)
    for cue, following in itertools.pairwise(cues):
        gap = following.start_ms - cue.end_ms
        assert gap == 0 or gap >= 200


@given(speeches())
def test_a_cue_begins_with_its_first_word_and_stays_for_its_last(
    speech: tuple[list[Word], str],
) -> None:
    words, text = speech
    in_order = []
    clock = 0
    for word in words:
        clock = max(clock, word.start_ms)
        in_order.append(Word(word.text, clock, clock + 40, word.char_start, word.char_end))
        clock += 40
    cues = make_cues(in_order, text)
    for cue, following in itertools.zip_longest(cues, cues[1:]):
        first, last = cue.lines[0][0], cue.lines[-1][-1]
        if in_order[first.word].char_end - in_order[first.word].char_start <= 12:
            assert cue.start_ms == in_order[first.word].start_ms
        if following is None or following.lines[0][0].word != last.word:
            assert cue.end_ms >= in_order[last.word].end_ms
            assert cue.end_ms <= in_order[last.word].end_ms + 2000 + 200
        if following is None or following.start_ms - cue.start_ms >= 3200:
            assert cue.end_ms - cue.start_ms >= 1000


def test_a_cue_stays_long_enough_to_be_read_where_there_is_time() -> None:
    words = [Word("Incomprehensibilities", 0, 400, 0, 21), Word("Yes", 9000, 9100, 22, 25)]
    first, last = make_cues(words, "Incomprehensibilities Yes")
    assert (first.start_ms, first.end_ms) == (0, round(21 / 17 * 1000))
    assert (last.start_ms, last.end_ms) == (9000, 10_000)


def test_other_sizes_can_be_chosen() -> None:
    text = "One two three four five six seven eight nine ten"
    settings = CaptionSettings(line_columns=10, least_ms=2000)
    cues = make_cues(spoken(text), text, settings=settings)
    assert all(width(join(line)) <= 10 for cue in cues for line in cue.lines)
    assert cues[-1].end_ms - cues[-1].start_ms == 2000


# -- files ----------------------------------------------------------------------------------------


@given(speeches())
def test_vtt_reads_back_as_it_was(speech: tuple[list[Word], str]) -> None:
    cues = make_cues(*speech)
    plain = WebVTT.from_string(to_vtt(cues)).captions
    assert [html.unescape(caption.raw_text) for caption in plain] == [cue.text for cue in cues]
    timed = WebVTT.from_string(to_vtt(cues, karaoke=True)).captions
    assert [html.unescape(caption.text) for caption in timed] == [cue.text for cue in cues]


@given(speeches())
def test_srt_reads_back_as_it_was(speech: tuple[list[Word], str]) -> None:
    cues = make_cues(*speech)
    if not cues:
        return
    blocks = to_srt(cues).rstrip("\n").split("\n\n")
    assert [block.split("\n", 2)[2] for block in blocks] == [cue.text for cue in cues]
    assert [block.split("\n", 1)[0] for block in blocks] == [
        str(number) for number in range(1, len(cues) + 1)
    ]


@given(speeches())
def test_karaoke_times_rise_within_their_cue(speech: tuple[list[Word], str]) -> None:
    def ms(stamp: str) -> int:
        hours, minutes, seconds = stamp.split(":")
        return round(1000 * (60 * (60 * int(hours) + int(minutes)) + float(seconds)))

    for caption in WebVTT.from_string(to_vtt(make_cues(*speech), karaoke=True)).captions:
        inside = [ms(stamp) for stamp in re.findall(r"<([\d:.]+)>", caption.raw_text)]
        times = [ms(caption.start), *inside, ms(caption.end)]
        assert all(a < b for a, b in itertools.pairwise(times))


def test_karaoke_marks_each_word_but_the_first() -> None:
    text = "Rock & roll"
    words = [Word("Rock", 0, 300, 0, 4), Word("&", 300, 500, 5, 6), Word("roll", 500, 900, 7, 11)]
    assert to_vtt(make_cues(words, text), karaoke=True) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nRock <00:00:00.300>&amp; <00:00:00.500>roll\n"
    )


def test_what_looks_like_markup_is_text() -> None:
    text = "a<b>c --> &lt; {x}"
    [cue] = make_cues([Word(text, 0, 1000, 0, len(text))], text)
    assert "a&lt;b&gt;c --&gt; &amp;lt; {x}\n" in to_vtt([cue])
    assert to_srt([cue]) == f"1\n00:00:00,000 --> 00:00:01,059\n{text}\n"


def test_hours_are_counted_on() -> None:
    [cue] = make_cues([Word("late", 360_000_000, 360_000_500, 0, 4)], "late")
    assert "100:00:00.000 --> 100:00:01.000" in to_vtt([cue])
    parsed = WebVTT.from_buffer(io.StringIO(to_vtt([cue])))
    assert parsed.captions[0].start_in_seconds == 360_000


# -- time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "unit",
    [
        "Alice was beginning to get very tired of sitting by her sister on the bank, and so on. ",
        "word ",
        "a\n",
        "我们昨天去了北京的一个很大的公园，",
        "x" * 200 + " ",
        "a <b ",
    ],
)
def test_the_time_it_takes_is_in_proportion_to_the_words(unit: str) -> None:
    def seconds(count: int) -> float:
        text = unit * (count // len(spoken(unit, r"\w")) + 1)
        words = spoken(text)
        started = time.process_time()
        cues = make_cues(words, text)
        to_vtt(cues, karaoke=True)
        return time.process_time() - started

    seconds(1000)
    assert seconds(40_000) < 8 * max(0.1, seconds(10_000))
