"""Where sentences end in a text of which more is to come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stentor.http.socket.sentences import MAX_SENTENCE_CHARS, SentenceBuffer
from stentor.text.breaks import Break

TEXT = (
    "Good morning! I am Dr. Smith, of the U.S. Army. We met at 3.5 miles...\n\nDid you bring:\n"
    '- eggs\n- milk?\n"No," she said. "Why?" Because. 你好。我很好！Version 1. 2 of 3. '
)
# What sentences are made of, much denser than in any text.
FRAGMENTS = st.one_of(
    st.sampled_from('.!?…。"”)5 \n\u2029\u0301\u200d'),
    st.sampled_from(["Dr", "a", "word", "Word", "e.g", "你好", "é", "😀", "x" * 500]),
    st.sampled_from(["\r\n", "  ", "- ", "1. ", "# "]),
)


def read(pieces: list[str], language: str = "en") -> list[tuple[str, Break]]:
    """The sentences of these pieces."""
    buffer = SentenceBuffer(language)
    found = [sentence for piece in pieces for sentence in buffer.add(piece)]
    last = buffer.flush()
    return [(one.text, one.break_after) for one in (*found, *([last] if last else []))]


def test_sentences_are_those_that_a_reader_sees() -> None:
    assert [text for text, _ in read([TEXT])] == [
        "Good morning! ",
        "I am Dr. Smith, of the U.S. Army. ",
        "We met at 3.5 miles...\n\n",
        "Did you bring:\n",
        "- eggs\n",
        "- milk?\n",
        '"No," she said. ',
        '"Why?" ',
        "Because. ",
        "你好。",
        "我很好！",
        "Version 1. ",
        "2 of 3. ",
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Hello there. ", "H"),
        ("Hello there.", " How"),
        ("Really?! ", "Y"),
        ('"Stop!" ', "H"),
        ("你好。", "我"),
        ("A heading\n\n", ""),
        ("- eggs\n- ", "m"),
        ("Great! 😀 ", "N"),
    ],
)
def test_a_sentence_leaves_with_the_first_letter_of_the_next(before: str, after: str) -> None:
    buffer = SentenceBuffer("en")
    found = buffer.add(before)
    assert not (found and after)
    assert len(found + buffer.add(after)) == 1


@pytest.mark.parametrize(
    ("language", "pieces"),
    [
        ("en", ["I met Dr", ". Smith", " and Mrs", ".", " Jones"]),
        ("en", ["It is 3", ".", "5 miles"]),
        ("en", ["Wait", "...", " what is that"]),
        ("en", ["He said “Stop", "!”", " and left"]),
        ("en", ["The U", ".S", ". Army"]),
        ("de", ["Am 1", ". J", "anuar war es kalt"]),
    ],
)
def test_what_only_looks_like_an_end_is_waited_out(language: str, pieces: list[str]) -> None:
    assert [text for text, _ in read(pieces, language)] == ["".join(pieces)]


def test_the_breaks_between_sentences_are_told() -> None:
    pieces = ["One. Two.", "\n", "\nThree", ""]
    assert [after for _, after in read(pieces)] == [Break.SENTENCE, Break.PARAGRAPH, Break.CLAUSE]


@given(st.lists(FRAGMENTS, max_size=40).map("".join), st.data())
def test_sentences_do_not_depend_on_how_the_text_comes(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    whole = read([text])
    assert read(pieces) == whole
    assert read(list(text)) == whole
    assert "".join(sentence for sentence, _ in whole) == text
    assert all(0 < len(sentence) <= MAX_SENTENCE_CHARS for sentence, _ in whole)


@given(st.lists(FRAGMENTS, max_size=20), st.integers(0, 20))
def test_places_are_in_all_that_was_sent_flushed_and_dropped(pieces: list[str], drop: int) -> None:
    buffer = SentenceBuffer("en")
    sent = ""
    found = []
    for number, piece in enumerate(pieces):
        sent += piece
        found += buffer.add(piece)
        if number == drop:
            buffer.drop()
    last = buffer.flush()
    assert buffer.end == len(sent)
    for sentence in (*found, *([last] if last else [])):
        assert sent[sentence.start : sentence.end] == sentence.text


def test_a_text_without_ends_is_divided_where_one_takes_a_breath() -> None:
    clause = "and then the herald went on and on, "
    found = read([clause * 100])
    assert all(200 < len(text) <= MAX_SENTENCE_CHARS for text, _ in found[:-1])
    assert all(text.rstrip().endswith(",") for text, _ in found)
