"""The page about what models can do, and its agreement with the adapters."""

from __future__ import annotations

import re
from pathlib import Path

from stentor.providers.catalogue import BUILT_IN, provider_type
from stentor.providers.reference import markdown

PAGE = Path(__file__).parents[2] / "docs" / "capabilities.md"


def test_the_committed_page_is_the_generated_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), (
        "run: python -m stentor.providers.reference > docs/capabilities.md"
    )


def test_every_provider_has_a_section_that_the_overview_leads_to() -> None:
    page = markdown()
    headings = {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^## (.+)$", page, re.MULTILINE)
    }
    leads = dict(re.findall(r"^\| \[`([^`]+)`\]\(#([^)]+)\)", page, re.MULTILINE))
    assert leads.keys() == BUILT_IN.keys()
    assert set(leads.values()) == headings


def test_rows_have_as_many_cells_as_their_table() -> None:
    for table in re.findall(r"(?:^\|.*\n)+", markdown(), re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(widths) == 1, table


def test_a_row_says_what_the_adapter_says() -> None:
    can = provider_type("sarvam")().models["bulbul:v3"]
    assert (can.max_chars, can.speed, can.dictionaries) == (2500, (0.5, 2.0), True)
    row = next(line for line in markdown().splitlines() if line.startswith("| `bulbul:v3` |"))
    cells = [cell.strip() for cell in row.split("|")[2:-1]]
    assert cells[:5] == ["2,500 characters", "wav, flac, mp3, aac", "0.5 to 2", "11", "37"]
    assert cells[6] == "dictionaries, streaming"
