"""The page about the options, and its agreement with the schema."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from stentor.config import Config, load
from stentor.config.options import options
from stentor.config.reference import markdown

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_committed_page_is_the_generated_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), (
        "run: python -m stentor.config.reference > docs/configuration.md"
    )


def test_every_option_has_a_row_with_its_variable_and_a_meaning() -> None:
    for option in options():
        assert option.description, option.path
        pattern = rf"^\| `{option.path[-1]}` \|.*\| `{option.variable}` \| \S.* \|$"
        assert re.search(pattern, markdown(), re.MULTILINE), option.path


def test_the_pages_example_loads(tmp_path: Path) -> None:
    match = re.search(r"```toml\n(.*?)```", markdown(), re.DOTALL)
    assert match
    file = tmp_path / "stentor.toml"
    file.write_text(match[1])
    (tmp_path / "secrets").mkdir()
    for number in (1, 2):
        (tmp_path / "secrets" / f"elevenlabs-{number}").write_text(f"key {number}\n")
    config = load(file, {"ALICE_KEY": "correct-horse", "OPENAI_API_KEY": "sk"})
    assert config.keys["alice"].value.reveal() == "correct-horse"
    labels = [key.label for key in config.providers.named["elevenlabs"].labelled_keys]
    assert labels == ["key-1", "spare"]


def test_a_table_has_its_own_heading_as_the_file_would_have_it() -> None:
    headings = re.findall(r"^## (.*)$", markdown(), re.MULTILINE)
    assert len(set(headings)) == len(headings)
    assert {
        "[server]",
        "[providers.piper]",
        "[providers.NAME]",
        "[[providers.NAME.keys]]",
        "[providers.NAME.options]",
        "[providers.NAME.prices.MODEL]",
        "[models]",
        "[[models.ALIAS]]",
        "[voices.NAME]",
    } < set(headings)


def test_every_default_is_a_value_that_its_option_accepts(tmp_path: Path) -> None:
    empty = tmp_path / "stentor.toml"
    empty.touch()
    defaults = {
        ".".join(option.path): option.default
        for option in options()
        if option.default not in (None, msgspec.NODEFAULT) and option.path == option.target
    }
    assert load(empty, {}, defaults) == Config()
