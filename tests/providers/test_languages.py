"""Languages as vendors write them."""

from __future__ import annotations

import pytest

from stentor.providers.languages import language_tag


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        ("en", "en"),
        ("EN_us", "en-US"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("zh-CN-liaoning", "zh-CN-liaoning"),
        ("English (US)", None),
        ("english", None),
        ("", None),
        (None, None),
        (3, None),
    ],
)
def test_a_language_becomes_a_tag_or_nothing(written: object, tag: str | None) -> None:
    assert language_tag(written) == tag
