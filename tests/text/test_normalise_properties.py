"""What holds for the rewrites of every text."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from stentor.text.normalise import NormaliseOptions, normalise
from stentor.text.rewrites import Rewrite, Rewritten

LANGUAGES = st.sampled_from(["en", "de", "fr", "es", "it", "pt", "zh", "ja"])
_TYPICAL = st.sampled_from(
    [
        *"0123456789.,:;/-–+=$€£%°&@#_'\"()[]<>^*~½² aAmMIVXxst中円é😂",
        *("1,000", "12", "2012", "1/2", "st", "th", " a.m.", "p.m.", " kg", " km/h", "m²", "$"),
        *("May ", "Jan. ", "Dr. ", "St. ", "www.", "http://", ".com", "IV", "Chapter ", "U.S."),
        *(" million", "°C", "1st", "'80s", "5'10\"", "²", "٣", "５", "e.g.", "№", "年", "Uhr"),
    ]
)
TEXTS = st.lists(_TYPICAL | st.characters(), max_size=60).map("".join)
EMOJI = st.sampled_from(["speak", "drop", "keep"])


def numbers_of(text: str) -> str:
    return "".join(char for char in text if char in "0123456789")


@settings(deadline=None)
@given(TEXTS, LANGUAGES, EMOJI)
@example("@12", "en", "speak")
@example('"5"', "zh", "speak")
@example("[5]", "ja", "speak")
@example("1." * 50, "en", "speak")
@example("\ud800 5", "en", "speak")
@example("🏽👍🏽‍", "en", "speak")
@example("http://0😂", "en", "speak")
def test_rewrites_are_in_order_apart_and_in_the_text(text: str, language: str, emoji: str) -> None:
    options = NormaliseOptions(emoji=emoji)  # type: ignore[arg-type]
    rewrites = normalise(text, language, options)
    position = 0
    for one in rewrites:
        assert position <= one.start <= one.end <= len(text)
        position = one.end


@settings(deadline=None)
@given(TEXTS, LANGUAGES)
def test_what_is_not_rewritten_is_said_as_it_is_written(text: str, language: str) -> None:
    rewrites = normalise(text, language)
    said = Rewritten(text, rewrites).text
    kept = "\0".join(text[start:end] for start, end in _between(text, rewrites))
    position = 0
    for piece in kept.split("\0"):
        found = said.find(piece, position)
        assert found >= 0
        position = found + len(piece)


@settings(deadline=None)
@given(TEXTS)
def test_no_figure_is_left_to_the_voice_in_english(text: str) -> None:
    said = Rewritten(text, normalise(text)).text
    outside = numbers_of(text) != ""
    assert not (outside and numbers_of(said)) or _protected(text)


@settings(deadline=None)
@given(TEXTS, LANGUAGES)
def test_the_same_text_has_the_same_rewrites(text: str, language: str) -> None:
    assert normalise(text, language) == normalise(text, language)


def _between(text: str, rewrites: list[Rewrite]) -> list[tuple[int, int]]:
    starts = [0, *(one.end for one in rewrites)]
    ends = [*(one.start for one in rewrites), len(text)]
    return list(zip(starts, ends, strict=True))


def _protected(text: str) -> bool:
    return any(sign in text for sign in "[<")


@settings(deadline=None)
@given(TEXTS, st.sampled_from(["zh", "ja"]))
@example("5", "zh")
@example("[5]", "ja")
@example("是$カ百28月/682个人", "zh")
def test_no_letter_and_no_figure_goes_without_something_in_its_place(
    text: str, language: str
) -> None:
    for one in normalise(text, language, NormaliseOptions(emoji="keep")):
        figures_or_letters = any(map(str.isalnum, text[one.start : one.end]))
        assert one.text or not figures_or_letters or _aligned_elsewhere(text, language)


def _aligned_elsewhere(text: str, language: str) -> bool:
    """Whether as many are said as are written: a numeral may be matched with its neighbour's."""
    said = Rewritten(text, normalise(text, language, NormaliseOptions(emoji="keep"))).text
    return sum(map(str.isalnum, said)) >= sum(map(str.isalnum, text))
