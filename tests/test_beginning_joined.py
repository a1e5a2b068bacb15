"""A long text that is heard before all of it was read: its two halves are the plain plan's."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from stentor.contract import SpeechRequest
from stentor.engines import piper
from stentor.routing.targets import LocalTarget
from stentor.synthesis.values import Speech
from stentor.synthesis.voices import LocalVoice, Rules
from stentor.text.characters import is_speakable
from stentor.text.reading import Reading
from stentor.text.segments import Segment
from test_synthesis import InstantSpeaker

[MODEL] = piper.find_models(voices_dir=None, voices_package=True).models

_WORDS = st.sampled_from(
    [
        *("the old man", "went down to", "a river with", "3 friends", "at 10:30 and"),
        *("bought fish,", "quite loudly;", "his", "well-known", "owner's", "laughed"),
    ]
)
_SENTENCES = st.builds(
    lambda first, words, end: f"{first} {' '.join(words)}{end}",
    st.sampled_from(["It", "She", "Nobody", "Chapter 5", "“No,” he", "The"]),
    st.lists(_WORDS, min_size=3, max_size=30),
    st.sampled_from([".", ".", "!", "?", ".”"]),
)
_PARAGRAPHS = st.lists(_SENTENCES, min_size=1, max_size=12).map(" ".join)
_BOOKS = st.lists(_PARAGRAPHS, min_size=12, max_size=20).map("\n\n".join)
_ANY = st.lists(
    st.sampled_from(
        [
            *"abIé1. !?,;:'\"`()_*-—#\n。，花€\t",
            *("\r\n", "\n\n", "  ", "Mr. ", "the ", "of and ", "\n- ", "\n1. ", "\n* * *\n"),
            *("A sentence, or so. ", "word " * 20, "x" * 90),
        ]
    ),
    min_size=200,
    max_size=900,
).map("".join)


def halves(text: str) -> tuple[list[Segment], list[Segment], list[Segment]] | None:
    """The plain plan, the beginning and the rest; None if the text is not divided."""
    request = SpeechRequest(model="piper/x", input=text, voice="joe", text_normalization="off")
    target, reading = LocalTarget(MODEL, {}), Reading(text)
    voice = LocalVoice(Speech(request, (target,), reading), target, InstantSpeaker(), Rules())
    begun = voice.begin(reading, "joe")
    if begun is None:
        return None
    return tuple(  # type: ignore[return-value]
        [one for one in parts.parts if isinstance(one, Segment)]
        for parts in (voice.divide(reading, "joe"), begun[0], begun[1]())
    )


def wrapped(text: str, width: int) -> str:
    lines = [""]
    for word in text.split(" "):
        if len(lines[-1]) + len(word) >= width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".lstrip(" ")
    return "\n".join(lines)


def speech_of(parts: list[Segment]) -> str:
    return "".join(filter(is_speakable, "".join(one.text for one in parts)))


@settings(deadline=None)
@given(_BOOKS)
def test_prose_is_spoken_as_if_it_had_been_read_at_once(text: str) -> None:
    found = halves(text)
    if found is None:
        return
    plain, beginning, rest = found
    told = [(one.text, one.start, one.end, one.pause_after_ms) for one in plain]
    assert told == [
        (one.text, one.start, one.end, one.pause_after_ms) for one in [*beginning, *rest]
    ]


@settings(deadline=None)
@given(_ANY)
def test_of_any_text_no_word_is_lost_or_doubled_at_the_seam(text: str) -> None:
    found = halves(text)
    if found is None:
        return
    plain, beginning, rest = found
    both = [*beginning, *rest]
    assert speech_of(both) == speech_of(plain)
    assert [one.index for one in both] == list(range(len(both)))
    assert all(one.end <= other.start for one, other in pairwise(both))
    assert all(one.start < one.end <= len(text) for one in both)


def test_a_wrapped_paragraph_goes_on_behind_the_seam() -> None:
    paragraph = " ".join(f"Sentence {n} ends somewhere in a line of the page." for n in range(60))
    text = wrapped(paragraph, 72) + "\n\n" + wrapped(paragraph, 72)
    found = halves(f"The first one.\n\n{text}")
    if found is not None:
        plain, beginning, rest = found
        assert [one.text for one in plain] == [one.text for one in [*beginning, *rest]]
        assert [one.pause_after_ms for one in plain] == [
            one.pause_after_ms for one in [*beginning, *rest]
        ]


def test_a_mark_between_two_sentences_is_no_bullet() -> None:
    text = "He did so once more, as he always had. * " * 60
    found = halves(text)
    if found is not None:
        plain, beginning, rest = found
        assert [one.text for one in plain] == [one.text for one in [*beginning, *rest]]


def test_one_giant_sentence_and_a_text_without_spaces_are_read_at_once() -> None:
    assert halves("and then " * 400) is None
    assert halves("花開了。" * 700) is None


def test_a_text_of_many_sentences_is_begun_early() -> None:
    found = halves("It was the best of times, and it was the worst of times. " * 60)
    assert found is not None
    assert 0 < len(found[1]) < len(found[0])
