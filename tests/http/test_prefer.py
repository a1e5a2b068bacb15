"""The `Prefer` header of RFC 7240."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stentor.http.prefer import MAX_CHARS, preferences


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], {}),
        ([""], {}),
        (["wait=10"], {"wait": "10"}),
        (["Wait = 10"], {"wait": "10"}),
        (['wait="10"'], {"wait": "10"}),
        ([r'wait="1\0"'], {"wait": "10"}),
        (["respond-async, wait=10"], {"respond-async": "", "wait": "10"}),
        (["respond-async", "wait=10"], {"respond-async": "", "wait": "10"}),
        (["wait=10, wait=20"], {"wait": "10"}),
        (["wait=10; foo=bar; baz"], {"wait": "10"}),
        (['foo="a, wait=9", wait=10'], {"foo": "a, wait=9", "wait": "10"}),
        (["wait"], {"wait": ""}),
        (["wait="], {}),
        (["wait 10"], {}),
        (['wait="10'], {}),
        ([",, wait=10 ,"], {"wait": "10"}),
        (["wait=1" + " " * MAX_CHARS], {}),
    ],
)
def test_preferences_are_read_as_the_rfc_has_them(
    values: list[str], expected: dict[str, str]
) -> None:
    assert preferences(values) == expected


@given(st.lists(st.text(st.characters(max_codepoint=255))))
def test_whatever_is_sent_is_read_without_complaint(values: list[str]) -> None:
    assert all(name == name.lower() for name in preferences(values))


@given(st.text('"\\,;= a', max_size=MAX_CHARS))
def test_a_preference_that_follows_a_malformed_one_in_a_header_of_its_own_is_read(
    garbage: str,
) -> None:
    unbalanced = garbage.replace('"', "")
    assert preferences([unbalanced[: MAX_CHARS - 20], "last=yes"])["last"] == "yes"
