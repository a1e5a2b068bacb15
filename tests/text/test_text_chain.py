"""From an input of any kind to what is said, and every character's way back."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stentor.contract import InputType, SpeakerVoice
from stentor.errors import SpeechError
from stentor.lexicon.lexicon import Lexicon
from stentor.lexicon.rules import make_rule
from stentor.synthesis.timeline import Timed, Timeline
from stentor.text.normalise import normalise
from stentor.text.pack import Limits, pack
from stentor.text.plan import Plan, plan
from stentor.text.reading import read
from stentor.text.said import SpokenForms
from stentor.text.scripts import is_foreign

LEXICON = Lexicon(
    (
        make_rule("May", alias="Mai"),
        make_rule("Nguyen", phoneme="ŋwiən"),
        make_rule("5 km", alias="five clicks"),
    )
)
PAIRS = Path(__file__).parent.parent / "data" / "normalisation-en.tsv"


def forms(language: str = "en", *, phonemes: bool = True) -> SpokenForms:
    return SpokenForms(
        (
            lambda text: LEXICON.rewrites(text, language),
            lambda text: normalise(text, language),
        ),
        takes_phonemes=phonemes,
    )


def planned(source: str, kind: InputType = "text", language: str = "en", **options: int) -> Plan:
    return plan(
        read(source, kind, language), "v", language=language, forms=forms(language), **options
    )


def said(source: str, kind: InputType = "text", language: str = "en") -> list[str]:
    return [segment.text for segment in planned(source, kind, language).segments]


PIECES = [
    "One. ", "two three ", "$4.50 ", "3 May 2021 ", "Nguyen ", "5 km ", "at 5 p.m. Monday ", "\n\n",
    "<b>bold</b> ", "<sub alias='four words. And more'>W3C</sub> ", "<break time='1s'/> ", "# ",
    "<emphasis>so</emphasis> ", "<prosody rate='50%'>slow</prosody> ", "&amp; ", "*it* ",
    "[[ˈpasta]] ",
    "- ", "😀 ", "<mark name='m'/> ", "<say-as interpret-as='ordinal'>4</say-as> ", "vol. 2 ", "…",
    "<phoneme alphabet='ipa' ph='tɛst'>test one</phoneme> ", "<h1>Head</h1> ", "\t", "\u00ad", "'",
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=25).map("".join),
    st.sampled_from(["text", "markdown", "html", "ssml"]),
    st.integers(8, 120),
)
def test_every_spoken_character_knows_where_it_was_written(
    source: str, kind: InputType, limit: int
) -> None:
    if kind == "ssml":
        source = f"<speak>{source.replace('<b>', '').replace('</b>', '')}</speak>"
    try:
        plan_ = planned(source, kind, max_chars=limit)
    except SpeechError as refused:
        assert refused.status_code == 400
        return
    at = 0
    timeline = Timeline()
    now = 0.0
    for segment in plan_.segments:
        assert 0 <= segment.start <= segment.end <= len(source)
        assert at <= segment.end
        at = max(at, segment.start)
        assert segment.text.strip() == segment.text
        spans = [segment.span(n, n + 1) for n in range(len(segment.text))]
        for start, end in spans:
            assert 0 <= start <= end <= len(source)
        assert all(a[0] <= b[0] for a, b in pairwise(spans))
        timed = [Timed(n, n + 1, now + n, now + n + 1) for n in range(len(segment.text))]
        timeline.add(
            segment.text,
            timed,
            [one._replace(start=s, end=e) for one, (s, e) in zip(timed, spans, strict=True)],
        )
        now += len(segment.text)
    timings = timeline.finish(source, read(source, kind), "engine")
    assert "".join(timings.alignment.characters) == source
    ends = [0, *(word.char_end for word in timings.words)]
    for word, end in zip(timings.words, ends, strict=False):
        assert end <= word.char_start < word.char_end
        assert source[word.char_start : word.char_end] == word.text
        assert 0 <= word.start_ms <= word.end_ms
    times = [
        time
        for pair in zip(
            timings.alignment.char_start_times_ms,
            timings.alignment.char_end_times_ms,
            strict=True,
        )
        for time in pair
    ]
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("source", "language", "texts"),
    [
        ("Der 2. Weltkrieg begann.", "de", ["Der zweite Weltkrieg begann."]),
        ("See vol. 2 of it.", "en", ["See volume two of it."]),
        ("It takes approx. 5 lbs of it.", "en", ["It takes approximately five pounds of it."]),
        ("He came at noon. Then he left.", "en", ["He came at noon.", "Then he left."]),
    ],
)
def test_a_sentence_is_not_cut_within_what_is_said_in_one(
    source: str, language: str, texts: list[str]
) -> None:
    assert said(source, language=language) == texts


def test_pairs_are_said_in_sentences_as_they_are_alone() -> None:
    with PAIRS.open(encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    wrong = []
    for row in rows[1:]:
        written, wanted = row[-2], row[-1]
        if not wanted.strip() or "May" in written or "5 km" in written:
            continue
        try:
            spoken = " ".join(said(written))
        except SpeechError:
            continue  # a mere symbol is an ornament here
        if _bare(spoken) != _bare(wanted):
            wrong.append((written, spoken))
    assert len(wrong) <= 0.01 * len(rows), wrong


def _bare(text: str) -> str:
    return "".join(one for one in text.lower().replace("-", " ") if one.isalnum())


def test_styles_that_nobody_follows_cut_no_sentence_when_left_out() -> None:
    plain = read("<speak>He was <emphasis>really</emphasis> happy.</speak>", "ssml")
    assert len(plan(plain, "v").segments) == 3
    assert len(plan(msgspec.structs.replace(plain, styles=()), "v").segments) == 1


@pytest.mark.parametrize(
    ("inside", "says"),
    [
        ("<say-as interpret-as='ordinal'>4</say-as>", "fourth"),
        (
            "<say-as interpret-as='cardinal'>1984</say-as>",
            "nine hundred and eighty four",
        ),
        ("<say-as interpret-as='date' format='dmy'>3/4/2021</say-as>", "third of April"),
        ("<say-as interpret-as='time'>0230</say-as>", "two thirty"),
        ("<say-as interpret-as='characters'>W3C</say-as>", "W"),
    ],
)
def test_say_as_is_said_as_it_says(inside: str, says: str) -> None:
    assert says in " ".join(said(f"<speak>It is {inside} now.</speak>", "ssml"))


def test_a_dictionary_has_precedence_and_the_rest_is_still_normalised() -> None:
    assert said("Meet on 3 May 2021, 5 km away.") == [
        "Meet on three Mai twenty twenty one, five clicks away."
    ]


def test_a_pronunciation_that_is_cut_through_is_told() -> None:
    long = "<phoneme alphabet='ipa' ph='tɛst'>" + "word " * 20 + "</phoneme>"
    plan_ = planned(f"<speak>{long}.</speak>", "ssml", max_chars=40)
    assert any("is left to the voice" in warning for warning in plan_.warnings)


def test_speakers_of_markdown_have_their_lines() -> None:
    cast = [SpeakerVoice("Anna", "a"), SpeakerVoice("Ben", "b")]
    segments = plan(read("Anna: Hello.\nBen: Hi\nthere.\n", "markdown"), cast).segments
    assert [(one.voice, one.text) for one in segments] == [("a", "Hello."), ("b", "Hi there.")]


def test_chapters_are_never_packed_together() -> None:
    plan_ = planned("# One\n\nText.\n\n# Two\n\nMore.\n\n# ***\n", "markdown")
    chunks = pack(plan_.segments, Limits(10_000), paragraph_ms=700)
    assert [chunk.text.split()[0] for chunk in chunks] == ["One", "Two"]
    assert [one.title for one in plan_.chapters] == ["One", "Two"]


def test_a_break_before_the_first_word_is_told() -> None:
    plan_ = planned("<speak><break time='3s'/>Hello.</speak>", "ssml")
    assert "a break before the first word is left out" in plan_.warnings


@pytest.mark.parametrize(
    ("text", "language", "foreign"),
    [
        ("The herald had the voice of fifty men.", "en-US", False),
        ("У глашатая был голос пятидесяти мужчин.", "en-US", True),
        ("У глашатая был голос пятидесяти мужчин.", "ru", False),
        ("使者的声音如五十人之声，响彻整个市场和大海之上。", "zh-CN", False),
        ("使者的声音如五十人之声，响彻整个市场和大海之上。", "de", True),
        ("Привет", "en", False),
        ("12345 67890 12345 67890 12345", "en", False),
    ],
)
def test_a_text_in_other_letters_is_noticed(text: str, language: str, foreign: bool) -> None:
    assert is_foreign(text, language) is foreign
