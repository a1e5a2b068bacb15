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
    config = load(file, {"ALICE_KEY": "correct-horse"})
    assert config.keys["alice"].value.reveal() == "correct-horse"


def test_every_default_is_a_value_that_its_option_accepts(tmp_path: Path) -> None:
    empty = tmp_path / "stentor.toml"
    empty.touch()
    defaults = {
        ".".join(option.path): option.default
        for option in options()
        if option.default not in (None, msgspec.NODEFAULT) and option.path == option.target
    }
    assert load(empty, {}, defaults) == Config()
