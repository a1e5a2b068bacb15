"""Written forms and how they are said, from files of pairs."""

import re
from pathlib import Path

import pytest

from stentor.text.normalise import spoken

DATA = Path(__file__).parents[1] / "data"


def pairs(name: str) -> list[list[str]]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines[1:]]


def comparable(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]|_", " ", text.casefold()).split())


ENGLISH = pairs("normalisation-en.tsv")


@pytest.mark.parametrize("category", sorted({category for category, _, _ in ENGLISH}))
def test_english_forms_of_a_kind_are_read_as_people_read_them(category: str) -> None:
    wrong = [
        (written, wanted, said)
        for kind, written, wanted in ENGLISH
        if kind == category and comparable(said := spoken(written)) != comparable(wanted)
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("language", "written", "wanted"),
    [
        (language, written, wanted)
        for language, _, written, wanted in pairs("normalisation-others.tsv")
    ],
)
def test_other_languages_are_read_by_their_own_rules(
    language: str, written: str, wanted: str
) -> None:
    assert spoken(written, language) == wanted
