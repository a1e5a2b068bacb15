"""Written forms inside of sentences, and sentences in which there are none."""

import subprocess
import sys

import pytest

from stentor.text.normalise import NormaliseOptions, normalise, spoken
from stentor.text.rewrites import Rewrite


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            "On 3 May 2021 she paid $4.50 for 2 kg.",
            "On the third of May twenty twenty one she paid four dollars fifty cents for two "
            "kilograms.",
        ),
        (
            "He died on June 4, 2003, at 7:30 a.m. in New York, NY.",
            "He died on June fourth, two thousand three, at seven thirty AM in New York, New York.",
        ),
        (
            "Dr. Smith lives near St. Paul's, on Main St. in Dover.",
            "Doctor Smith lives near Saint Paul's, on Main Street in Dover.",
        ),
        (
            "See pp. 12-15, Fig. 3, and Chapter IV, e.g. on the 1990s.",
            "See pages twelve to fifteen, figure three, and Chapter four, for example on the "
            "nineteen nineties.",
        ),
        (
            "Henry VIII had six wives, and World War II ended in 1945.",
            "Henry the eighth had six wives, and World War two ended in nineteen forty five.",
        ),
        (
            "A 10-year-old ran 5.5 km/h in 20:15, i.e. slowly.",
            "A ten-year-old ran five point five kilometers per hour in twenty fifteen, that is "
            "slowly.",
        ),
        ("#GoodMorning @john_doe!", "hashtag good morning at john underscore doe!"),
        ("It took 1h30m, or 90 min.", "It took one hour thirty minutes, or ninety minutes."),
        ("45190 people came.", "forty five thousand one hundred and ninety people came."),
        (
            "Take 30 mg/kg/day on 5-7 May in the 2020/21 season.",
            "Take thirty milligrams per kilogram per day on the fifth to the seventh of May in "
            "the twenty twenty to twenty one season.",
        ),
        (
            "George V was king, I think; John Paul II was pope.",
            "George the fifth was king, I think; John Paul the second was pope.",
        ),
        (
            "Read 1 Cor. 13:4-7 at 0600 hrs.",
            "Read First Corinthians thirteen four to seven at zero six hundred hours.",
        ),
        ("She lives on Oak Dr. in town.", "She lives on Oak Drive in town."),
        ("red/green and R&D", "red slash green and R and D"),
    ],
)
def test_what_is_written_short_is_said_in_full(written: str, said: str) -> None:
    assert spoken(written) == said


@pytest.mark.parametrize(
    "text",
    [
        "I think that I, Charles I mean, am late; the part I like is over.",
        "You may go. The march was long, and the sun shines on Sat and Mon.",
        "Vitamin C, plan B, and a C major chord; mix it, Mister Who - or not...",
        "'Tis so, don't you know - well-known mother-in-law; rock 'n' roll.",
        "He said NO and left the IT department of the FBI with a DNA test.",
        "- * - ***** ===== ~~~~~ $$$$ ?!?! ..... -----",
        "",
        " ",
        "naïve café, Ελλάδα, мир, 今天",
    ],
)
def test_ordinary_prose_stays_as_it_is(text: str) -> None:
    assert normalise(text) == []


def test_an_abbreviation_at_the_end_keeps_the_full_stop_of_its_sentence() -> None:
    assert spoken("apples, pears, etc.") == "apples, pears, et cetera."
    assert spoken("Acme Inc. Then we left.") == "Acme incorporated. Then we left."
    assert spoken("He came at 5 p.m. Then he left.") == "He came at five PM. Then he left."


def test_a_text_in_capitals_is_said_in_words_but_for_abbreviations() -> None:
    assert spoken("NASA LAUNCHES A NEW ROCKET IN 2024") == (
        "NASA launches a new rocket in twenty twenty four"
    )


def test_one_word_in_capitals_is_left_to_the_voice() -> None:
    assert spoken("That is a VERY big ONE") == "That is a VERY big ONE"


def test_only_what_changes_is_rewritten() -> None:
    assert normalise("The price is $5 today") == [Rewrite(13, 15, "five dollars")]


def test_letters_that_look_like_a_word_come_with_their_sounds() -> None:
    assert normalise("at 4 a.m. sharp") == [
        Rewrite(3, 5, "four "),
        Rewrite(5, 9, "AM", "ˌeɪˈɛm"),
    ]


def test_each_of_several_such_words_has_its_own_place() -> None:
    assert normalise("9am-11am") == [
        Rewrite(0, 1, "nine "),
        Rewrite(1, 3, "AM", "ˌeɪˈɛm"),
        Rewrite(3, 6, " to eleven "),
        Rewrite(6, 8, "AM", "ˌeɪˈɛm"),
    ]


def test_such_a_word_has_its_sounds_where_nothing_else_changes_unless_it_may_be_a_word() -> None:
    assert normalise("An LED is lit") == [Rewrite(3, 6, "LED", "ˌɛliːˈdiː")]
    assert normalise("I AM here") == []


def test_emoji_are_said_by_their_names() -> None:
    assert spoken("Nice👍🏽!") == "Nice thumbs up!"
    assert spoken("Schön 😂", "de") == "Schön gesicht mit freudentränen"


def test_the_same_emoji_over_and_over_is_said_once() -> None:
    assert spoken("Ha 😂😂😂") == "Ha face with tears of joy"


def test_emoji_are_left_out_or_left_alone_by_option() -> None:
    assert spoken("a😂b", options=NormaliseOptions(emoji="drop")) == "a b"
    assert spoken("a😂b", options=NormaliseOptions(emoji="keep")) == "a😂b"


def test_signs_that_happen_to_be_emoji_are_not_named() -> None:
    assert spoken("Stentor™ © A → B") == "Stentor™ © A → B"


def test_a_language_without_rules_is_left_to_the_voice() -> None:
    assert normalise("В 2021 году 😂", "ru") == []
    assert normalise("5 kg", "") == []


def test_a_variety_of_a_language_is_read_by_its_rules() -> None:
    assert spoken("16 km", "pt-BR") == "dezesseis quilômetros"
    assert spoken("16 km", "pt_PT") == "dezasseis quilômetros"
    assert spoken("71 km", "fr-CH") == "septante et un kilomètres"


def test_the_readers_of_languages_are_loaded_by_their_first_text_only() -> None:
    code = """
import sys
from stentor.text.normalise import spoken
spoken("It is 5 p.m.")
print({"wetext", "kaldifst", "num2words", "emoji"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
